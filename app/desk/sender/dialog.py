"""The dialog in which an agent gets the address it writes from, and in which domains show what they still need."""

import reflex as rx

from app.components.elements import button, chip, field, has_any, negated
from app.components.scripted import copy_field, modal
from app.desk.dialogs import MAY_NOT, reason
from app.desk.sender.state import SenderState
from app.desk.sender.view import Domain, Record
from app.session.state import SessionState


def sender_dialog() -> rx.Component:
    """Return the dialog; the state opens it."""
    sender = SenderState.sender
    return modal(
        rx.el.p("Letters to this address are the agent's, and its answers leave from here."),
        rx.cond(SessionState.may_edit_connections, rx.fragment(), rx.el.p(MAY_NOT, class_name="why-not")),
        rx.el.form(
            field(
                "Send from",
                "address",
                error=_wrong("address"),
                help_text="At one of the domains below.",
                default_value=sender.address,
                type="email",
                auto_complete="off",
                max_length=254,
            ),
            field(
                "Name contacts see",
                "display_name",
                error=_wrong("display_name"),
                help_text="Leave it empty for the agent's name.",
                default_value=sender.display_name,
                auto_complete="off",
                max_length=80,
            ),
            field(
                "Answers go to",
                "reply_to",
                error=_wrong("reply_to"),
                help_text="Leave it empty so that they come back here and the agent reads them.",
                default_value=sender.reply_to,
                type="email",
                auto_complete="off",
                max_length=254,
            ),
            rx.el.div(
                rx.cond(
                    sender.id != "",
                    button("Take the address away", kind="quiet danger", reason=reason(), on_click=SenderState.remove),
                ),
                button("Cancel", on_click=SenderState.close),
                rx.el.button(
                    rx.cond(SenderState.is_busy, "Saving…", "Save"),
                    type="submit",
                    class_name="btn primary",
                    disabled=SenderState.is_busy | negated(SessionState.may_edit_connections),
                ),
                class_name="tail",
            ),
            key=f"{SenderState.connection_id}/{sender.id}",
            on_submit=SenderState.save,
            reset_on_submit=False,
            class_name="form",
            no_validate=True,
        ),
        rx.el.h3("Domains"),
        rx.cond(
            has_any(SenderState.domains),
            rx.el.ul(rx.foreach(SenderState.domains, _domain), class_name="domains"),
            rx.el.p(
                "The account has no domain yet. Add one at the provider, then test the connection.", class_name="muted"
            ),
        ),
        heading="E-mail address",
        open=SenderState.is_open,
        on_dismiss=SenderState.close,
    )


def _domain(domain: Domain) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.b(domain.name),
            chip(domain.chip, domain.kind),
            rx.el.small(domain.note, class_name="muted"),
            button(
                rx.cond(SenderState.is_checking, "Checking…", "Check again"),
                kind="small",
                reason=reason(),
                disabled=SenderState.is_checking,
                on_click=SenderState.check(domain.id),
                custom_attrs={"aria-label": f"Check {domain.name} again"},
            ),
            class_name="actions",
        ),
        rx.el.details(
            rx.el.summary("DNS records", custom_attrs={"aria-label": f"DNS records of {domain.name}"}),
            rx.el.ul(rx.foreach(domain.records, _record)),
            open=domain.is_open,
            class_name="more",
        ),
    )


def _record(record: Record) -> rx.Component:
    return rx.el.li(
        copy_field(label=f"{record.type} {record.name}", value=record.value, help=record.note),
    )


def _wrong(name: str) -> rx.Var[str]:
    return rx.cond(SenderState.wrong_field == name, SenderState.wrong_text, "")
