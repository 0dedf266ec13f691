"""The card of one service, drawn the same way for every provider."""

import functools

import reflex as rx

from app.components.elements import button, chip, has_any, link, negated
from app.components.scripted import copy_field, time_ago
from app.pages.integrations.state import IntegrationsState
from app.pages.integrations.view import Address, Card, Fact, Finding, Notice, Rule, Way
from app.session.state import SessionState

MAY_NOT = "Your role may look at connections, not change them. Ask an owner of your company."


def reason() -> rx.Var[str]:
    """Return why the buttons are disabled; empty for those who may."""
    return rx.cond(SessionState.may_edit_connections, "", MAY_NOT)


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
        custom_attrs={"aria-label": item.title, "data-card": item.key},
    )


def finding(item: Finding) -> rx.Component:
    """Return one thing that needs a person."""
    return rx.el.div(
        rx.el.b(item.title),
        rx.el.p(item.text),
        rx.cond(
            item.act != "",
            rx.el.button(
                item.act_label,
                type="button",
                class_name="link",
                disabled=negated(SessionState.may_edit_connections),
                title=reason(),
                on_click=rx.cond(
                    item.act == "numbers",
                    IntegrationsState.open_numbers(item.card),
                    IntegrationsState.reconnect(item.card),
                ),
            ),
        ),
        class_name=f"find {item.kind}",
    )


def _connected(item: Card) -> rx.Component:
    return rx.fragment(
        rx.el.dl(rx.foreach(item.facts, _fact), class_name="facts"),
        rx.foreach(item.notices, _notice),
        rx.cond(
            has_any(item.rules),
            rx.el.ul(
                rx.foreach(item.rules, _rule), class_name="rules", custom_attrs={"aria-label": "Where it answers"}
            ),
        ),
        rx.cond(
            has_any(item.addresses) | has_any(item.hints) | has_any(item.scopes),
            rx.el.details(
                rx.el.summary("Addresses, keys and permissions"),
                rx.el.div(
                    rx.foreach(item.addresses, address),
                    rx.el.dl(rx.foreach(item.hints, _fact), class_name="facts flush"),
                    rx.cond(
                        has_any(item.scopes),
                        rx.el.ul(rx.foreach(item.scopes, _scope), custom_attrs={"aria-label": "Permissions"}),
                    ),
                ),
                class_name="more",
            ),
        ),
        rx.el.footer(
            rx.cond(
                item.needs_reauth,
                button("Reconnect", kind="primary", reason=reason(), on_click=IntegrationsState.reconnect(item.key)),
            ),
            rx.cond(
                item.has_numbers,
                button(
                    rx.cond(item.needs_number, "Assign a number", "Numbers"),
                    reason=reason(),
                    on_click=IntegrationsState.open_numbers(item.key),
                ),
            ),
            button(
                rx.cond(IntegrationsState.busy == item.connection_id, "Testing…", "Test"),
                reason=reason(),
                disabled=IntegrationsState.busy == item.connection_id,
                on_click=IntegrationsState.test(item.connection_id),
            ),
            rx.el.span(
                button(
                    "Disconnect",
                    kind="quiet danger",
                    reason=reason(),
                    on_click=IntegrationsState.ask_disconnect(item.key),
                ),
                class_name="end",
            ),
        ),
    )


def _unconnected(item: Card) -> rx.Component:
    return rx.fragment(
        rx.foreach(item.notices, _notice),
        rx.el.div(
            rx.foreach(item.empty, _words),
            rx.cond(
                has_any(item.ways),
                rx.el.div(rx.foreach(item.ways, functools.partial(_way, item)), class_name="actions"),
            ),
            rx.cond(
                has_any(item.ways) & negated(SessionState.may_edit_connections),
                rx.el.p(MAY_NOT, class_name="why-not", style={"margin": "10px 0 0"}),
            ),
            class_name="empty",
        ),
    )


def _words(words: str) -> rx.Component:
    return rx.el.p(words)


def _way(item: Card, way: Way) -> rx.Component:
    return rx.cond(
        (way.link != "") & SessionState.may_edit_connections,
        link(way.label, to=way.link, reload_document=True, class_name=f"btn {way.kind}"),
        rx.el.button(
            way.label,
            type="button",
            class_name=f"btn {way.kind}",
            disabled=negated(SessionState.may_edit_connections),
            title=reason(),
            on_click=IntegrationsState.open_keys(item.key, way.scheme_id),
        ),
    )


def address(item: Address) -> rx.Component:
    """Return one of our addresses, to be copied."""
    return copy_field(label=item.label, value=item.url, help=item.help)


def _fact(fact: Fact) -> rx.Component:
    return rx.fragment(
        rx.el.dt(fact.label),
        rx.el.dd(rx.cond(fact.at != "", time_ago(at=fact.at, mode=fact.mode)), fact.text),
    )


def _scope(scope: Fact) -> rx.Component:
    return rx.el.li(rx.el.code(scope.label), " ", rx.el.span(scope.text, class_name="muted"))


def _rule(rule: Rule) -> rx.Component:
    return rx.el.li(rx.el.code(rule.place), rx.el.span(rule.what))


def _notice(notice: Notice) -> rx.Component:
    return rx.el.div(
        rx.el.span(notice.text),
        rx.cond(notice.at != "", time_ago(at=notice.at)),
        class_name=f"forecast {notice.kind}",
    )
