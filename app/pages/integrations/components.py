"""The card of one service, drawn the same way for every provider."""

import functools

import reflex as rx

from app.components.elements import button, chip, has_any, link, negated
from app.components.scripted import time_ago
from app.desk.dialogs import MAY_NOT, address, consent, reason
from app.desk.findings import forecast
from app.desk.own_app.state import OwnAppState
from app.desk.sender.state import SenderState
from app.desk.shared.state import ChannelsState
from app.desk.state import DeskState
from app.desk.upkeep.state import UpkeepState
from app.desk.words import Event
from app.pages.integrations.card import Card, Fact, Notice, Rule, Way
from app.pages.integrations.state import IntegrationsState
from app.session.state import SessionState


def card(item: Card) -> rx.Component:
    """Return a service's card."""
    return rx.el.article(
        rx.el.header(
            rx.el.span(
                rx.cond(item.logo != "", rx.el.img(src=item.logo, alt="", width="20", height="20"), item.monogram),
                class_name="logo",
                custom_attrs={"aria-hidden": "true"},
            ),
            rx.el.div(rx.el.h2(item.title), rx.cond(item.subtitle != "", rx.el.small(item.subtitle))),
            rx.el.div(class_name="grow"),
            chip(item.chip, item.chip_kind),
        ),
        rx.cond(item.is_connected, _connected(item), _unconnected(item)),
        class_name="card",
        tab_index=-1,
        custom_attrs={"aria-label": item.title, "data-card": item.key, "data-service": item.provider},
    )


def _connected(item: Card) -> rx.Component:
    return rx.fragment(
        rx.el.dl(rx.foreach(item.facts, _fact), class_name="facts"),
        rx.foreach(item.forecast, forecast),
        rx.foreach(item.notices, _notice),
        rx.cond(
            has_any(item.rules),
            rx.el.ul(
                rx.foreach(item.rules, _rule), class_name="rules", custom_attrs={"aria-label": "Where it answers"}
            ),
        ),
        rx.el.details(
            rx.el.summary("Keys, permissions and history"),
            rx.el.div(
                rx.foreach(item.addresses, address),
                rx.cond(has_any(item.hints), rx.el.dl(rx.foreach(item.hints, _fact), class_name="facts flush")),
                rx.cond(
                    has_any(item.scopes),
                    rx.el.ul(rx.foreach(item.scopes, _scope), custom_attrs={"aria-label": "Permissions"}),
                ),
                rx.el.ol(rx.foreach(item.events, _event), class_name="history", custom_attrs={"aria-label": "History"}),
                rx.el.div(
                    button(
                        "Whole history",
                        kind="quiet small",
                        on_click=DeskState.open_history(item.connection_id),
                    ),
                    button("What came in", kind="quiet small", on_click=DeskState.open_log(item.connection_id)),
                    button(
                        "Rename or move",
                        kind="quiet small",
                        reason=reason(),
                        on_click=UpkeepState.open_settings(item.connection_id),
                    ),
                    class_name="actions",
                ),
            ),
            class_name="more",
        ),
        rx.el.footer(
            rx.cond(item.needs_reauth, _reconnect(item, kind="primary")),
            rx.cond(item.calendar != "", link("View calendar", to=item.calendar, class_name="btn")),
            rx.match(
                item.configures,
                (
                    "channels",
                    button("Configure channels", on_click=ChannelsState.open_channels(item.connection_id)),
                ),
                (
                    "email",
                    button(
                        "Configure", on_click=SenderState.open_sender(item.connection_id, IntegrationsState.agent_id)
                    ),
                ),
                rx.fragment(),
            ),
            rx.cond(
                item.has_numbers,
                button(
                    rx.cond(item.needs_number, "Assign a number", "Numbers"),
                    reason=reason(),
                    on_click=DeskState.open_numbers(item.connection_id),
                ),
            ),
            button(
                rx.cond(DeskState.busy == item.connection_id, "At work…", "Test"),
                reason=reason(),
                disabled=DeskState.busy == item.connection_id,
                on_click=DeskState.test(item.connection_id),
            ),
            rx.cond(
                item.is_paused,
                button(
                    "Resume",
                    reason=reason(),
                    disabled=DeskState.busy == item.connection_id,
                    on_click=DeskState.resume(item.connection_id),
                ),
                button(
                    "Pause",
                    reason=reason(),
                    disabled=DeskState.busy == item.connection_id,
                    on_click=DeskState.pause(item.connection_id),
                ),
            ),
            rx.cond(item.needs_reauth, rx.fragment(), _reconnect(item, kind="")),
            rx.el.span(
                button(
                    "Disconnect",
                    kind="quiet danger",
                    reason=reason(),
                    on_click=DeskState.ask_disconnect(item.connection_id),
                ),
                class_name="end",
            ),
        ),
    )


def _reconnect(item: Card, *, kind: str) -> rx.Component:
    """Return the way to sign in again: on the provider's page, or by typing the keys again."""
    return rx.cond(
        item.consent != "",
        consent("Reconnect", href=item.consent, provider=item.provider_name, kind=kind),
        button(
            "Reconnect",
            kind=kind,
            reason=reason(),
            on_click=DeskState.repair(item.connection_id, "reconnect"),
        ),
    )


def _unconnected(item: Card) -> rx.Component:
    return rx.fragment(
        rx.foreach(item.notices, _notice),
        rx.el.div(
            rx.cond(
                item.ended_at != "",
                rx.el.p(item.ended_by, time_ago(at=item.ended_at), ". Its settings and history are kept."),
            ),
            rx.foreach(item.empty, _words),
            rx.cond(
                has_any(item.ways),
                rx.el.div(
                    rx.cond(item.ended_at != "", _reconnect(item, kind="primary")),
                    rx.foreach(item.ways, functools.partial(_way, item)),
                    class_name="actions",
                ),
            ),
            rx.el.div(
                rx.cond(
                    item.may_use_own_app,
                    button(
                        "Use your own app by consent",
                        reason=reason(),
                        on_click=OwnAppState.open_apps(item.provider, IntegrationsState.agent_id),
                    ),
                ),
                rx.cond(
                    item.ended_at != "",
                    button(
                        "Delete for good",
                        kind="quiet danger",
                        reason=reason(),
                        on_click=UpkeepState.ask_delete(item.connection_id),
                    ),
                ),
                class_name="actions",
            ),
            rx.cond(
                has_any(item.ways) & negated(SessionState.may_edit_connections),
                rx.el.p(MAY_NOT, class_name="why-not"),
            ),
            class_name="empty",
        ),
    )


def _words(words: str) -> rx.Component:
    return rx.el.p(words)


def _way(item: Card, way: Way) -> rx.Component:
    return rx.cond(
        way.link != "",
        rx.cond(
            way.kind == "primary",
            consent(way.label, href=way.link, provider=way.provider_name, kind="primary"),
            consent(way.label, href=way.link, provider=way.provider_name),
        ),
        rx.el.button(
            way.label,
            type="button",
            class_name=f"btn {way.kind}",
            disabled=negated(SessionState.may_edit_connections),
            title=reason(),
            on_click=DeskState.open_keys(way.provider, way.scheme_id, IntegrationsState.agent_id),
        ),
    )


def _fact(fact: Fact) -> rx.Component:
    return rx.fragment(
        rx.el.dt(fact.label),
        rx.el.dd(rx.cond(fact.at != "", time_ago(at=fact.at, mode=fact.mode)), fact.text),
    )


def _scope(scope: Fact) -> rx.Component:
    return rx.el.li(rx.el.code(scope.label), " ", rx.el.span(scope.text, class_name="muted"))


def _rule(rule: Rule) -> rx.Component:
    return rx.el.li(rx.el.code(rule.place), rx.el.span(rule.what))


def _event(event: Event) -> rx.Component:
    return rx.el.li(chip(event.chip, event.kind), rx.el.span(event.text), time_ago(at=event.at))


def _notice(notice: Notice) -> rx.Component:
    return rx.el.div(
        rx.el.span(notice.text),
        rx.cond(notice.at != "", time_ago(at=notice.at)),
        class_name=f"forecast {notice.kind}",
    )
