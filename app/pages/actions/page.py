"""An agent's actions: what waits for a person, what it may do, and what it did."""

import reflex as rx

from app import routes
from app.components.elements import bone, button, chip, could_not_load, field, has_any, link, loading, negated
from app.components.scripted import modal, time_ago
from app.layouts.agent import agent_shell
from app.pages.actions.state import ActionsState
from app.pages.actions.view import STATES, Detail, Grant, Group, Run
from app.session.state import SessionState

MAY_NOT_GRANT = "Your role may see this, not change it. Ask an owner of your company."
MAY_NOT_DECIDE = "Your role may see this, not decide on it. Ask an owner of your company."


def page() -> rx.Component:
    """Return the page ``/admin/ai-team/{agent_id}/actions``."""
    return agent_shell(
        rx.el.div(
            rx.match(
                ActionsState.phase,
                ("ready", _content()),
                ("failed", could_not_load("The actions", ActionsState.trouble, again=ActionsState.load)),
                loading(
                    bone("min(820px, 100%)", height="120px"),
                    rx.el.br(),
                    bone("min(820px, 100%)", height="180px"),
                    label="Loading the actions",
                ),
            ),
            class_name="padded",
        ),
        _question(),
        tab="Actions",
    )


def _content() -> rx.Component:
    return rx.el.div(
        rx.cond(has_any(ActionsState.waiting), _waiting()),
        rx.el.section(
            rx.el.h2("What it may do", class_name="section-title"),
            rx.el.p(
                "The agent knows only actions that are not off. With “Ask first” it proposes, and a person decides.",
                class_name="section-note",
            ),
            rx.cond(
                has_any(ActionsState.groups),
                rx.fragment(rx.foreach(ActionsState.groups, _group)),
                rx.el.p(
                    "Nothing yet: connect an account first. ",
                    link(
                        "Go to integrations",
                        to=f"{routes.TEAM}/{ActionsState.agent_id}/integrations",
                        class_name="link",
                    ),
                    class_name="section-note",
                ),
            ),
            class_name="actions-part",
        ),
        rx.el.section(
            rx.el.h2("What it did", class_name="section-title"),
            rx.el.div(
                *(_filter(state, label) for state, label in STATES),
                class_name="actions",
                role="group",
                custom_attrs={"aria-label": "Show"},
            ),
            rx.cond(
                has_any(ActionsState.runs),
                rx.el.ul(
                    rx.foreach(ActionsState.runs, _run),
                    class_name="list-rows targets",
                    custom_attrs={"aria-label": "Action log"},
                ),
                rx.el.p(
                    "Nothing here yet. Every action the agent asks for is kept in this list.", class_name="section-note"
                ),
            ),
            rx.cond(ActionsState.next_cursor != "", button("Show earlier", on_click=ActionsState.show_more)),
            class_name="actions-part",
        ),
        class_name="actions-page",
    )


def _waiting() -> rx.Component:
    return rx.el.section(
        rx.el.h2(
            "Waits for you", rx.el.span(ActionsState.waiting.length(), class_name="count"), class_name="section-title"
        ),
        rx.el.ul(
            rx.foreach(ActionsState.waiting, _proposal),
            class_name="list-rows targets",
            custom_attrs={"aria-label": "Waits for you"},
        ),
        class_name="actions-part",
    )


def _proposal(run: Run) -> rx.Component:
    why_not = rx.cond(SessionState.may_decide_actions, "", MAY_NOT_DECIDE)
    return rx.el.li(
        rx.el.div(
            rx.el.b(run.title),
            rx.el.p(run.where, " · asked ", time_ago(at=run.at)),
            rx.el.dl(rx.foreach(run.details, _detail), class_name="facts flush"),
            rx.cond(run.conversation != "", link("Read the conversation", to=run.conversation, class_name="link")),
        ),
        rx.el.div(
            button(
                "Approve…",
                kind="primary",
                reason=why_not,
                on_click=ActionsState.ask(run.id, "approve"),
                custom_attrs={"aria-label": f"Approve: {run.title}"},
            ),
            button(
                "Reject…",
                reason=why_not,
                on_click=ActionsState.ask(run.id, "reject"),
                custom_attrs={"aria-label": f"Reject: {run.title}"},
            ),
            class_name="actions",
        ),
    )


def _group(group: Group) -> rx.Component:
    return rx.el.div(
        rx.el.h3(rx.el.img(src=group.logo, alt="", width="16", height="16"), " ", group.name),
        rx.el.ul(rx.foreach(group.grants, _grant), class_name="list-rows targets"),
        class_name="action-group",
    )


def _grant(grant: Grant) -> rx.Component:
    return rx.el.li(
        rx.el.div(rx.el.b(grant.label), rx.el.p(grant.description), rx.el.p(grant.note)),
        rx.el.select(
            rx.el.option("Off", value=""),
            rx.el.option("Ask first", value="approval"),
            rx.el.option("Allowed", value="allowed"),
            value=grant.mode,
            disabled=negated(SessionState.may_edit_agents),
            title=rx.cond(SessionState.may_edit_agents, "", MAY_NOT_GRANT),
            on_change=lambda mode: ActionsState.grant(grant.key, mode),
            class_name="input",
            custom_attrs={"aria-label": f"How far it may go: {grant.label}"},
        ),
    )


def _run(run: Run) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.b(run.title),
            rx.el.p(run.where, " · ", time_ago(at=run.at)),
            rx.cond(run.said != "", rx.el.p(run.said)),
            rx.cond(run.decided != "", rx.el.p(run.decided)),
            rx.el.details(
                rx.el.summary("What it was given"),
                rx.el.dl(rx.foreach(run.details, _detail), class_name="facts flush"),
                class_name="more",
            ),
        ),
        rx.el.div(
            chip(run.chip, run.chip_kind), link("Trace", to=run.trace, class_name="link"), class_name="chip-cell"
        ),
    )


def _detail(detail: Detail) -> rx.Component:
    return rx.fragment(rx.el.dt(detail.label), rx.el.dd(detail.value))


def _filter(state: str, label: str) -> rx.Component:
    return rx.el.button(
        label,
        type="button",
        class_name="btn small",
        on_click=ActionsState.show_only(state),
        custom_attrs={"aria-pressed": rx.cond(ActionsState.show == state, "true", "false")},
    )


def _question() -> rx.Component:
    is_yes = ActionsState.verdict == "approve"
    return modal(
        rx.el.p(rx.el.b(ActionsState.asked_title)),
        rx.el.p(
            rx.cond(
                is_yes,
                "It is carried out at once, and the contact is told.",
                "It is not carried out, and the contact is told so.",
            )
        ),
        rx.el.form(
            field(
                "Note",
                "note",
                error=ActionsState.wrong,
                help_text="For the log; the contact does not see it. May stay empty.",
                auto_complete="off",
                max_length=300,
            ),
            rx.el.div(
                button("Back", on_click=ActionsState.close),
                rx.el.button(
                    rx.cond(ActionsState.is_busy, "At work…", rx.cond(is_yes, "Approve", "Reject")),
                    type="submit",
                    class_name=rx.cond(is_yes, "btn primary", "btn danger solid"),
                    disabled=ActionsState.is_busy,
                ),
                class_name="tail",
            ),
            key=ActionsState.asked,
            on_submit=ActionsState.decide,
            reset_on_submit=False,
            class_name="form",
            no_validate=True,
        ),
        heading=rx.cond(is_yes, "Approve this action?", "Reject this action?"),
        open=ActionsState.asked != "",
        on_dismiss=ActionsState.close,
    )
