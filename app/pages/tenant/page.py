"""The company: its name for owners to change, and the way to end it."""

import reflex as rx

from app import routes
from app.components.elements import bone, button, could_not_load, field, loading, negated
from app.components.scripted import modal, time_ago
from app.layouts.settings import COMPANY, settings_tabs
from app.layouts.shell import Crumb, shell
from app.pages.tenant.limit_form import limit_section
from app.pages.tenant.state import TenantState

MAY_NOT = "Only an owner may rename or delete the company."


def page() -> rx.Component:
    """Return the page ``/admin/settings/tenant``."""
    return shell(
        rx.el.div(
            rx.el.div(
                rx.el.h1("Company"),
                rx.el.p("What your company is called here, how much its agents may do, and how it ends."),
            ),
            class_name="page-head",
        ),
        settings_tabs(COMPANY),
        rx.match(
            TenantState.phase,
            ("ready", _content()),
            ("failed", could_not_load("The company", TenantState.trouble, again=TenantState.load)),
            loading(bone("320px", height="38px"), label="Loading the company"),
        ),
        _delete_dialog(),
        crumbs=(Crumb("Settings"), Crumb("Company")),
        current=routes.TENANT,
    )


def _content() -> rx.Component:
    locked = negated(TenantState.may_edit)
    return rx.el.div(
        rx.el.section(
            rx.el.h2("Name", class_name="section-title"),
            rx.el.p("Here since ", time_ago(at=TenantState.created_at, mode="date"), ".", class_name="section-note"),
            rx.el.form(
                field(
                    "Company",
                    "tenant_name",
                    error=_wrong("tenant_name"),
                    help_text="Shown to everybody who works here.",
                    default_value=TenantState.name,
                    disabled=locked,
                    max_length=100,
                    auto_complete="organization",
                ),
                rx.el.div(
                    rx.el.button(
                        "Save",
                        type="submit",
                        class_name="btn primary",
                        disabled=locked | TenantState.is_busy,
                        title=_reason(),
                    ),
                    rx.el.span(_reason(), class_name="why-not"),
                    class_name="actions",
                ),
                key=f"tenant-{TenantState.revision}",
                on_submit=TenantState.rename,
                class_name="form",
                no_validate=True,
            ),
        ),
        limit_section(),
        rx.el.section(
            rx.el.h2("Delete", class_name="section-title"),
            rx.el.p(
                "Deletes the company with its agents, its connections and all that was ever written. The access to"
                " connected services is given back first. Nobody can undo this.",
                class_name="section-note",
            ),
            button("Delete the company…", kind="danger", on_click=TenantState.ask_delete, reason=_reason()),
        ),
        class_name="stack",
    )


def _delete_dialog() -> rx.Component:
    return modal(
        rx.el.p("This is what ends with ", rx.el.b(TenantState.name), ":"),
        rx.el.ul(rx.foreach(TenantState.effects, _effect), class_name="effects"),
        rx.el.form(
            field(
                f"Type {TenantState.name} to confirm",
                "confirm_name",
                error=_wrong("confirm_name"),
                auto_complete="off",
                spell_check=False,
            ),
            rx.el.div(
                button("Keep the company", on_click=TenantState.close),
                rx.el.button(
                    rx.cond(TenantState.is_busy, "Deleting…", "Delete the company"),
                    type="submit",
                    class_name="btn danger solid",
                    disabled=TenantState.is_busy,
                ),
                class_name="tail",
            ),
            on_submit=TenantState.delete,
            class_name="form",
            no_validate=True,
        ),
        heading="Delete the company?",
        open=TenantState.is_deleting,
        on_dismiss=TenantState.close,
    )


def _reason() -> rx.Var[str]:
    return rx.cond(TenantState.may_edit, "", MAY_NOT)


def _wrong(name: str) -> rx.Var[str]:
    return rx.cond(TenantState.wrong_field == name, TenantState.wrong_text, "")


def _effect(effect: str) -> rx.Component:
    return rx.el.li(effect)
