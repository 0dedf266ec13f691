"""An agent's settings."""

import reflex as rx

from app.components.elements import bone, button, could_not_load, field, loading, negated
from app.components.scripted import modal
from app.layouts.agent import agent_shell
from app.pages.agent_settings.limits_form import limits_section
from app.pages.agent_settings.limits_state import LimitsState
from app.pages.agent_settings.state import AgentSettingsState
from app.session.state import AgentState, SessionState

MAY_NOT_EDIT = "Your role may look at agents, not change them. Ask an owner of your company."


def page() -> rx.Component:
    """Return the page ``/admin/ai-team/{agent_id}``."""
    return agent_shell(
        rx.el.div(
            rx.match(
                AgentSettingsState.phase,
                ("ready", _settings()),
                ("failed", could_not_load("The settings", "", again=AgentSettingsState.load)),
                loading(bone("640px", height="38px"), rx.el.br(), bone("640px", height="120px"), label="Loading"),
            ),
            class_name="padded",
        ),
        _delete_dialog(),
        tab="Settings",
    )


def _reason() -> rx.Var[str]:
    return rx.cond(SessionState.may_edit_agents, "", MAY_NOT_EDIT)


def _wrong(name: str) -> rx.Var[str]:
    return rx.cond(AgentSettingsState.wrong_field == name, AgentSettingsState.wrong_text, "")


def _settings() -> rx.Component:
    locked = negated(SessionState.may_edit_agents)
    return rx.el.div(
        rx.el.section(
            rx.el.h2("Who the agent is", class_name="section-title"),
            rx.el.form(
                field("Name", "name", error=_wrong("name"), default_value=AgentSettingsState.name, disabled=locked),
                field(
                    "Purpose",
                    "purpose",
                    error=_wrong("purpose"),
                    help_text="One line for people: what it is for.",
                    default_value=AgentSettingsState.purpose,
                    disabled=locked,
                ),
                field(
                    "Instructions",
                    "instructions",
                    error=_wrong("instructions"),
                    help_text="What a model is told before each answer: tone, limits, hand-over. Never quoted.",
                    multiline=True,
                    rows="8",
                    default_value=AgentSettingsState.instructions,
                    disabled=locked,
                ),
                field(
                    "Model",
                    "model",
                    error=_wrong("model"),
                    help_text="Leave it empty to use this Patchbay's model. Without one, the playbook answers.",
                    default_value=AgentSettingsState.model,
                    placeholder="this Patchbay's model",
                    disabled=locked,
                ),
                rx.el.div(
                    rx.el.button(
                        rx.cond(AgentSettingsState.is_saving, "Saving…", "Save"),
                        type="submit",
                        class_name="btn primary",
                        disabled=locked | AgentSettingsState.is_saving,
                        title=_reason(),
                    ),
                    rx.el.span(_reason(), class_name="why-not"),
                    class_name="actions",
                ),
                key=f"settings-{AgentSettingsState.revision}",
                on_submit=AgentSettingsState.save,
                class_name="form",
                no_validate=True,
            ),
        ),
        rx.el.section(
            rx.el.h2("Answering", class_name="section-title"),
            rx.cond(
                AgentState.status == "paused",
                rx.fragment(
                    rx.el.p(
                        "Paused. What contacts write is received and shown; nobody is answered.",
                        class_name="section-note",
                    ),
                    button("Resume answering", kind="primary", on_click=AgentSettingsState.resume, reason=_reason()),
                ),
                rx.fragment(
                    rx.el.p(
                        "The agent answers wherever it is connected. Pausing silences it everywhere at once;"
                        " what contacts write is still received.",
                        class_name="section-note",
                    ),
                    button("Pause answering", on_click=AgentSettingsState.pause, reason=_reason()),
                ),
            ),
        ),
        rx.cond(LimitsState.is_loaded, limits_section(_reason())),
        rx.el.section(
            rx.el.h2("Delete", class_name="section-title"),
            rx.el.p("Only possible once nothing is connected to the agent any more.", class_name="section-note"),
            button("Delete agent", kind="danger", on_click=AgentSettingsState.ask_delete, reason=_reason()),
        ),
        class_name="stack",
    )


def _delete_dialog() -> rx.Component:
    return modal(
        rx.el.p(
            rx.el.b(AgentState.name),
            " is deleted with its playbook and its conversations. This cannot be undone.",
        ),
        rx.el.div(
            button("Keep the agent", on_click=AgentSettingsState.keep),
            button("Delete agent", kind="danger solid", on_click=AgentSettingsState.delete),
            class_name="tail",
        ),
        heading="Delete this agent?",
        open=AgentSettingsState.is_deleting,
        on_dismiss=AgentSettingsState.keep,
    )
