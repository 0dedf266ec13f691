"""The catalogue: cards with their quality, and a drawer with the set-up guide."""

import reflex as rx

from app import routes
from app.components.elements import (
    Text,
    banner,
    bone,
    button,
    chip,
    could_not_load,
    has_any,
    link,
    loading,
    nothing,
)
from app.components.scripted import modal
from app.layouts.shell import Crumb, shell
from app.pages.catalogue.state import CatalogueState, Choice
from app.pages.catalogue.view import Line, Pill, Right, Row
from app.session.state import SessionState

MAY_NOT = "Your role may look at services, not connect them. Ask an owner of your company."


def page() -> rx.Component:
    """Return the page ``/admin/integrations/catalogue``."""
    return shell(
        rx.el.div(
            rx.el.div(
                rx.el.h1("Catalogue"),
                rx.el.p("Every service your agents can work with, how to connect it, and how far it is proven."),
            ),
            class_name="page-head",
        ),
        _toolbar(),
        rx.cond(
            CatalogueState.unknown != "",
            banner(
                "soon",
                rx.el.span("There is no service “", CatalogueState.unknown, "” in the catalogue."),
                button("Dismiss", kind="quiet small", on_click=CatalogueState.close),
            ),
        ),
        rx.match(
            CatalogueState.phase,
            ("ready", _content()),
            ("failed", could_not_load("The catalogue", CatalogueState.trouble, again=CatalogueState.load)),
            _bones(),
        ),
        _drawer(),
        crumbs=(Crumb("Integrations", routes.ALL_INTEGRATIONS), Crumb("Catalogue")),
        current=routes.CATALOGUE,
    )


def _toolbar() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.label("Search the catalogue", html_for="catalogue-search", class_name="sr-only"),
            rx.el.input(
                key=f"search-{CatalogueState.revision}",
                id="catalogue-search",
                type="search",
                default_value=CatalogueState.query,
                placeholder="Search services",
                auto_complete="off",
                max_length=80,
                class_name="input",
                on_change=CatalogueState.search.debounce(250),
            ),
            role="search",
        ),
        rx.el.nav(
            rx.foreach(CatalogueState.pills, _pill), class_name="pills", custom_attrs={"aria-label": "Categories"}
        ),
        rx.el.p(rx.cond(CatalogueState.phase == "ready", CatalogueState.found, ""), class_name="muted", role="status"),
        class_name="toolbar",
    )


def _pill(item: Pill) -> rx.Component:
    text = rx.fragment(item.name, " ", rx.el.span(item.count, class_name="num"))
    return rx.cond(
        item.is_current,
        link(text, to=item.path, custom_attrs={"aria-current": "true"}),
        link(text, to=item.path),
    )


def _content() -> rx.Component:
    return rx.cond(
        has_any(CatalogueState.rows),
        rx.el.ul(rx.foreach(CatalogueState.rows, _card), class_name="cards", custom_attrs={"aria-label": "Services"}),
        rx.cond(
            CatalogueState.total == 0,
            nothing(
                "No services yet",
                rx.el.p("Services appear here as soon as one of them is fit for use in this installation."),
            ),
            nothing(
                "Nothing matches",
                rx.el.p("No service fits this search and category."),
                link("Clear search and category", to=routes.CATALOGUE, class_name="btn"),
            ),
        ),
    )


def _card(item: Row) -> rx.Component:
    return rx.el.li(
        rx.el.header(
            rx.el.span(
                rx.cond(item.logo != "", rx.el.img(src=item.logo, alt="", width="20", height="20"), item.monogram),
                class_name="logo",
                custom_attrs={"aria-hidden": "true"},
            ),
            rx.el.div(
                rx.el.h2(link(item.name, to=item.path, class_name="cover", scroll=False)),
                rx.el.small(item.category),
            ),
            rx.el.div(class_name="grow"),
            rx.cond(item.is_installed, chip(item.connections, "ok")),
        ),
        rx.el.p(item.summary, class_name="pad"),
        rx.el.footer(
            _tier(item.tier, item.tier_name),
            rx.el.span(item.hint, class_name="why-not"),
        ),
        class_name="card hover",
    )


def _tier(tier: Text, name: Text) -> rx.Component:
    return rx.el.span(rx.el.span("Quality: ", class_name="sr-only"), name, class_name=f"tier {tier}")


def _drawer() -> rx.Component:
    item = CatalogueState.detail
    return modal(
        rx.el.p(item.summary),
        rx.el.div(
            _tier(item.tier, item.tier_name),
            rx.el.span(item.category, " · ", item.connections, class_name="muted"),
            class_name="actions",
        ),
        _connect(),
        rx.el.section(
            rx.el.h3("What it can do"),
            rx.el.ul(rx.foreach(item.capabilities, _plain), class_name="ticks"),
        ),
        rx.el.section(rx.el.h3("Set-up guide"), rx.html(item.guide, class_name="prose")),
        rx.cond(
            has_any(item.rights),
            rx.el.details(
                rx.el.summary("Permissions it asks for"),
                rx.el.ul(rx.foreach(item.rights, _right), class_name="rights"),
            ),
        ),
        rx.el.details(
            rx.el.summary("What ends when you disconnect it"),
            rx.el.ul(rx.foreach(item.effects, _plain), class_name="effects"),
        ),
        _quality(),
        rx.el.p(
            rx.el.a(
                f"{item.name}’s own documentation",
                href=item.docs_url,
                target="_blank",
                rel="noopener noreferrer",
                class_name="link",
            )
        ),
        heading=item.name,
        open=item.slug != "",
        on_dismiss=CatalogueState.close,
        class_name="drawer",
    )


def _connect() -> rx.Component:
    may_not = rx.cond(
        SessionState.may_edit_connections,
        rx.cond(
            CatalogueState.detail.missing != "",
            f"Not set up on this server: {CatalogueState.detail.missing}.",
            "",
        ),
        MAY_NOT,
    )
    return rx.el.section(
        rx.el.h3("Connect"),
        rx.cond(
            has_any(CatalogueState.agents),
            rx.el.div(
                rx.el.label("For agent", html_for="catalogue-agent"),
                rx.el.select(
                    rx.foreach(CatalogueState.agents, _choice),
                    id="catalogue-agent",
                    class_name="input",
                    value=CatalogueState.agent_id,
                    on_change=CatalogueState.choose_agent,
                ),
                rx.cond(
                    may_not == "",
                    link(
                        f"Connect for {CatalogueState.agent_name}",
                        to=f"{routes.TEAM}/{CatalogueState.agent_id}/integrations?service={CatalogueState.detail.slug}",
                        class_name="btn primary",
                    ),
                    button(f"Connect for {CatalogueState.agent_name}", reason=may_not),
                ),
                class_name="connect-for",
            ),
            rx.el.p(
                "Create an agent first; it will answer here. ",
                link("Go to the AI team", to=routes.TEAM, class_name="link"),
            ),
        ),
        rx.cond(may_not != "", rx.el.p(may_not, class_name="why-not")),
    )


def _choice(choice: Choice) -> rx.Component:
    return rx.el.option(choice.name, value=choice.id)


def _quality() -> rx.Component:
    item = CatalogueState.detail
    return rx.el.section(
        rx.el.h3("Quality: ", item.tier_name),
        rx.cond(
            item.next_name != "",
            rx.fragment(
                rx.el.p(f"Missing for {item.next_name}:"),
                rx.el.ul(rx.foreach(item.reasons, _plain), class_name="effects"),
            ),
            rx.el.p("Every rule is kept."),
        ),
        rx.el.details(
            rx.el.summary("All rules, checked against the code"),
            rx.el.ul(rx.foreach(item.lines, _line), class_name="quality"),
        ),
    )


def _line(line: Line) -> rx.Component:
    return rx.el.li(
        rx.el.div(rx.el.b(line.title), rx.el.small(line.note)),
        rx.el.span(line.status_name, rx.el.small(line.tier_name), class_name="said"),
        class_name=line.status,
    )


def _right(right: Right) -> rx.Component:
    return rx.el.li(rx.el.code(right.name), " ", rx.el.span(right.reason, class_name="muted"))


def _plain(text: str) -> rx.Component:
    return rx.el.li(text)


def _bones() -> rx.Component:
    card = rx.el.div(
        rx.el.header(bone("34px", height="34px"), bone("120px"), rx.el.div(class_name="grow")),
        rx.el.div(bone("85%"), rx.el.br(), bone("60%"), class_name="pad"),
        rx.el.footer(bone("72px", height="22px"), bone("140px")),
        class_name="card",
    )
    return loading(rx.el.div(card, card, card, class_name="cards"), label="Loading the catalogue")
