"""All connections of the company: what needs a person first, then every connection with its health."""

from collections.abc import Sequence
from typing import Any

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
    negated,
    nothing,
)
from app.components.scripted import time_ago
from app.desk.dialogs import desk, reason, said
from app.desk.findings import finding, forecast
from app.desk.state import DeskState
from app.desk.upkeep.dialogs import upkeep_dialogs
from app.desk.upkeep.state import UpkeepState
from app.layouts.shell import Crumb, shell
from app.pages.all_integrations.state import OverviewState
from app.pages.all_integrations.view import Option, Row, StateFilter, Target
from app.session.state import SessionState


def page() -> rx.Component:
    """Return the page ``/admin/integrations``."""
    return shell(
        rx.el.div(
            rx.el.div(
                rx.el.h1("Integrations"),
                rx.el.p(
                    rx.cond(
                        OverviewState.phase == "ready",
                        rx.fragment(
                            OverviewState.summary,
                            rx.cond(
                                OverviewState.next_at != "",
                                rx.fragment(" The next one: ", time_ago(at=OverviewState.next_at), "."),
                            ),
                        ),
                        "All accounts your agents work through, and how they are.",
                    )
                ),
            ),
            class_name="page-head",
        ),
        rx.cond(
            OverviewState.banner_text != "",
            banner(
                OverviewState.banner_kind,
                rx.el.span(OverviewState.banner_text),
                button("Dismiss", kind="quiet small", on_click=OverviewState.dismiss_banner),
            ),
        ),
        said(),
        rx.match(
            OverviewState.phase,
            ("ready", _content()),
            ("failed", could_not_load("The integrations", OverviewState.trouble, again=OverviewState.load)),
            _bones(),
        ),
        desk(),
        upkeep_dialogs(),
        crumbs=(Crumb("Integrations"),),
        current=routes.ALL_INTEGRATIONS,
    )


def _content() -> rx.Component:
    return rx.el.div(
        rx.cond(
            has_any(OverviewState.findings),
            rx.el.section(
                rx.el.h2(
                    "Needs you ",
                    rx.el.span(OverviewState.findings.length(), class_name="count hot"),
                    class_name="section-title",
                ),
                rx.el.ul(rx.foreach(OverviewState.findings, finding), class_name="find-grid"),
                custom_attrs={"aria-label": "Needs you"},
            ),
        ),
        rx.el.section(
            rx.el.h2("Connections", class_name="section-title"),
            rx.cond(OverviewState.total > 0, _filters()),
            rx.cond(
                has_any(OverviewState.rows),
                rx.el.ul(
                    rx.foreach(OverviewState.rows, _row),
                    class_name="list-rows",
                    custom_attrs={"aria-label": "Connections"},
                ),
                rx.cond(OverviewState.is_filtered | (OverviewState.total > 0), _no_match(), _nothing_yet()),
            ),
        ),
        _targets(),
        class_name="stack",
    )


def _filters() -> rx.Component:
    return rx.el.div(
        rx.el.nav(
            rx.foreach(OverviewState.states, _state_filter),
            class_name="filters flush",
            custom_attrs={"aria-label": "Connections by state"},
        ),
        rx.el.div(
            _select("Provider", "provider", rx.Var.create(OverviewState.providers), "All services"),
            _select("Cause", "cause", rx.Var.create(OverviewState.causes), "Any cause"),
            _select("Agent", "agent", rx.Var.create(OverviewState.agents), "All agents"),
            rx.el.form(
                rx.el.input(
                    type="search",
                    name="q",
                    class_name="input",
                    default_value=OverviewState.filters["q"],
                    key=OverviewState.filters["q"],
                    placeholder="Account, name or agent",
                    custom_attrs={"aria-label": "Search connections"},
                ),
                rx.el.button("Search", type="submit", class_name="btn"),
                on_submit=OverviewState.search,
                class_name="search-form",
                role="search",
            ),
            class_name="filter-row",
        ),
        class_name="filter-box",
    )


def _state_filter(item: StateFilter) -> rx.Component:
    return link(
        item.label,
        " ",
        rx.el.span(item.count, class_name="num"),
        to=item.path,
        custom_attrs={"aria-current": rx.cond(item.current, "true", rx.Var.create(None))},
    )


def _select(label: str, name: str, options: rx.Var[Any], all_label: str) -> rx.Component:
    return rx.el.select(
        rx.el.option(all_label, value=""),
        rx.foreach(options, _option),
        class_name="input",
        value=OverviewState.filters[name],
        on_change=lambda value: OverviewState.show_only(name, value),
        custom_attrs={"aria-label": label},
    )


def _option(option: Option) -> rx.Component:
    return rx.el.option(option.label, value=option.value)


def _row(row: Row) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.span(
                rx.el.img(src=row.logo, alt="", width="20", height="20"),
                class_name="logo",
                custom_attrs={"aria-hidden": "true"},
            ),
            rx.el.div(
                rx.el.b(row.account),
                rx.el.p(row.provider_name, " · ", link(row.agent, to=row.agent_path, class_name="link")),
            ),
            rx.el.span(row.used_by, class_name="sub opt"),
            rx.el.span(
                rx.cond(
                    row.last_success_at != "",
                    rx.fragment("last success ", time_ago(at=row.last_success_at)),
                    "no success yet",
                ),
                class_name="sub opt",
            ),
            rx.el.div(
                chip(row.chip, row.chip_kind),
                rx.cond(row.cause != "", rx.el.span(row.cause, class_name="sub")),
                class_name="chip-cell",
            ),
            class_name="list-row",
        ),
        rx.foreach(row.findings, forecast),
        rx.el.div(
            rx.cond(
                row.is_open,
                rx.fragment(
                    button(
                        rx.cond(DeskState.busy == row.id, "At work…", "Test"),
                        kind="small",
                        reason=reason(),
                        disabled=DeskState.busy == row.id,
                        on_click=DeskState.test(row.id),
                    ),
                    rx.cond(
                        row.is_paused,
                        button("Resume", kind="small", reason=reason(), on_click=DeskState.resume(row.id)),
                        button("Pause", kind="small", reason=reason(), on_click=DeskState.pause(row.id)),
                    ),
                ),
            ),
            rx.cond(
                row.is_open,
                button(
                    "Rename or move",
                    kind="quiet small",
                    reason=reason(),
                    on_click=UpkeepState.open_settings(row.id),
                ),
            ),
            button("History", kind="quiet small", on_click=DeskState.open_history(row.id)),
            button("What came in", kind="quiet small", on_click=DeskState.open_log(row.id)),
            rx.el.span(
                rx.cond(
                    row.is_open,
                    button(
                        "Disconnect",
                        kind="quiet small danger",
                        reason=reason(),
                        on_click=DeskState.ask_disconnect(row.id),
                    ),
                    button(
                        "Delete for good",
                        kind="quiet small danger",
                        reason=reason(),
                        on_click=UpkeepState.ask_delete(row.id),
                    ),
                ),
                class_name="end",
            ),
            class_name="row-actions",
        ),
        custom_attrs={"aria-label": f"{row.provider_name}: {row.account}"},
    )


def _no_match() -> rx.Component:
    return nothing(
        "No connection matches",
        rx.el.p("Change the filters, or look at all that are in use. Disconnected ones are listed under their state."),
        link("Clear filters", to=routes.ALL_INTEGRATIONS, class_name="btn"),
    )


def _nothing_yet() -> rx.Component:
    return nothing(
        "Nothing is connected yet",
        rx.el.p("Accounts are connected on an agent's page; all of them are listed here with their health."),
        link("Go to the AI team", to=routes.TEAM, class_name="btn primary"),
    )


def _targets() -> rx.Component:
    return rx.el.section(
        rx.el.h2("Where owners are told", class_name="section-title"),
        rx.el.p(
            "When a connection is about to break or has broken, a notice goes to these places: once when it begins,"
            " once when it is over.",
            class_name="section-note",
        ),
        rx.cond(
            has_any(OverviewState.targets),
            rx.el.ul(
                rx.foreach(OverviewState.targets, _target),
                class_name="list-rows targets",
                custom_attrs={"aria-label": "Places where owners are told"},
            ),
            rx.el.p("Nobody is told yet: this page is the only place that says so.", class_name="section-note"),
        ),
        rx.cond(
            has_any(OverviewState.senders),
            rx.el.form(
                rx.el.div(
                    rx.el.label("Through", html_for="target-connection"),
                    rx.el.select(
                        rx.foreach(OverviewState.senders, _option),
                        id="target-connection",
                        name="connection_id",
                        class_name="input",
                    ),
                    rx.el.span(_problem("connection_id"), class_name="error", role="alert"),
                    class_name="field",
                ),
                field(
                    "Channel, person or number",
                    "channel_id",
                    error=_problem("channel_id"),
                    help_text="An id such as C0123456789, a number such as +14155550142, or an e-mail address.",
                    auto_complete="off",
                    max_length=120,
                ),
                field(
                    "What you call it (optional)",
                    "label",
                    error=_problem("label"),
                    help_text="Such as #ops.",
                    auto_complete="off",
                    max_length=80,
                ),
                rx.el.div(
                    rx.el.button(
                        "Tell owners there",
                        type="submit",
                        class_name="btn",
                        disabled=negated(SessionState.may_edit_connections) | (OverviewState.busy != ""),
                        title=reason(),
                    ),
                    class_name="actions",
                ),
                on_submit=OverviewState.add_target,
                class_name="form",
                no_validate=True,
                custom_attrs={"aria-label": "Add a place where owners are told"},
            ),
        ),
        custom_attrs={"aria-label": "Where owners are told"},
    )


def _problem(name: str) -> rx.Var[str]:
    return rx.cond(OverviewState.wrong_field == name, OverviewState.wrong_text, "")


def _target(item: Target) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.b(item.label),
            rx.el.p(item.place),
            rx.cond(item.trouble != "", rx.el.p(item.trouble, class_name="error-text")),
        ),
        rx.el.div(
            button(
                rx.cond(OverviewState.busy == item.id, "Sending…", "Send a test notice"),
                kind="small",
                reason=reason(),
                disabled=OverviewState.busy != "",
                on_click=OverviewState.send_test(item.id),
            ),
            button(
                "Remove",
                kind="quiet small danger",
                reason=reason(),
                on_click=OverviewState.delete_target(item.id),
                custom_attrs={"aria-label": f"Remove {item.label}"},
            ),
            class_name="actions",
        ),
    )


def _bones() -> rx.Component:
    cells: Sequence[Any] = [bone("34px", height="34px"), bone("70%"), bone("60%"), bone("50%"), bone("84px")]
    row = rx.el.div(*cells, class_name="list-row")
    return loading(rx.el.div(row, row, row, class_name="list-rows"), label="Loading the integrations")
