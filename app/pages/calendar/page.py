"""An agent's calendar: how we know of changes, and the week as a grid or as an agenda."""

import reflex as rx

from app.components.elements import banner, bone, button, chip, could_not_load, has_any, link, loading, nothing
from app.components.scripted import modal, tick, time_ago
from app.layouts.agent import agent_shell
from app.pages.calendar.components import agenda, details, week
from app.pages.calendar.shapes import Choice, Source
from app.pages.calendar.state import CalendarState
from app.pages.calendar.view import AGENDA, WEEK
from app.session.state import SessionState

MAY_NOT = "Your role may look at calendars, not read them anew or change the time zone. Ask an owner."
_WAITING, _IDLE = 2_000, 60_000
"""How often to look again, in milliseconds: while a sync is waited for, and for the line at now."""


def page() -> rx.Component:
    """Return the page ``/admin/ai-team/{agent_id}/calendar``."""
    return agent_shell(
        rx.el.div(
            rx.match(
                CalendarState.phase,
                ("ready", rx.cond(has_any(CalendarState.sources), _calendar(), _not_connected())),
                ("failed", could_not_load("The calendar", CalendarState.trouble, again=CalendarState.load)),
                _bones(),
            ),
            class_name="padded cal",
        ),
        details(),
        _zone_dialog(),
        tab="Calendar",
    )


def _calendar() -> rx.Component:
    return rx.fragment(
        tick(every=rx.cond(CalendarState.is_reading, _WAITING, _IDLE), on_tick=CalendarState.refresh),
        rx.el.ul(
            rx.foreach(CalendarState.sources, _source),
            class_name="sources list-rows",
            custom_attrs={"aria-label": "Calendars"},
        ),
        _toolbar(),
        rx.cond(
            CalendarState.is_cut,
            banner(
                "soon", rx.el.span("There are more meetings in this week than are drawn here; the first are shown.")
            ),
        ),
        rx.match(
            CalendarState.view,
            (WEEK, week()),
            (AGENDA, agenda()),
            # The address has no wish: the width of the window decides, without asking the server.
            rx.fragment(rx.el.div(week(), class_name="only-wide"), rx.el.div(agenda(), class_name="only-narrow")),
        ),
    )


def _source(source: Source) -> rx.Component:
    return rx.el.li(
        rx.el.div(rx.el.b(source.account), rx.el.p(source.today), class_name="whose"),
        rx.el.dl(
            rx.el.dt("Watch"),
            rx.el.dd(chip(source.watch, source.watch_kind), rx.el.p(source.means)),
            rx.el.dt("Last synced"),
            rx.el.dd(
                rx.cond(
                    source.synced_at != "",
                    rx.fragment(time_ago(at=source.synced_at), "."),
                    "not yet: its meetings are being read for the first time.",
                ),
                rx.el.p(
                    rx.cond(source.is_reading, "Reading the calendar…", source.note),
                    class_name=rx.cond(source.is_failing, "error-text", ""),
                    role="status",
                ),
            ),
            class_name="facts flush",
        ),
        button(
            rx.cond(source.is_reading, "Reading…", "Sync now"),
            reason=rx.cond(SessionState.may_edit_connections, source.not_now, MAY_NOT),
            on_click=CalendarState.sync(source.id),
            custom_attrs={"aria-busy": rx.cond(source.is_reading, "true", "false")},
        ),
        class_name="source",
        key=source.id,
    )


def _toolbar() -> rx.Component:
    return rx.el.div(
        rx.el.nav(
            link(
                "‹", to=CalendarState.paths.before, class_name="btn icon", custom_attrs={"aria-label": "Previous week"}
            ),
            link("Today", to=CalendarState.paths.today, class_name="btn"),
            link("›", to=CalendarState.paths.after, class_name="btn icon", custom_attrs={"aria-label": "Next week"}),
            class_name="actions",
            custom_attrs={"aria-label": "Week"},
        ),
        rx.el.h2(CalendarState.title, custom_attrs={"aria-live": "polite"}),
        rx.el.div(class_name="grow"),
        rx.cond(
            has_any(CalendarState.choices),
            rx.el.nav(
                rx.foreach(CalendarState.choices, _choice),
                class_name="pills",
                custom_attrs={"aria-label": "Calendars shown"},
            ),
        ),
        rx.match(
            CalendarState.view,
            (WEEK, _switch(WEEK)),
            (AGENDA, _switch(AGENDA)),
            rx.fragment(
                rx.el.div(_switch(WEEK), class_name="only-wide"), rx.el.div(_switch(AGENDA), class_name="only-narrow")
            ),
        ),
        rx.el.p(
            rx.el.span(
                "Times in ",
                CalendarState.zone,
                rx.cond(
                    CalendarState.zone != CalendarState.zone_note,
                    rx.fragment(" (", CalendarState.zone_note, ")"),
                ),
            ),
            button(
                "Change time zone…",
                kind="quiet small",
                reason=rx.cond(SessionState.may_edit_connections, "", MAY_NOT),
                on_click=CalendarState.ask_zone,
            ),
            class_name="zone-line",
        ),
        class_name="cal-bar",
    )


def _switch(current: str) -> rx.Component:
    return rx.el.nav(
        *(
            link(label, to=to, custom_attrs={"aria-current": "true"} if name == current else {})
            for name, label, to in (
                (WEEK, "Week", CalendarState.paths.week),
                (AGENDA, "Agenda", CalendarState.paths.agenda),
            )
        ),
        class_name="pills",
        custom_attrs={"aria-label": "View"},
    )


def _choice(choice: Choice) -> rx.Component:
    return rx.cond(
        choice.is_current,
        link(choice.name, to=choice.path, custom_attrs={"aria-current": "true"}),
        link(choice.name, to=choice.path),
    )


def _not_connected() -> rx.Component:
    return nothing(
        "No calendar is connected",
        rx.el.p("Connect one, and its meetings and what the agent books stand here, kept up to date by themselves."),
        link("Connect a calendar", to=CalendarState.connect_path, class_name="btn primary"),
    )


def _zone_dialog() -> rx.Component:
    return modal(
        rx.el.p("In this zone the days of your company begin and end. Meetings keep their time; the clock changes."),
        rx.el.form(
            rx.el.div(
                rx.el.label("Time zone", html_for="cal-zone"),
                rx.el.select(
                    rx.foreach(CalendarState.zones, _zone),
                    id="cal-zone",
                    name="time_zone",
                    class_name="input",
                    default_value=CalendarState.zone,
                    custom_attrs={"aria-describedby": "cal-zone-error"},
                ),
                rx.el.span(CalendarState.wrong_text, id="cal-zone-error", class_name="error", role="alert"),
                class_name="field",
            ),
            rx.el.div(
                button("Keep it", on_click=CalendarState.close),
                rx.el.button(
                    rx.cond(CalendarState.is_busy, "Saving…", "Save"),
                    type="submit",
                    class_name="btn primary",
                    disabled=CalendarState.is_busy,
                ),
                class_name="tail",
            ),
            on_submit=CalendarState.choose_zone,
            class_name="form",
        ),
        heading="Time zone of your company",
        open=CalendarState.is_choosing_zone,
        on_dismiss=CalendarState.close,
    )


def _zone(name: str) -> rx.Component:
    return rx.el.option(name, value=name)


def _bones() -> rx.Component:
    return loading(
        rx.el.div(
            rx.el.div(bone("60%"), bone("70%"), bone("84px", height="34px"), class_name="source"),
            class_name="sources list-rows",
        ),
        rx.el.div(bone("110px", height="34px"), bone("200px", height="20px"), class_name="cal-bar"),
        bone("100%", height="420px"),
        label="Loading the calendar",
    )
