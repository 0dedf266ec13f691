"""The limits' part of the company's settings."""

import reflex as rx

from app.components.elements import Flag, bone, button, chip, could_not_load, field, loading, negated
from app.components.scripted import tick
from app.pages.tenant.limit import EXCESSES, NUMBERS, Gauge
from app.pages.tenant.limit_state import CompanyLimitState
from app.session.state import SessionState

MAY_NOT = "Your role may see the limits, not change them. Ask an owner of your company."
_REFRESH = 60_000


def limit_section() -> rx.Component:
    """Return what is used of the limit of all agents together, and the form that sets it."""
    return rx.el.section(
        rx.el.h2("Limits", class_name="section-title"),
        rx.el.p(
            "How much all agents together may send and do, beside each agent's own limits. What people write is not"
            " limited. Owners are told at 80 % and when it is used up.",
            class_name="section-note",
        ),
        rx.match(
            CompanyLimitState.phase,
            ("ready", rx.fragment(_gauges(), _form())),
            ("failed", could_not_load("The limits", CompanyLimitState.trouble, again=CompanyLimitState.load)),
            loading(bone("100%", height="120px"), label="Loading the limits"),
        ),
        tick(every=_REFRESH, on_tick=CompanyLimitState.refresh),
    )


def _gauges() -> rx.Component:
    return rx.el.ul(
        rx.foreach(CompanyLimitState.gauges, _gauge), class_name="gauges", custom_attrs={"aria-label": "Used"}
    )


def _gauge(item: Gauge) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.b(item.name), rx.cond(item.chip != "", chip(item.chip, item.chip_kind)), class_name="gauge-head"
        ),
        rx.cond(
            item.has_limit,
            rx.el.div(
                rx.el.span(style={"width": f"{item.percent}%"}),
                class_name=f"gauge {item.chip_kind}",
                custom_attrs={
                    "role": "meter",
                    "aria-label": item.name,
                    "aria-valuemin": "0",
                    "aria-valuemax": "100",
                    "aria-valuenow": item.percent,
                    "aria-valuetext": item.words,
                },
            ),
        ),
        rx.el.p(item.words, class_name="num"),
    )


def _form() -> rx.Component:
    locked = negated(SessionState.may_edit_agents)
    reason = rx.cond(SessionState.may_edit_agents, "", MAY_NOT)
    return rx.el.form(
        rx.el.fieldset(
            rx.el.legend("All agents together"),
            *(_number(name, words, locked) for name, words in NUMBERS),
            _excess(locked),
        ),
        rx.el.div(
            rx.el.button(
                rx.cond(CompanyLimitState.is_saving, "Saving…", "Save limits"),
                type="submit",
                class_name="btn primary",
                disabled=locked | CompanyLimitState.is_saving,
                title=reason,
            ),
            rx.cond(
                CompanyLimitState.is_default,
                rx.el.span("These are the defaults.", class_name="why-not"),
                button("Use the defaults", on_click=CompanyLimitState.use_default, reason=reason),
            ),
            rx.el.span(reason, class_name="why-not"),
            class_name="actions",
        ),
        key=f"company-limit-{CompanyLimitState.revision}",
        on_submit=CompanyLimitState.save,
        class_name="form limits",
        no_validate=True,
    )


def _number(name: str, words: str, locked: Flag) -> rx.Component:
    return field(
        f"Most {words}",
        name,
        error=_wrong(name),
        help_text="Empty: no limit.",
        default_value=CompanyLimitState.values[name],
        input_mode="numeric",
        placeholder="no limit",
        disabled=locked,
        auto_complete="off",
    )


def _excess(locked: Flag) -> rx.Component:
    return rx.el.div(
        rx.el.label("What is over it", html_for="field-excess"),
        rx.el.select(
            *(rx.el.option(words, value=value) for value, words in EXCESSES),
            id="field-excess",
            name="excess",
            class_name="input",
            default_value=CompanyLimitState.values["excess"],
            disabled=locked,
        ),
        rx.el.span(_wrong("excess"), class_name="error", role="alert"),
        class_name="field",
    )


def _wrong(name: str) -> rx.Var[str]:
    return rx.cond(CompanyLimitState.wrong_field == name, CompanyLimitState.wrong_text, "")
