"""An agent's conversations in three panes: list, thread, and why the last answer was given."""

import reflex as rx

from app import routes
from app.components.elements import bone, button, chip, could_not_load, has_any, link, loading
from app.components.scripted import message_log, time_ago
from app.layouts.agent import agent_shell
from app.pages.conversations.state import ConversationsState
from app.pages.conversations.view import Filter, Row, Step
from app.session.state import AgentState, SessionState

MAY_NOT = "Your role may read conversations, not take them over. Ask an owner of your company."


def page() -> rx.Component:
    """Return the page ``/admin/ai-team/{agent_id}/conversations``."""
    return agent_shell(
        rx.el.div(
            _inbox(),
            _thread(),
            _context(),
            class_name=rx.cond(ConversationsState.open_id != "", "work reading", "work"),
        ),
        tab="Conversations",
        compact=True,
    )


def _inbox() -> rx.Component:
    return rx.el.section(
        rx.el.nav(
            rx.foreach(ConversationsState.filters, _filter), class_name="filters", custom_attrs={"aria-label": "Filter"}
        ),
        rx.match(
            ConversationsState.phase,
            ("ready", _rows()),
            (
                "failed",
                rx.el.div(
                    could_not_load("The conversations", ConversationsState.trouble, again=ConversationsState.load),
                    class_name="padded",
                ),
            ),
            loading(*(_bone_row() for _ in range(4)), label="Loading the conversations"),
        ),
        class_name="inbox",
        custom_attrs={"aria-label": "Conversations"},
    )


def _filter(item: Filter) -> rx.Component:
    return rx.cond(
        item.is_current,
        link(item.label, to=item.path, custom_attrs={"aria-current": "true"}),
        link(item.label, to=item.path),
    )


def _rows() -> rx.Component:
    return rx.cond(
        has_any(ConversationsState.rows),
        rx.fragment(
            rx.el.ul(rx.foreach(ConversationsState.rows, _row)),
            rx.cond(
                ConversationsState.has_more,
                rx.el.div(
                    button("Show more", on_click=ConversationsState.show_more),
                    class_name="actions",
                    style={"padding": "14px"},
                ),
            ),
        ),
        rx.el.div(
            rx.cond(
                ConversationsState.show == "waiting",
                rx.fragment(
                    rx.el.b("Nobody waits"),
                    rx.el.p("Conversations the agent hands over to a person will be listed here."),
                ),
                rx.cond(
                    (AgentState.connection_count == 0) & (ConversationsState.show == "all"),
                    rx.fragment(
                        rx.el.b("No conversations yet"),
                        rx.el.p("Once the agent is connected, whoever writes to it appears here."),
                        link(
                            "Connect a channel",
                            to=f"{routes.TEAM}/{AgentState.id}/integrations",
                            class_name="btn primary",
                        ),
                    ),
                    rx.fragment(
                        rx.el.b("No conversations here"),
                        rx.el.p("Write to the agent as a contact would; the conversation appears without reloading."),
                        rx.cond(
                            AgentState.connection_count == 0,
                            link(
                                "Connect a channel",
                                to=f"{routes.TEAM}/{AgentState.id}/integrations",
                                class_name="btn primary",
                            ),
                        ),
                    ),
                ),
            ),
            class_name="pick",
            style={"height": "auto", "gap": "10px"},
        ),
    )


def _row(item: Row) -> rx.Component:
    content = (
        rx.el.span(item.initials, class_name="who", custom_attrs={"aria-hidden": "true"}),
        rx.el.div(
            rx.el.b(item.name),
            " ",
            rx.el.span(item.channel, class_name="count"),
            rx.el.p(item.preview),
            rx.cond(item.chip != "", chip(item.chip, item.chip_kind)),
        ),
        rx.el.div(
            time_ago(at=item.at),
            rx.cond(
                item.unread != "",
                rx.el.span(item.unread, rx.el.span(" new", class_name="sr-only"), class_name="unread num"),
            ),
            class_name="end",
        ),
    )
    look = rx.cond(item.unread != "", "row new", "row")
    return rx.el.li(
        rx.cond(
            item.is_open,
            link(*content, to=item.path, class_name=look, custom_attrs={"aria-current": "true"}),
            link(*content, to=item.path, class_name=look),
        ),
        key=item.id,
    )


def _thread() -> rx.Component:
    return rx.el.section(
        rx.match(
            ConversationsState.thread_phase,
            ("ready", rx.fragment(_thread_head(), _log(), _in_charge())),
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
                        _back("Show all conversations", "btn"),
                    ),
                    class_name="pick",
                ),
            ),
            rx.el.div(rx.el.p("Choose a conversation to read it here."), class_name="pick"),
        ),
        class_name="thread",
        custom_attrs={"aria-label": "Thread"},
    )


def _back(text: str, class_name: str) -> rx.Component:
    return link(
        text,
        to=f"{routes.TEAM}/{ConversationsState.agent_id}/conversations?show={ConversationsState.show}",
        class_name=class_name,
    )


def _thread_head() -> rx.Component:
    head = ConversationsState.head
    reason = rx.cond(SessionState.may_reply, "", MAY_NOT)
    return rx.el.header(
        link(
            "←",
            to=f"{routes.TEAM}/{ConversationsState.agent_id}/conversations?show={ConversationsState.show}",
            class_name="btn quiet icon back",
            custom_attrs={"aria-label": "Back to the list"},
        ),
        rx.el.div(rx.el.h2(head.name, rx.el.small(head.where))),
        rx.el.div(class_name="grow"),
        chip(head.chip, head.chip_kind),
        rx.el.div(
            rx.cond(
                (head.state == "agent") | (head.state == "waiting"),
                button("Take over", reason=reason, on_click=ConversationsState.take_over),
            ),
            rx.cond(
                (head.state == "human") | (head.state == "waiting"),
                button("Give back", reason=reason, on_click=ConversationsState.give_back),
            ),
            rx.cond(
                (head.state != "closed") & (head.state != "archived"),
                button(
                    "Close",
                    kind="quiet",
                    reason=reason,
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
            ConversationsState.has_earlier,
            rx.el.p("Only the latest 100 messages are shown.", class_name="evt", style={"padding": "8px"}),
        ),
        message_log(
            messages=ConversationsState.messages,
            conversation=ConversationsState.open_id,
            label=f"Messages with {ConversationsState.head.name}",
        ),
    )


def _in_charge() -> rx.Component:
    head = ConversationsState.head
    return rx.el.div(
        rx.match(
            head.state,
            ("agent", rx.fragment(AgentState.name, " answers here. Take over to silence it in this conversation.")),
            ("waiting", rx.fragment(head.reason, ". ", AgentState.name, " keeps silent until you give it back.")),
            ("human", rx.fragment(head.reason, ". ", AgentState.name, " is paused here.")),
            rx.fragment(head.reason, ". It opens again when the contact writes."),
        ),
        class_name="status-line",
        role="status",
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


def _bone_row() -> rx.Component:
    return rx.el.div(
        bone("34px", height="34px", circle=True),
        rx.el.div(bone("60%"), rx.el.br(), bone("90%")),
        bone("36px"),
        class_name="row",
    )
