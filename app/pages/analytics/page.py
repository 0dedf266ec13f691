"""Analytics: four numbers, four charts with their tables, and what each channel and each agent had of it."""

from collections.abc import Sequence

import reflex as rx

from app import routes
from app.components.elements import (
    bone,
    builder_of,
    button,
    could_not_load,
    has_any,
    link,
    loading,
    nothing,
)
from app.components.scripted import tick, time_ago
from app.layouts.shell import Crumb, shell
from app.pages.analytics.shapes import AgentChoice, Chart, Figure, Moment, Part, Pill
from app.pages.analytics.state import AnalyticsState
from app.pages.analytics.view import PART_HEADERS


class ChartBox(rx.Component):
    """A chart and its table, drawn in the browser; each point is a link."""

    library = rx.asset("chart.jsx", shared=True).importable_path
    tag = "Chart"
    chart: rx.Var[Chart]
    moments: rx.Var[list[Moment]]


_chart_box = builder_of(ChartBox)


def page() -> rx.Component:
    """Return the page ``/admin/analytics``."""
    return shell(
        rx.el.div(
            rx.el.div(
                rx.el.h1("Analytics"),
                rx.el.p("What came in, how soon it was answered, and what went wrong."),
            ),
            rx.el.div(class_name="grow"),
            rx.el.p(
                rx.cond(AnalyticsState.as_of != "", rx.fragment("Counted ", time_ago(at=AnalyticsState.as_of))),
                class_name="count",
            ),
            button("Refresh", kind="small", on_click=AnalyticsState.refresh),
            class_name="page-head",
        ),
        _toolbar(),
        tick(every=AnalyticsState.every, on_tick=AnalyticsState.refresh),
        rx.el.div(
            rx.match(
                AnalyticsState.phase,
                ("ready", rx.cond(AnalyticsState.has_any, _content(), _nothing())),
                ("failed", could_not_load("The numbers", AnalyticsState.trouble, again=AnalyticsState.load)),
                loading(
                    rx.el.div(*(bone("100%", height="92px") for _ in range(4)), class_name="figures"),
                    bone("100%", height="260px"),
                    label="Counting",
                ),
            ),
            custom_attrs={"aria-busy": rx.cond(AnalyticsState.is_busy, "true", "false")},
        ),
        crumbs=(Crumb("Analytics"),),
        current=routes.ANALYTICS,
    )


def _toolbar() -> rx.Component:
    return rx.el.div(
        _pills("Span of time", AnalyticsState.spans),
        _pills("Channels", AnalyticsState.channels),
        rx.el.select(
            rx.el.option("All agents", value=""),
            rx.foreach(AnalyticsState.agents, _agent),
            value=AnalyticsState.look.agent,
            on_change=AnalyticsState.choose_agent,
            class_name="input",
            style={"width": "auto", "maxWidth": "100%"},
            custom_attrs={"aria-label": "Agent"},
        ),
        class_name="toolbar",
    )


def _pills(label: str, items: rx.Var[Sequence[Pill]]) -> rx.Component:
    return rx.el.nav(rx.foreach(items, _pill), class_name="pills", custom_attrs={"aria-label": label})


def _pill(item: Pill) -> rx.Component:
    return rx.cond(
        item.is_current,
        link(item.name, to=item.path, custom_attrs={"aria-current": "true"}),
        link(item.name, to=item.path),
    )


def _agent(item: AgentChoice) -> rx.Component:
    return rx.el.option(item.name, value=item.id)


def _nothing() -> rx.Component:
    return rx.fragment(
        _dead(),
        rx.cond(
            AnalyticsState.is_narrowed,
            nothing(
                "Nothing matches",
                rx.el.p("No message fits these filters in this time."),
                link("Clear the filters", to=routes.ANALYTICS, class_name="btn"),
            ),
            nothing(
                "Nothing came in during this time",
                rx.el.p("Messages that contacts write to your agents are counted here as they arrive."),
                link("Go to integrations", to=routes.ALL_INTEGRATIONS, class_name="btn"),
            ),
        ),
    )


def _content() -> rx.Component:
    return rx.el.div(
        rx.el.dl(rx.foreach(AnalyticsState.figures, _figure), class_name="figures"),
        rx.el.p(AnalyticsState.zone_note, class_name="section-note"),
        _dead(),
        rx.foreach(AnalyticsState.charts, _chart),
        _parts("By channel", "channels", "Channel", AnalyticsState.by_channel),
        _parts("By agent", "agents", "Agent", AnalyticsState.by_agent),
        class_name="analytics",
    )


def _dead() -> rx.Component:
    return rx.cond(
        AnalyticsState.dead != "",
        rx.el.div(
            rx.el.span(AnalyticsState.dead),
            link("See them", to=AnalyticsState.dead_log, class_name="btn quiet small"),
            class_name="banner broken",
        ),
    )


def _figure(item: Figure) -> rx.Component:
    return rx.el.div(
        rx.el.dt(item.title),
        rx.el.dd(rx.el.b(item.value), rx.el.span(item.note), rx.el.span(item.change)),
        class_name="card figure",
    )


def _chart(item: Chart) -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.div(rx.el.h2(item.title), rx.el.p(item.note, class_name="section-note")),
            _download(item.key, item.title),
            class_name="chart-head",
        ),
        _chart_box(chart=item, moments=AnalyticsState.moments),
        class_name="card chart",
        custom_attrs={"aria-label": item.title},
    )


def _parts(title: str, key: str, first: str, items: rx.Var[Sequence[Part]]) -> rx.Component:
    """Return a table, whose rows are cards on a phone; the roles stay, whatever the stylesheet makes of them."""
    return rx.cond(
        has_any(items),
        rx.el.section(
            rx.el.div(rx.el.h2(title), _download(key, title), class_name="chart-head"),
            rx.el.table(
                rx.el.thead(
                    rx.el.tr(
                        *(
                            rx.el.th(header, scope="col", custom_attrs={"role": "columnheader"})
                            for header in (first, *PART_HEADERS)
                        ),
                        rx.el.th(
                            rx.el.span("Log", class_name="sr-only"),
                            scope="col",
                            custom_attrs={"role": "columnheader"},
                        ),
                        custom_attrs={"role": "row"},
                    ),
                    custom_attrs={"role": "rowgroup"},
                ),
                rx.el.tbody(rx.foreach(items, _part), custom_attrs={"role": "rowgroup"}),
                class_name="by-part",
                custom_attrs={"role": "table", "aria-label": title},
            ),
            class_name="card chart",
            custom_attrs={"aria-label": title},
        ),
    )


def _part(item: Part) -> rx.Component:
    return rx.el.tr(
        rx.el.th(link(item.name, to=item.path, class_name="link"), scope="row", custom_attrs={"role": "rowheader"}),
        *(
            rx.el.td(item.cells[place], custom_attrs={"role": "cell", "data-label": header})
            for place, header in enumerate(PART_HEADERS)
        ),
        rx.el.td(
            link("Open log", rx.el.span(" of ", item.name, class_name="sr-only"), to=item.log, class_name="link"),
            custom_attrs={"role": "cell"},
        ),
        custom_attrs={"role": "row"},
    )


def _download(key: rx.Var[str] | str, title: rx.Var[str] | str) -> rx.Component:
    return button(
        "Download CSV",
        kind="small",
        on_click=AnalyticsState.download(key),
        custom_attrs={"aria-label": f"Download CSV: {title}"},
    )
