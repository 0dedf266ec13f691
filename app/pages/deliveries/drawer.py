"""One delivery: its times, what failed, what it held, and what can be done again."""

import reflex as rx

from app.components.elements import banner, button, chip, has_any, link
from app.components.scripted import copy_field, modal, time_ago
from app.pages.deliveries.replay import ReplayState
from app.pages.deliveries.shapes import Choice, Fact, Moment
from app.pages.deliveries.state import DeliveriesState
from app.session.state import SessionState

MAY_NOT_REPLAY = "Your role may see this, not replay it. Ask an owner of your company."
MAY_NOT_REVEAL = "Your role may see the masked content only. Ask an owner of your company."


def drawer() -> rx.Component:
    """Return the drawer with the delivery that the address names."""
    item = DeliveriesState.detail
    return modal(
        rx.el.div(
            chip(item.chip, item.chip_kind), link("Trace", to=item.trace, class_name="link"), class_name="actions"
        ),
        rx.el.p(item.reason),
        rx.cond(item.duplicates != "", banner("soon", rx.el.span(item.duplicates))),
        rx.el.dl(rx.foreach(item.facts, _fact), class_name="facts flush"),
        _moments("Times", item.moments),
        rx.cond(has_any(item.attempts), _moments("Failed attempts", item.attempts)),
        rx.el.section(
            rx.el.h3("Do again"), rx.el.ul(rx.foreach(item.choices, _choice), class_name="list-rows targets")
        ),
        rx.cond(has_any(item.replays), _moments("Replays", item.replays)),
        _body(),
        rx.cond(
            has_any(item.headers),
            rx.el.details(
                rx.el.summary("Headers that were kept"),
                rx.el.dl(rx.foreach(item.headers, _fact), class_name="facts flush"),
            ),
        ),
        copy_field(label="Delivery id", value=item.id, help="Also in the logs of every process."),
        heading=item.title,
        open=item.id != "",
        on_dismiss=DeliveriesState.close,
        class_name="drawer",
    )


def _fact(fact: Fact) -> rx.Component:
    return rx.fragment(rx.el.dt(fact.name), rx.el.dd(fact.value))


def _moments(heading: str, items: rx.Var[tuple[Moment, ...]] | tuple[Moment, ...]) -> rx.Component:
    return rx.el.section(
        rx.el.h3(heading),
        rx.el.ol(rx.foreach(items, _moment), class_name="steps trace", custom_attrs={"aria-label": heading}),
    )


def _moment(item: Moment) -> rx.Component:
    return rx.el.li(
        rx.el.div(rx.el.b(item.title), rx.cond(item.detail != "", rx.el.small(item.detail))),
        rx.el.div(
            rx.cond(item.offset != "", rx.el.span(item.offset, class_name="at")),
            rx.cond(item.at != "", rx.el.small(time_ago(at=item.at, mode="clock"))),
            class_name="when",
        ),
        class_name=item.status,
    )


def _choice(item: Choice) -> rx.Component:
    why_not = rx.cond(SessionState.may_replay, item.refusal, MAY_NOT_REPLAY)
    return rx.el.li(
        rx.el.div(rx.el.b(item.label), rx.cond(item.refusal != "", rx.el.p(item.refusal))),
        rx.el.div(
            button(
                "Do again…",
                reason=why_not,
                on_click=ReplayState.ask_one(DeliveriesState.detail.id, item.kind),
                custom_attrs={"aria-label": item.label},
            ),
            class_name="actions",
        ),
    )


def _body() -> rx.Component:
    item = DeliveriesState.detail
    is_whole = DeliveriesState.revealed != ""
    return rx.el.section(
        rx.el.h3("Content"),
        rx.el.p(
            rx.cond(is_whole, "As it came. That you looked is in the audit log.", item.body_note), class_name="muted"
        ),
        rx.cond(
            rx.cond(is_whole, True, item.body != ""),
            rx.el.pre(
                rx.cond(is_whole, DeliveriesState.revealed, item.body),
                class_name="as-written",
                tab_index=0,
                custom_attrs={"aria-label": "Content", "role": "region"},
            ),
        ),
        rx.cond(
            rx.cond(is_whole, True, item.is_pruned),
            rx.fragment(),
            button(
                "Show it whole",
                kind="small",
                reason=rx.cond(SessionState.may_reveal, "", MAY_NOT_REVEAL),
                on_click=DeliveriesState.reveal,
            ),
        ),
    )
