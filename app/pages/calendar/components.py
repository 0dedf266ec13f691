"""The week's grid, the agenda, and the details of one meeting."""

import reflex as rx

from app.components.elements import Text, builder_of, button, chip, has_any, nothing
from app.components.scripted import modal
from app.pages.calendar.shapes import AgendaDay, Bar, Block, Day, Entry, Guest
from app.pages.calendar.state import CalendarState


class WeekBox(rx.Component):
    """The week's scroll box, which knows where to begin."""

    library = rx.asset("week_box.jsx", shared=True).importable_path
    tag = "WeekBox"
    week: rx.Var[str]
    hour: rx.Var[int]
    label: rx.Var[str]


week_box = builder_of(WeekBox)


def week() -> rx.Component:
    """Return the seven days with their hours."""
    return rx.el.div(
        week_box(
            rx.el.div(
                rx.el.div(
                    rx.el.span(CalendarState.zone_note, class_name="corner"),
                    rx.foreach(CalendarState.days, _day_head),
                    class_name="week-head",
                    custom_attrs={"aria-hidden": "true"},
                ),
                rx.cond(
                    has_any(CalendarState.bars),
                    rx.el.ol(
                        rx.foreach(CalendarState.bars, _bar),
                        class_name="bars",
                        custom_attrs={"aria-label": "All day, and longer"},
                    ),
                ),
                class_name="week-top",
            ),
            rx.el.div(
                rx.el.div(
                    *(rx.el.span(f"{hour:02}:00") for hour in range(24)),
                    class_name="hour-names",
                    custom_attrs={"aria-hidden": "true"},
                ),
                rx.foreach(CalendarState.days, _day),
                class_name="hours",
            ),
            week=CalendarState.week,
            hour=CalendarState.first_hour,
            label=f"Week {CalendarState.title}",
        ),
        rx.el.p(
            rx.cond(CalendarState.count == 0, rx.el.span("No meetings this week.")),
            rx.el.span("Booked by the agent", class_name="key own"),
            rx.el.span("Tentative", class_name="key tentative"),
            rx.el.span("Cancelled", class_name="key cancelled"),
            class_name="legend",
        ),
        class_name="week-frame",
    )


def agenda() -> rx.Component:
    """Return the week's meetings, day by day."""
    return rx.el.div(
        rx.cond(
            CalendarState.count == 0,
            nothing("No meetings this week", rx.el.p("What is booked for this week appears here at once.")),
            rx.foreach(CalendarState.agenda, _agenda_day),
        ),
        class_name="agenda",
    )


def details() -> rx.Component:
    """Return the dialog about one meeting."""
    item = CalendarState.detail
    return modal(
        rx.el.p(
            rx.el.b(item.when),
            rx.cond(item.elsewhere != "", rx.fragment(rx.el.br(), item.elsewhere)),
            class_name="when-line",
        ),
        rx.el.div(
            rx.cond(item.booked != "", chip(item.booked, "own")),
            rx.cond(item.status != "", chip(item.status, item.status_kind)),
            rx.cond(item.repeats, rx.el.span("One of a series", class_name="muted")),
            class_name="actions",
        ),
        rx.el.dl(
            _fact("Location", item.location),
            _fact("Organiser", item.organizer),
            _fact("Calendar", item.account),
            class_name="facts flush",
        ),
        rx.cond(
            has_any(item.guests),
            rx.el.section(
                rx.el.h3("Attendees"),
                rx.el.ul(rx.foreach(item.guests, _guest), class_name="guests"),
            ),
        ),
        rx.cond(
            item.description != "",
            rx.el.section(rx.el.h3("Description"), rx.el.p(item.description, class_name="as-written")),
        ),
        rx.el.div(
            _out("Open at the provider", item.html_url, class_name="btn"),
            _out("Join the call", item.meet_url, class_name="btn"),
            button("Done", on_click=CalendarState.close),
            class_name="tail",
        ),
        heading=item.title,
        open=item.id != "",
        on_dismiss=CalendarState.close,
    )


def _fact(label: str, value: Text) -> rx.Component:
    return rx.cond(value != "", rx.fragment(rx.el.dt(label), rx.el.dd(value)))


def _day_head(day: Day) -> rx.Component:
    return rx.el.div(
        day.name,
        rx.el.b(day.number, class_name="num"),
        class_name=rx.cond(day.is_today, "day-head today", "day-head"),
    )


def _bar(bar: Bar) -> rx.Component:
    return rx.el.li(
        rx.el.button(
            rx.el.b(bar.title),
            rx.el.span(", ", bar.time, _said(bar.notes), class_name="sr-only"),
            type="button",
            class_name=f"meet {bar.look}",
            title=f"{bar.title}, {bar.time}",
            on_click=CalendarState.open_meeting(bar.event_id),
        ),
        key=bar.key,
        style={"gridColumn": bar.column, "gridRow": bar.row},
    )


def _day(day: Day) -> rx.Component:
    return rx.el.div(
        rx.el.ol(rx.foreach(day.blocks, _block), custom_attrs={"aria-label": day.label}),
        rx.cond(day.is_today, rx.el.div(class_name="now", style={"top": day.now})),
        class_name=rx.cond(day.is_today, "day today", "day"),
        custom_attrs={"data-today": rx.cond(day.is_today, "true", "false")},
        key=day.key,
    )


def _block(block: Block) -> rx.Component:
    return rx.el.li(
        rx.el.button(
            rx.el.b(block.title),
            rx.el.span(block.time, class_name="num"),
            rx.el.span(_said(block.notes), class_name="sr-only"),
            type="button",
            class_name=f"meet {block.look}",
            title=f"{block.title}, {block.time}",
            on_click=CalendarState.open_meeting(block.event_id),
        ),
        key=block.key,
        style={"top": block.top, "height": block.height, "left": block.left, "width": block.width},
    )


def _said(notes: Text) -> rx.Component:
    return rx.cond(notes != "", rx.fragment(", ", notes))


def _agenda_day(day: AgendaDay) -> rx.Component:
    return rx.el.section(
        rx.el.h3(day.label, rx.cond(day.is_today, rx.el.span("Today", class_name="today-mark"))),
        rx.cond(
            has_any(day.meetings),
            rx.el.ul(rx.foreach(day.meetings, _entry), class_name="list-rows"),
            rx.el.p("Nothing today.", class_name="muted"),
        ),
        custom_attrs={"aria-label": day.label},
        key=day.key,
    )


def _entry(entry: Entry) -> rx.Component:
    return rx.el.li(
        rx.el.span(entry.time, class_name="num at"),
        rx.el.div(
            rx.el.div(
                rx.el.button(
                    entry.title,
                    type="button",
                    class_name=rx.cond(entry.is_off, "open off", "open"),
                    custom_attrs={"aria-haspopup": "dialog"},
                    on_click=CalendarState.open_meeting(entry.event_id),
                ),
                rx.cond(entry.booked != "", chip(entry.booked, "own")),
                rx.cond(entry.status != "", chip(entry.status, entry.status_kind)),
                class_name="actions",
            ),
            rx.cond(entry.location != "", rx.el.p(entry.location)),
            rx.cond(
                has_any(entry.guests),
                rx.el.ul(
                    rx.foreach(entry.guests, _guest),
                    rx.cond(entry.more_guests != "", rx.el.li(entry.more_guests)),
                    class_name="guests inline",
                    custom_attrs={"aria-label": "Attendees"},
                ),
            ),
        ),
        rx.el.div(
            _out("Join the call", entry.meet_url, about=entry.title),
            _out("Open at the provider", entry.html_url, about=entry.title),
            class_name="ways",
        ),
        class_name="entry-row",
        key=entry.key,
    )


def _guest(guest: Guest) -> rx.Component:
    return rx.el.li(guest.email, " ", rx.el.span(guest.answer, class_name=f"answer {guest.look}"))


def _out(label: str, url: Text, *, about: Text = "", class_name: str = "link") -> rx.Component:
    """Return a link that leaves for another site, if there is one."""
    return rx.cond(
        url != "",
        rx.el.a(
            label,
            rx.el.span(": ", about, class_name="sr-only") if isinstance(about, rx.Var) else rx.fragment(),
            href=url,
            target="_blank",
            rel="noopener noreferrer",
            class_name=class_name,
        ),
    )
