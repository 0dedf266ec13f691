"""An agent's conversations in three panes: list, thread, and why the last answer was given."""

import reflex as rx

from app.components.elements import has_any, link
from app.components.scripted import time_ago
from app.layouts.agent import agent_shell
from app.pages.conversations.inbox import inbox
from app.pages.conversations.state import ConversationsState
from app.pages.conversations.thread import thread
from app.pages.conversations.view import Step


def page() -> rx.Component:
    """Return the page ``/admin/ai-team/{agent_id}/conversations``."""
    return agent_shell(
        rx.el.div(
            inbox(),
            thread(),
            _context(),
            class_name=rx.cond(ConversationsState.open_id != "", "work reading", "work"),
        ),
        tab="Conversations",
        compact=True,
    )


def _context() -> rx.Component:
    head = ConversationsState.head
    return rx.el.aside(
        rx.cond(
            ConversationsState.thread_phase == "ready",
            rx.fragment(
                rx.el.h2(head.name),
                rx.el.dl(
                    rx.el.dt("Address"),
                    rx.el.dd(head.address, class_name="num"),
                    rx.el.dt("Channel"),
                    rx.el.dd(head.channel),
                    rx.cond(
                        head.ours != "",
                        rx.fragment(rx.el.dt("Ours"), rx.el.dd(head.ours, class_name="num")),
                    ),
                    rx.el.dt("So far"),
                    rx.el.dd(head.count),
                    class_name="facts flush",
                ),
                rx.cond(
                    has_any(ConversationsState.steps),
                    rx.fragment(
                        rx.el.h2("Why this answer"),
                        rx.el.ol(rx.foreach(ConversationsState.steps, _step), class_name="steps"),
                        rx.el.p(
                            link(
                                "Open the trace", to=f"/admin/traces/{ConversationsState.trace_id}", class_name="link"
                            ),
                            style={"marginTop": "8px"},
                        ),
                    ),
                ),
            ),
        ),
        class_name="ctx",
        custom_attrs={"aria-label": "Contact and answer"},
    )


def _step(item: Step) -> rx.Component:
    return rx.el.li(
        rx.el.span(item.title, title=item.detail),
        rx.cond(item.at != "", time_ago(at=item.at, mode="clock"), rx.el.span(item.offset, class_name="at")),
        class_name=item.status,
    )
