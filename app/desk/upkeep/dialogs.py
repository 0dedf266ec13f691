"""The dialogs that rename and move a connection, and that delete a disconnected one for good."""

import reflex as rx

from app.components.elements import button, field
from app.components.scripted import modal
from app.desk.state import Choice
from app.desk.upkeep.state import UpkeepState


def upkeep_dialogs() -> rx.Component:
    """Return both dialogs; the state shows one of them at most."""
    return rx.fragment(_settings(), _delete())


def _settings() -> rx.Component:
    item = UpkeepState.item
    return modal(
        rx.el.p(rx.el.b(item.title), " (", item.account_name, ")"),
        rx.el.form(
            field(
                "What you call it",
                "name",
                error=_wrong("name"),
                help_text="Shown instead of the account's own name. Leave it empty to go by that.",
                default_value=item.name,
                placeholder=item.account_name,
                max_length=80,
                auto_complete="off",
            ),
            rx.el.div(
                rx.el.label("Belongs to", html_for="upkeep-agent"),
                rx.el.select(
                    rx.el.option("The whole company", value=""),
                    rx.foreach(UpkeepState.agents, _choice),
                    id="upkeep-agent",
                    name="agent_id",
                    class_name="input",
                    default_value=item.agent_id,
                    custom_attrs={"aria-describedby": "upkeep-agent-help upkeep-agent-error"},
                ),
                rx.el.span(
                    "Who answers there from the next message on.",
                    id="upkeep-agent-help",
                    class_name="help",
                ),
                rx.el.span(_wrong("agent_id"), id="upkeep-agent-error", class_name="error", role="alert"),
                class_name="field",
            ),
            rx.el.div(
                button("Cancel", on_click=UpkeepState.close),
                rx.el.button(
                    rx.cond(UpkeepState.is_busy, "Saving…", "Save"),
                    type="submit",
                    class_name="btn primary",
                    disabled=UpkeepState.is_busy,
                ),
                class_name="tail",
            ),
            key=item.id,
            on_submit=UpkeepState.save,
            class_name="form",
            no_validate=True,
        ),
        heading="Rename or move",
        open=UpkeepState.dialog == "settings",
        on_dismiss=UpkeepState.close,
    )


def _delete() -> rx.Component:
    item = UpkeepState.item
    return modal(
        rx.el.p(rx.el.b(item.title), " (", item.account, ") is disconnected already. If you delete it:"),
        rx.el.ul(rx.foreach(UpkeepState.effects, _effect), class_name="effects"),
        rx.el.form(
            rx.el.div(
                rx.el.label(
                    rx.el.input(type="checkbox", name="sure", custom_attrs={"aria-describedby": "upkeep-sure-error"}),
                    rx.el.span("I know that nobody can bring it back"),
                ),
                rx.el.span(_wrong("sure"), id="upkeep-sure-error", class_name="error-text", role="alert"),
                class_name="choices",
            ),
            rx.el.div(
                button("Keep it", on_click=UpkeepState.close),
                rx.el.button(
                    rx.cond(UpkeepState.is_busy, "Deleting…", "Delete for good"),
                    type="submit",
                    class_name="btn danger solid",
                    disabled=UpkeepState.is_busy,
                ),
                class_name="tail",
            ),
            on_submit=UpkeepState.delete,
            class_name="form",
            no_validate=True,
        ),
        heading=f"Delete {item.title} for good?",
        open=UpkeepState.dialog == "delete",
        on_dismiss=UpkeepState.close,
    )


def _choice(choice: Choice) -> rx.Component:
    return rx.el.option(choice.name, value=choice.id)


def _effect(effect: str) -> rx.Component:
    return rx.el.li(effect)


def _wrong(name: str) -> rx.Var[str]:
    return rx.cond(UpkeepState.wrong_field == name, UpkeepState.wrong_text, "")
