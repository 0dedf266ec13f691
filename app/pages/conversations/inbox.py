"""The list of an agent's conversations, with what it can be narrowed to."""

from collections.abc import Sequence

import reflex as rx

from app import routes
from app.components.elements import bone, chip, could_not_load, has_any, link, loading
from app.components.scripted import address_search, time_ago
from app.pages.conversations.look import End, Filter
from app.pages.conversations.state import ConversationsState
from app.pages.conversations.view import Row
from app.session.state import AgentState
from services.conversations import PartView


def inbox() -> rx.Component:
    """Return the left pane."""
    return rx.el.section(
        rx.el.div(
            rx.el.div(
                address_search(
                    name="q",
                    label="Search conversations",
                    placeholder="Search what was said",
                    drops=["before", "until"],
                ),
                role="search",
            ),
            _filters("Channel", ConversationsState.channels),
            _filters("State", ConversationsState.states),
            rx.cond(has_any(ConversationsState.ends), _ends()),
            rx.el.p(
                _searched(),
                role="status",
                class_name=rx.cond(
                    (ConversationsState.words != "") & has_any(ConversationsState.rows), "searched", "sr-only"
                ),
            ),
            class_name="inbox-head",
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


def _searched() -> rx.Var[str]:
    """Say what a search has come to; the place is there without one, so that its words are read out."""
    return rx.cond(
        ConversationsState.words != "",
        rx.cond(ConversationsState.is_searching, "Searching…", f"{ConversationsState.found} found"),
        "",
    )


def _filters(label: str, items: rx.Var[Sequence[Filter]]) -> rx.Component:
    return rx.el.nav(rx.foreach(items, _filter), class_name="filters", custom_attrs={"aria-label": label})


def _filter(item: Filter) -> rx.Component:
    return rx.cond(
        item.is_current,
        link(item.label, to=item.path, custom_attrs={"aria-current": "true"}),
        link(item.label, to=item.path),
    )


def _ends() -> rx.Component:
    return rx.el.label(
        rx.el.span(ConversationsState.ends_label),
        rx.el.select(
            rx.el.option("All", value=""),
            rx.foreach(ConversationsState.ends, _end),
            value=ConversationsState.address,
            on_change=ConversationsState.choose_end,
            class_name="input",
        ),
        class_name="ends",
    )


def _end(item: End) -> rx.Component:
    return rx.el.option(item.label, value=item.address)


def _rows() -> rx.Component:
    return rx.fragment(
        rx.cond(
            ConversationsState.newest_path != "",
            rx.el.p(
                link("↑ Back to the newest", to=ConversationsState.newest_path, class_name="link"), class_name="turn"
            ),
        ),
        rx.cond(
            has_any(ConversationsState.rows),
            rx.el.ul(
                rx.foreach(ConversationsState.rows, _row),
                custom_attrs={"aria-busy": rx.cond(ConversationsState.is_searching, "true", "false")},
            ),
            rx.el.div(
                rx.cond(ConversationsState.words != "", _nothing_found(), _nothing()),
                class_name="pick",
                style={"height": "auto", "gap": "10px"},
            ),
        ),
        rx.cond(
            ConversationsState.older_path != "",
            rx.el.p(link("Older conversations", to=ConversationsState.older_path, class_name="btn"), class_name="turn"),
        ),
    )


def _nothing_found() -> rx.Component:
    return rx.fragment(
        rx.el.b("Nothing found for “", ConversationsState.words, "”"),
        rx.cond(
            ConversationsState.everywhere_path != "",
            rx.fragment(
                rx.el.p("Nobody has said that in the conversations that fit the filters."),
                link("Search all conversations", to=ConversationsState.everywhere_path, class_name="btn"),
            ),
            rx.el.p("Nobody has said that to this agent. Words are found as they were written, and whole."),
        ),
        link("Clear the search", to=ConversationsState.clear_path, class_name="link"),
    )


def _nothing() -> rx.Component:
    """Say why the list is empty: nobody waits, nothing matches, not connected, or nobody has written yet."""
    connect = link("Connect a channel", to=f"{routes.TEAM}/{AgentState.id}/integrations", class_name="btn primary")
    everything = f"{routes.TEAM}/{AgentState.id}/conversations?show=all"
    return rx.cond(
        ConversationsState.show == "waiting",
        rx.fragment(
            rx.el.b("Nobody waits"),
            rx.el.p("Conversations the agent hands over to a person will be listed here."),
        ),
        rx.cond(
            (ConversationsState.channel != "") | (ConversationsState.show == "closed"),
            rx.fragment(
                rx.el.b("No conversations match"),
                rx.el.p("None of this channel is in this state."),
                link("Show all conversations", to=everything, class_name="btn"),
            ),
            rx.cond(
                (AgentState.connection_count == 0) & (ConversationsState.show == "all"),
                rx.fragment(
                    rx.el.b("No conversations yet"),
                    rx.el.p("Once the agent is connected, whoever writes to it appears here."),
                    connect,
                ),
                rx.fragment(
                    rx.el.b("No conversations here"),
                    rx.el.p("Write to the agent as a contact would; the conversation appears without reloading."),
                    rx.cond(AgentState.connection_count == 0, connect),
                ),
            ),
        ),
    )


def _row(item: Row) -> rx.Component:
    content = (
        rx.el.span(
            item.initials,
            rx.el.span(class_name=f"mark {item.mark}"),
            class_name="who",
            custom_attrs={"aria-hidden": "true"},
        ),
        rx.el.div(
            rx.el.b(item.name),
            " ",
            rx.el.span(item.channel, class_name="count"),
            rx.cond(item.detail != "", rx.el.p(item.detail, class_name=f"detail {item.mark}")),
            rx.cond(
                has_any(item.found),
                rx.el.p(item.preview, rx.foreach(item.found, _part), class_name="found"),
                rx.el.p(item.preview),
            ),
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


def _part(part: PartView) -> rx.Component:
    return rx.cond(part.is_match, rx.el.mark(part.text), rx.el.span(part.text))


def _bone_row() -> rx.Component:
    return rx.el.div(
        bone("34px", height="34px", circle=True),
        rx.el.div(bone("60%"), rx.el.br(), bone("90%")),
        bone("36px"),
        class_name="row",
    )
