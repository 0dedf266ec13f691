"""The delivery log: what arrived, what became of it, and one repair for all that failed of the same."""

import reflex as rx

from app import routes
from app.components.elements import (
    banner,
    bone,
    button,
    chip,
    could_not_load,
    has_any,
    link,
    loading,
    nothing,
)
from app.components.scripted import address_search, time_ago, top_mark
from app.layouts.shell import Crumb, shell
from app.pages.deliveries.drawer import drawer
from app.pages.deliveries.shapes import Option, Pill, Row
from app.pages.deliveries.state import DeliveriesState
from app.pages.deliveries.together import all_of_them, groups, question
from app.pages.deliveries.view import RANGES


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
        question(),
        crumbs=(Crumb("Integrations", routes.ALL_INTEGRATIONS), Crumb("Deliveries")),
        current=routes.DELIVERIES,
    )


def _toolbar() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            address_search(name="q", label="Search by id", placeholder="Trace id, or the provider's id", drops=["d"]),
            role="search",
        ),
        rx.el.nav(rx.foreach(DeliveriesState.states, _pill), class_name="pills", custom_attrs={"aria-label": "States"}),
        rx.el.div(
            rx.el.select(
                *(rx.el.option(label, value=name) for name, label, _ in RANGES),
                value=DeliveriesState.search.span,
                on_change=DeliveriesState.choose_range,
                class_name="input",
                custom_attrs={"aria-label": "Received"},
            ),
            rx.el.select(
                rx.el.option("Every service", value=""),
                rx.foreach(DeliveriesState.services, _option),
                value=DeliveriesState.search.connection,
                on_change=DeliveriesState.choose_connection,
                class_name="input",
                custom_attrs={"aria-label": "Service"},
            ),
            class_name="selects",
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


def _option(item: Option) -> rx.Component:
    return rx.el.option(item.name, value=item.value)


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
        rx.cond(has_any(DeliveriesState.causes), groups()),
        rx.cond(
            has_any(DeliveriesState.rows),
            rx.el.section(
                rx.cond(DeliveriesState.is_narrowed, all_of_them()),
                rx.el.h2("Latest", id="latest-deliveries", class_name="section-title"),
                rx.el.div(
                    top_mark(on_pass=DeliveriesState.pass_top),
                    _fresh(),
                    rx.el.ul(
                        rx.foreach(DeliveriesState.rows, _row),
                        class_name="list-rows targets",
                        custom_attrs={"aria-label": "Deliveries"},
                    ),
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


def _fresh() -> rx.Component:
    """Return what stands above a list that stays where it is while others arrive."""
    return rx.el.div(
        rx.cond(
            DeliveriesState.fresh != "",
            button(DeliveriesState.fresh + " ↑", kind="small", on_click=DeliveriesState.show_fresh),
        ),
        role="status",
        class_name="fresh-rows",
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
