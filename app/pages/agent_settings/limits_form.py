"""The limits' part of an agent's settings."""

import reflex as rx

from app.components.elements import Flag, field, negated
from app.pages.agent_settings.limits import EXCESSES, GROUPS, NUMBERS
from app.pages.agent_settings.limits_state import LimitsState
from app.session.state import SessionState


def limits_section(reason: rx.Var[str]) -> rx.Component:
    """Return the section; ``reason`` says why nothing can be changed, empty if it can."""
    locked = negated(SessionState.may_edit_agents)
    return rx.el.section(
        rx.el.h2("Limits", class_name="section-title"),
        rx.el.p(
            "How much the agent may send and do. What people write is not limited. Leave a number empty for no limit.",
            class_name="section-note",
        ),
        rx.el.form(
            *(_group(group, label, locked) for group, label in GROUPS),
            rx.el.p(LimitsState.company, class_name="section-note"),
            rx.el.div(
                rx.el.button(
                    rx.cond(LimitsState.is_saving, "Saving…", "Save limits"),
                    type="submit",
                    class_name="btn primary",
                    disabled=locked | LimitsState.is_saving,
                    title=reason,
                ),
                rx.el.span(reason, class_name="why-not"),
                class_name="actions",
            ),
            key=f"limits-{LimitsState.revision}",
            on_submit=LimitsState.save,
            class_name="form limits",
            no_validate=True,
        ),
    )


def _group(group: str, label: str, locked: Flag) -> rx.Component:
    return rx.el.fieldset(
        rx.el.legend(label),
        *(_number(f"{group}_{name}", words, locked) for name, words in NUMBERS),
        _excess(group, locked),
    )


def _number(name: str, words: str, locked: Flag) -> rx.Component:
    return field(
        f"Most {words}",
        name,
        error=_wrong(name),
        help_text=LimitsState.used[name],
        default_value=LimitsState.values[name],
        input_mode="numeric",
        placeholder="no limit",
        disabled=locked,
    )


def _excess(group: str, locked: Flag) -> rx.Component:
    name = f"{group}_excess"
    return rx.el.div(
        rx.el.label("What is over it", html_for=f"field-{name}"),
        rx.el.select(
            *(rx.el.option(words, value=value) for value, words in EXCESSES),
            id=f"field-{name}",
            name=name,
            class_name="input",
            default_value=LimitsState.values[name],
            disabled=locked,
        ),
        rx.el.span(_wrong(name), class_name="error", role="alert"),
        class_name="field",
    )


def _wrong(name: str) -> rx.Var[str]:
    return rx.cond(LimitsState.wrong_field == name, LimitsState.wrong_text, "")
