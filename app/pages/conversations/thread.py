"""The open conversation: who, what was said, who is in charge, and the reply."""

import reflex as rx

from app import routes
from app.components.elements import Text, bone, button, chip, link, loading
from app.components.scripted import message_log, reply_composer
from app.pages.conversations.state import ConversationsState
from app.session.state import AgentState, SessionState

MAY_NOT = "Your role may read conversations, not take them over. Ask an owner of your company."
MAY_NOT_DECIDE = "Your role may not decide on what agents do. Ask an owner of your company."


def thread() -> rx.Component:
    """Return the pane in the middle."""
    return rx.el.section(
        rx.match(
            ConversationsState.thread_phase,
            ("ready", rx.fragment(_head(), _log(), _charge(), _composer())),
            (
                "loading",
                loading(rx.el.div(bone("40%", height="18px"), class_name="padded"), label="Loading the thread"),
            ),
            (
                "missing",
                rx.el.div(
                    rx.el.div(
                        rx.el.h2("There is no such conversation"),
                        rx.el.p("It may belong to another agent, or the address is incomplete."),
                        link("Show all conversations", to=ConversationsState.list_path, class_name="btn"),
                    ),
                    class_name="pick",
                ),
            ),
            rx.el.div(rx.el.p("Choose a conversation to read it here."), class_name="pick"),
        ),
        class_name="thread",
        custom_attrs={"aria-label": "Thread"},
    )


def _may_not() -> rx.Var[str]:
    return rx.cond(SessionState.may_reply, "", MAY_NOT)


def _head() -> rx.Component:
    head = ConversationsState.head
    return rx.el.header(
        link(
            "←",
            to=ConversationsState.list_path,
            class_name="btn quiet icon back",
            custom_attrs={"aria-label": "Back to the list"},
        ),
        rx.el.div(
            rx.el.h2(
                rx.cond(head.subject != "", head.subject, head.name),
                rx.el.small(rx.cond(head.subject != "", f"{head.name} · ", ""), head.where),
            ),
            class_name="whose",
        ),
        chip(head.chip, head.chip_kind),
        rx.el.div(
            rx.cond(
                (head.state == "agent") | (head.state == "waiting"),
                button("Take over", reason=_may_not(), on_click=ConversationsState.take_over),
            ),
            rx.cond(
                (head.state != "closed") & (head.state != "archived"),
                button(
                    "Close",
                    kind="quiet",
                    reason=_may_not(),
                    on_click=ConversationsState.close,
                    custom_attrs={"aria-label": "Close conversation"},
                ),
            ),
            class_name="actions",
        ),
    )


def _log() -> rx.Component:
    return rx.fragment(
        rx.cond(
            (ConversationsState.earlier_path != "") | (ConversationsState.latest_path != ""),
            rx.el.nav(
                _turn("↑ Earlier messages", ConversationsState.earlier_path),
                _turn("Latest messages ↓", ConversationsState.latest_path),
                class_name="turns",
                custom_attrs={"aria-label": "Messages"},
            ),
        ),
        message_log(
            messages=ConversationsState.messages,
            approvals=ConversationsState.approvals,
            may_not_decide=rx.cond(ConversationsState.may_decide, "", MAY_NOT_DECIDE),
            on_approve=ConversationsState.approve,
            on_reject=ConversationsState.reject,
            conversation=f"{ConversationsState.open_id}/{ConversationsState.until}/{ConversationsState.words}",
            label=f"Messages with {ConversationsState.head.name}",
        ),
    )


def _turn(text: str, path: Text) -> rx.Component:
    return rx.cond(rx.Var.create(path) != "", link(text, to=path, class_name="link"))


def _charge() -> rx.Component:
    """Say who is in charge, and offer to give back beside it."""
    head = ConversationsState.head
    is_silent = (head.state == "human") | (head.state == "waiting")
    return rx.el.div(
        rx.el.span(head.charge, role="status"),
        rx.cond(
            is_silent,
            button("Give back", kind="small", reason=_may_not(), on_click=ConversationsState.give_back),
        ),
        class_name=f"status-line {head.state}",
    )


def _composer() -> rx.Component:
    composer = ConversationsState.composer
    return reply_composer(
        conversation=ConversationsState.head.id,
        contact=ConversationsState.head.name,
        agent=AgentState.name,
        channel=composer.channel,
        label=composer.label,
        route=composer.route,
        blocked=composer.blocked,
        repair=composer.repair,
        repair_path=f"{routes.TEAM}/{AgentState.id}/integrations",
        message_limit=composer.message_limit,
        answered=ConversationsState.answered,
        on_send=ConversationsState.send,
    )
