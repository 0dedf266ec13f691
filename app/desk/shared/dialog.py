"""The dialog in which one chooses, channel by channel, what is answered and by whom."""

import reflex as rx

from app.components.elements import button, field, has_any, negated
from app.components.scripted import modal, time_ago
from app.desk.dialogs import MAY_NOT, reason
from app.desk.shared.state import ChannelsState
from app.desk.shared.view import MODES, Row
from app.desk.state import Choice
from app.session.state import SessionState


def channels_dialog() -> rx.Component:
    """Return the dialog; the state opens it."""
    data = ChannelsState.data
    return modal(
        rx.el.p("The agent hears only channels it was invited to. A rule holds from the next message on."),
        rx.cond(SessionState.may_edit_connections, rx.fragment(), rx.el.p(MAY_NOT, class_name="why-not")),
        _search(),
        rx.el.ul(_default(), rx.foreach(data.rows, _row), class_name="rows", custom_attrs={"aria-label": "Channels"}),
        rx.cond(
            has_any(data.rows),
            rx.fragment(),
            rx.el.p(rx.cond(data.is_running, "The channels are being read…", "No channel fits."), class_name="muted"),
        ),
        rx.cond(data.next_cursor != "", button("Show more", kind="small", on_click=ChannelsState.show_more)),
        rx.cond(data.trouble != "", rx.el.p(data.trouble, class_name="error-text", role="alert")),
        rx.el.p(ChannelsState.saved, role="status", class_name="muted"),
        _pasted(),
        rx.el.div(
            button("Read again", reason=reason(), disabled=data.is_running, on_click=ChannelsState.refresh),
            button("Done", kind="primary", on_click=ChannelsState.close),
            class_name="tail",
        ),
        class_name="wide",
        heading="Channels",
        open=ChannelsState.is_open,
        on_dismiss=ChannelsState.close,
    )


def _search() -> rx.Component:
    data = ChannelsState.data
    return rx.el.div(
        rx.el.label("Search channels", html_for="channel-search", class_name="sr-only"),
        rx.el.input(
            key=f"search-{ChannelsState.connection_id}",
            id="channel-search",
            type="search",
            class_name="input",
            placeholder="Search by name or id",
            auto_complete="off",
            max_length=80,
            on_change=ChannelsState.search.debounce(250),
        ),
        rx.el.small(data.count, rx.cond(data.listed_at != "", rx.el.span(" · read ", time_ago(at=data.listed_at)))),
        class_name="channel-search",
        role="search",
    )


def _default() -> rx.Component:
    data = ChannelsState.data
    return rx.el.li(
        rx.el.div(rx.el.b("All other channels"), rx.el.small("the default")),
        rx.el.select(
            *(rx.el.option(label, value=value) for value, label in MODES),
            value=data.default_mode,
            on_change=ChannelsState.set_default_mode,
            disabled=negated(SessionState.may_edit_connections),
            class_name="input",
            custom_attrs={"aria-label": "What is answered in all other channels"},
        ),
        rx.el.select(
            rx.el.option("The connection's agent", value=""),
            rx.foreach(ChannelsState.agents, _choice),
            value=data.default_agent_id,
            on_change=ChannelsState.set_default_agent,
            disabled=negated(SessionState.may_edit_connections),
            class_name="input",
            custom_attrs={"aria-label": "Who answers in all other channels"},
        ),
        class_name="default",
    )


def _row(row: Row) -> rx.Component:
    return rx.el.li(
        rx.el.div(rx.el.b(row.name), rx.el.small(row.note)),
        rx.el.select(
            rx.el.option(ChannelsState.data.default_words, value=""),
            *(rx.el.option(label, value=value) for value, label in MODES),
            value=row.mode,
            on_change=lambda mode: ChannelsState.set_mode(row.id, mode),
            disabled=negated(SessionState.may_edit_connections),
            class_name="input",
            custom_attrs={"aria-label": f"What is answered in {row.name}"},
        ),
        rx.el.select(
            rx.el.option(ChannelsState.data.default_agent_words, value=""),
            rx.foreach(ChannelsState.agents, _choice),
            value=row.agent_id,
            on_change=lambda agent_id: ChannelsState.set_agent(row.id, agent_id),
            disabled=negated(SessionState.may_edit_connections),
            class_name="input",
            custom_attrs={"aria-label": f"Who answers in {row.name}"},
        ),
    )


def _pasted() -> rx.Component:
    return rx.el.details(
        rx.el.summary("A channel is missing"),
        rx.el.form(
            field(
                "The channel's id",
                "external_id",
                error=ChannelsState.wrong,
                help_text="As the provider shows it, at the end of the channel's details: C0123ABCD.",
                auto_complete="off",
                max_length=80,
            ),
            rx.el.div(
                rx.el.button(
                    rx.cond(ChannelsState.is_busy, "Asking…", "Take it in"),
                    type="submit",
                    class_name="btn",
                    disabled=ChannelsState.is_busy | negated(SessionState.may_edit_connections),
                ),
                class_name="actions",
            ),
            on_submit=ChannelsState.add,
            reset_on_submit=False,
            class_name="form",
            no_validate=True,
        ),
        class_name="more",
    )


def _choice(choice: Choice) -> rx.Component:
    return rx.el.option(choice.name, value=choice.id)
