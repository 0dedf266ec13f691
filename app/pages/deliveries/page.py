"""The delivery log: what arrived, what became of it, and one repair for all that failed of the same."""

import reflex as rx

from app import routes
from app.components.elements import (
    banner,
    bone,
    button,
    chip,
    could_not_load,
    field,
    has_any,
    link,
    loading,
    nothing,
)
from app.components.scripted import modal, time_ago
from app.layouts.shell import Crumb, shell
from app.pages.deliveries.drawer import MAY_NOT_REPLAY, drawer
from app.pages.deliveries.replay import ReplayState
from app.pages.deliveries.shapes import Cause, Pill, Row
from app.pages.deliveries.state import DeliveriesState
from app.pages.deliveries.view import RANGES
from app.session.state import SessionState


def page() -> rx.Component:
    """Return the page ``/admin/deliveries``."""
    return shell(
        rx.el.div(
            rx.el.div(
                rx.el.h1("Deliveries"),
                rx.el.p("Every request that providers sent, what became of it, and what to do when it went wrong."),
            ),
            rx.el.div(class_name="grow"),
            rx.el.button(
                rx.cond(DeliveriesState.is_live, "Live", "Held"),
                type="button",
                class_name="btn small",
                on_click=DeliveriesState.toggle_live,
                custom_attrs={"aria-pressed": rx.cond(DeliveriesState.is_live, "true", "false")},
            ),
            class_name="page-head",
        ),
        _toolbar(),
        rx.cond(DeliveriesState.refused != "", banner("soon", rx.el.span(DeliveriesState.refused))),
        rx.cond(
            DeliveriesState.unknown,
            banner(
                "soon",
                rx.el.span("There is no such delivery. It may have been deleted, or the address is incomplete."),
                button("Dismiss", kind="quiet small", on_click=DeliveriesState.close),
            ),
        ),
        rx.match(
            DeliveriesState.phase,
            ("ready", _content()),
            ("failed", could_not_load("The deliveries", DeliveriesState.trouble, again=DeliveriesState.load)),
            loading(
                bone("100%", height="54px"),
                rx.el.br(),
                bone("100%", height="54px"),
                rx.el.br(),
                bone("100%", height="54px"),
                label="Loading the deliveries",
            ),
        ),
        drawer(),
        _question(),
        crumbs=(Crumb("Integrations", routes.ALL_INTEGRATIONS), Crumb("Deliveries")),
        current=routes.DELIVERIES,
    )


def _toolbar() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.label("Search by id", html_for="delivery-search", class_name="sr-only"),
            rx.el.input(
                key=f"search-{DeliveriesState.revision}",
                id="delivery-search",
                type="search",
                default_value=DeliveriesState.search.q,
                placeholder="Trace id, or the provider's id",
                auto_complete="off",
                max_length=200,
                class_name="input",
                on_change=DeliveriesState.type_search.debounce(300),
            ),
            role="search",
        ),
        rx.el.nav(rx.foreach(DeliveriesState.states, _pill), class_name="pills", custom_attrs={"aria-label": "States"}),
        rx.el.select(
            *(rx.el.option(label, value=name) for name, label, _ in RANGES),
            value=DeliveriesState.search.span,
            on_change=DeliveriesState.choose_range,
            class_name="input",
            style={"width": "auto"},
            custom_attrs={"aria-label": "Received"},
        ),
        rx.cond(
            has_any(DeliveriesState.narrowed),
            rx.el.nav(
                rx.foreach(DeliveriesState.narrowed, _removable),
                class_name="pills",
                custom_attrs={"aria-label": "Take a filter away"},
            ),
        ),
        class_name="toolbar",
    )


def _pill(item: Pill) -> rx.Component:
    return rx.cond(
        item.is_current,
        link(item.name, to=item.path, custom_attrs={"aria-current": "true"}),
        link(item.name, to=item.path),
    )


def _removable(item: Pill) -> rx.Component:
    return link(
        item.name,
        rx.el.span(" ×", custom_attrs={"aria-hidden": "true"}),
        rx.el.span(" (take away)", class_name="sr-only"),
        to=item.path,
    )


def _content() -> rx.Component:
    return rx.el.div(
        rx.cond(has_any(DeliveriesState.causes), _groups()),
        rx.cond(
            has_any(DeliveriesState.rows),
            rx.el.section(
                rx.el.h2("Latest", class_name="section-title"),
                rx.el.ul(
                    rx.foreach(DeliveriesState.rows, _row),
                    class_name="list-rows targets",
                    custom_attrs={"aria-label": "Deliveries"},
                ),
                rx.cond(DeliveriesState.next_cursor != "", button("Show earlier", on_click=DeliveriesState.show_more)),
                class_name="actions-part",
            ),
            rx.cond(
                DeliveriesState.is_narrowed,
                nothing(
                    "Nothing matches",
                    rx.el.p("No delivery fits these filters."),
                    link("Clear the filters", to=routes.DELIVERIES, class_name="btn"),
                ),
                nothing(
                    "No deliveries yet",
                    rx.el.p("Requests of connected services appear here as they arrive."),
                    link("Go to integrations", to=routes.ALL_INTEGRATIONS, class_name="btn"),
                ),
            ),
        ),
        class_name="actions-page",
    )


def _groups() -> rx.Component:
    return rx.el.section(
        rx.el.h2("What went wrong", class_name="section-title"),
        rx.el.ul(
            rx.foreach(DeliveriesState.causes, _cause),
            class_name="list-rows targets",
            custom_attrs={"aria-label": "Failures by cause"},
        ),
        class_name="actions-part",
    )


def _cause(item: Cause) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.b(item.reason),
            rx.el.p(item.provider_name, " · ", item.count, " · last ", time_ago(at=item.at)),
            rx.cond(item.cause != "", link("Show them", to=item.path, class_name="link")),
        ),
        rx.el.div(
            button(
                "Replay all…",
                reason=rx.cond(SessionState.may_replay, item.refusal, MAY_NOT_REPLAY),
                on_click=ReplayState.ask_group(item.provider, item.cause),
                custom_attrs={"aria-label": f"Replay all: {item.reason}"},
            ),
            class_name="actions",
        ),
    )


def _row(item: Row) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.b(
                link(
                    item.title,
                    to=item.path,
                    class_name="link",
                    scroll=False,
                    custom_attrs={"aria-expanded": rx.cond(item.is_open, "true", "false")},
                )
            ),
            rx.el.p(
                item.where,
                " · ",
                time_ago(at=item.at),
                rx.cond(item.took != "", rx.fragment(" · took ", item.took)),
            ),
            rx.cond(item.note != "", rx.el.p(item.note)),
        ),
        rx.el.div(chip(item.chip, item.chip_kind), class_name="chip-cell"),
    )


def _question() -> rx.Component:
    return modal(
        rx.el.p(ReplayState.meaning),
        rx.el.p(rx.el.b(ReplayState.count), role="status"),
        rx.el.form(
            rx.cond(
                ReplayState.may_double,
                rx.el.label(
                    rx.el.input(type="checkbox", name="may_double"),
                    " Send those too, although they may arrive twice",
                    class_name="check",
                ),
            ),
            field(
                "Reason",
                "reason",
                error=ReplayState.wrong,
                help_text="For the audit log.",
                auto_complete="off",
                max_length=300,
            ),
            rx.el.div(
                button("Back", on_click=ReplayState.close),
                rx.el.button(
                    rx.cond(ReplayState.is_busy, "At work…", ReplayState.title),
                    type="submit",
                    class_name="btn primary",
                    disabled=ReplayState.is_busy | ReplayState.is_empty,
                ),
                class_name="tail",
            ),
            key=ReplayState.kind,
            on_submit=ReplayState.carry_out,
            reset_on_submit=False,
            class_name="form",
            no_validate=True,
        ),
        heading=ReplayState.title,
        open=ReplayState.kind != "",
        on_dismiss=ReplayState.close,
    )
