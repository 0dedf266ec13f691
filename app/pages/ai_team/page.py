"""The list of agents."""

import reflex as rx

from app import routes
from app.components.elements import bone, button, chip, could_not_load, field, has_any, link, loading, nothing
from app.components.scripted import modal, time_ago
from app.layouts.shell import Crumb, shell
from app.pages.ai_team.state import TeamState
from app.pages.ai_team.view import AgentRow, FirstStep
from app.session.state import SessionState

MAY_NOT_CREATE = "Your role may not create agents. Ask an owner of your company."


def page() -> rx.Component:
    """Return the page ``/admin/ai-team``."""
    return shell(
        rx.el.div(
            rx.el.div(
                rx.el.h1("AI team"),
                rx.el.p("Each agent answers where it is connected, and you see what it says and why."),
            ),
            rx.el.div(class_name="grow"),
            rx.cond(has_any(TeamState.rows), _new_agent_button()),
            class_name="page-head",
        ),
        rx.match(
            TeamState.phase,
            ("ready", _content()),
            ("failed", could_not_load("The agents", TeamState.trouble, again=TeamState.load)),
            _bones(),
        ),
        _form_dialog(),
        crumbs=(Crumb("AI team"),),
    )


def _content() -> rx.Component:
    return rx.fragment(
        rx.cond(
            has_any(TeamState.steps),
            rx.el.ol(
                rx.foreach(TeamState.steps, _step),
                class_name="card onboarding",
                custom_attrs={"aria-label": "First steps"},
            ),
        ),
        rx.cond(
            has_any(TeamState.rows),
            rx.el.ul(rx.foreach(TeamState.rows, _row), class_name="list-rows", custom_attrs={"aria-label": "Agents"}),
            nothing(
                "No agents yet",
                rx.el.p("Your agents will be listed here, with the channels they answer in and their last answer."),
                _new_agent_button("Create your first agent"),
            ),
        ),
    )


def _step(step: FirstStep) -> rx.Component:
    return rx.el.li(
        rx.el.span(step.number, class_name="dot", custom_attrs={"aria-hidden": "true"}),
        rx.el.div(
            rx.el.b(step.title, rx.cond(step.look == "done", rx.el.span(" (done)", class_name="sr-only"))),
            rx.el.p(step.detail),
            rx.cond(
                (step.look == "now") & (step.agent_id != ""),
                link("Go there", to=f"{routes.TEAM}/{step.agent_id}/integrations", class_name="link"),
            ),
        ),
        class_name=step.look,
    )


def _row(row: AgentRow) -> rx.Component:
    return rx.el.li(
        link(
            rx.el.span(row.initial, class_name="face", custom_attrs={"aria-hidden": "true"}),
            rx.el.div(rx.el.b(row.name), rx.el.p(row.purpose)),
            rx.el.div(
                rx.el.span(row.connections, class_name="sub"),
                rx.el.br(),
                rx.el.span(row.knowledge, class_name="sub"),
                class_name="opt",
            ),
            rx.el.span(
                rx.cond(
                    row.last_answer_at != "",
                    rx.fragment("last answer ", time_ago(at=row.last_answer_at)),
                    "no answer yet",
                ),
                class_name="sub opt",
            ),
            chip(row.chip, row.chip_kind),
            to=f"{routes.TEAM}/{row.id}/integrations",
            class_name="list-row",
        )
    )


def _new_agent_button(text: str = "New agent") -> rx.Component:
    return button(
        text,
        kind="primary",
        on_click=TeamState.open_form,
        reason=rx.cond(SessionState.may_edit_agents, "", MAY_NOT_CREATE),
    )


def _form_dialog() -> rx.Component:
    return modal(
        rx.el.form(
            field(
                "Name",
                "name",
                error=rx.cond(TeamState.wrong_field == "name", TeamState.wrong_text, ""),
                help_text="What contacts and colleagues call it.",
                placeholder="Bri",
                auto_complete="off",
                max_length=80,
            ),
            field(
                "Purpose",
                "purpose",
                error=rx.cond(TeamState.wrong_field == "purpose", TeamState.wrong_text, ""),
                help_text="One line for people: what it is for.",
                placeholder="Creator operations",
                auto_complete="off",
                max_length=200,
            ),
            field(
                "Instructions",
                "instructions",
                error=rx.cond(TeamState.wrong_field == "instructions", TeamState.wrong_text, ""),
                help_text="What a model is told before each answer: tone, limits, hand-over. Never quoted.",
                multiline=True,
                rows="5",
            ),
            rx.el.div(
                button("Cancel", kind="quiet", on_click=TeamState.close_form),
                rx.el.button(
                    rx.cond(TeamState.is_saving, "Creating…", "Create agent"),
                    type="submit",
                    class_name="btn primary",
                    disabled=TeamState.is_saving,
                ),
                class_name="tail",
            ),
            on_submit=TeamState.create,
            class_name="form",
            no_validate=True,
        ),
        heading="New agent",
        open=TeamState.is_creating,
        on_dismiss=TeamState.close_form,
    )


def _bones() -> rx.Component:
    row = rx.el.div(
        bone("44px", height="44px", circle=True),
        bone("70%"),
        bone("60%"),
        bone("50%"),
        bone("84px"),
        class_name="list-row",
    )
    return loading(rx.el.div(row, row, row, class_name="list-rows"), label="Loading the agents")
