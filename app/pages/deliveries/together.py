"""What can be done with many deliveries at once: one repair for all that failed of the same, and for all that match."""

import reflex as rx

from app.components.elements import button, field, link
from app.components.scripted import modal, time_ago
from app.pages.deliveries.drawer import MAY_NOT_REPLAY
from app.pages.deliveries.replay import ReplayState
from app.pages.deliveries.shapes import Cause
from app.pages.deliveries.state import DeliveriesState
from app.pages.deliveries.view import KINDS
from app.session.state import SessionState


def all_of_them() -> rx.Component:
    """Return the three kinds of replay for all that the filters mean; each counts before it asks."""
    return rx.el.div(
        rx.el.span("All that match:", class_name="muted"),
        *(
            button(
                f"{name}…",
                kind="small",
                reason=rx.cond(SessionState.may_replay, "", MAY_NOT_REPLAY),
                on_click=ReplayState.ask_all(kind),
                custom_attrs={"aria-label": f"All that match: {name}"},
            )
            for kind, (name, _) in KINDS.items()
        ),
        class_name="bulk",
        role="group",
        custom_attrs={"aria-label": "All that match"},
    )


def groups() -> rx.Component:
    """Return the failures by cause, each with one repair for all of them."""
    return rx.el.section(
        rx.el.h2("What went wrong", class_name="section-title"),
        rx.el.ul(
            rx.foreach(DeliveriesState.causes, _cause),
            class_name="list-rows targets",
            custom_attrs={"aria-label": "Failures by cause"},
        ),
        class_name="actions-part",
    )


def _cause(item: Cause) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.b(item.reason),
            rx.el.p(item.provider_name, " · ", item.count, " · last ", time_ago(at=item.at)),
            rx.cond(item.cause != "", link("Show them", to=item.path, class_name="link")),
        ),
        rx.el.div(
            rx.cond(item.repair != "", link("Repair the connection", to=item.repair, class_name="btn")),
            button(
                "Replay all…",
                reason=rx.cond(SessionState.may_replay, item.refusal, MAY_NOT_REPLAY),
                on_click=ReplayState.ask_group(item.provider, item.cause),
                custom_attrs={"aria-label": f"Replay all: {item.reason}"},
            ),
            class_name="actions",
        ),
    )


def question() -> rx.Component:
    """Return the question before a replay."""
    return modal(
        rx.el.p(ReplayState.meaning),
        rx.el.p(rx.el.b(ReplayState.count), role="status"),
        rx.el.form(
            rx.cond(
                ReplayState.may_double,
                rx.el.label(
                    rx.el.input(type="checkbox", name="may_double"),
                    " Send those too, although they may arrive twice",
                    class_name="check",
                ),
            ),
            field(
                "Reason",
                "reason",
                error=ReplayState.wrong,
                help_text="For the audit log.",
                auto_complete="off",
                max_length=300,
            ),
            rx.el.div(
                button("Back", on_click=ReplayState.close),
                rx.el.button(
                    rx.cond(ReplayState.is_busy, "At work…", ReplayState.title),
                    type="submit",
                    class_name="btn primary",
                    disabled=ReplayState.is_busy | ReplayState.is_empty,
                ),
                class_name="tail",
            ),
            key=ReplayState.kind,
            on_submit=ReplayState.carry_out,
            reset_on_submit=False,
            class_name="form",
            no_validate=True,
        ),
        heading=ReplayState.title,
        open=ReplayState.kind != "",
        on_dismiss=ReplayState.close,
    )
