"""An agent's integrations: four cards, what needs a person, and the dialogs behind the buttons."""

import reflex as rx

from app.components.elements import banner, bone, button, could_not_load, has_any, loading
from app.components.scripted import connect_form, modal
from app.layouts.agent import agent_shell
from app.pages.integrations.components import address, card, finding
from app.pages.integrations.state import Choice, IntegrationsState
from app.pages.integrations.view import Number


def page() -> rx.Component:
    """Return the page ``/admin/ai-team/{agent_id}/integrations``."""
    return agent_shell(
        rx.el.div(
            rx.cond(
                IntegrationsState.banner_text != "",
                banner(
                    IntegrationsState.banner_kind,
                    rx.el.span(IntegrationsState.banner_text),
                    button("Dismiss", kind="quiet small", on_click=IntegrationsState.dismiss_banner),
                ),
            ),
            rx.match(
                IntegrationsState.phase,
                ("ready", _board()),
                (
                    "failed",
                    could_not_load("The integrations", IntegrationsState.trouble, again=IntegrationsState.load),
                ),
                _bones(),
            ),
            class_name="padded",
        ),
        _keys_dialog(),
        _paste_dialog(),
        _numbers_dialog(),
        _disconnect_dialog(),
        tab="Integrations",
    )


def _board() -> rx.Component:
    return rx.el.div(
        rx.el.div(rx.foreach(IntegrationsState.cards, card), class_name="cards"),
        rx.cond(
            has_any(IntegrationsState.findings),
            rx.el.aside(
                rx.el.section(
                    rx.el.h2("Needs you", rx.el.span(IntegrationsState.findings.length(), class_name="count")),
                    rx.foreach(IntegrationsState.findings, finding),
                ),
                class_name="needs-col",
                custom_attrs={"aria-label": "Needs you"},
            ),
        ),
        class_name=rx.cond(has_any(IntegrationsState.findings), "board", "board alone"),
    )


def _keys_dialog() -> rx.Component:
    way = IntegrationsState.way
    return modal(
        rx.el.p("The values are checked with ", way.provider_name, " before anything is saved, and stored encrypted."),
        connect_form(
            action=way.action,
            payload={"scheme_id": way.scheme_id, "agent_id": IntegrationsState.agent_id},
            fields=way.fields,
            submit_label="Connect",
            on_done=IntegrationsState.on_connected,
        ),
        heading=rx.cond(
            IntegrationsState.card.is_connected, f"Reconnect {way.provider_name}", f"Connect {way.provider_name}"
        ),
        open=IntegrationsState.dialog == "keys",
        on_dismiss=IntegrationsState.close,
    )


def _paste_dialog() -> rx.Component:
    return modal(
        rx.el.p(
            "One step is left: tell ",
            IntegrationsState.card.title,
            " where to send what people write. The card shows the first event as soon as it arrives.",
        ),
        rx.foreach(IntegrationsState.card.addresses, address),
        rx.el.div(button("Done", kind="primary", on_click=IntegrationsState.close), class_name="tail"),
        heading="Paste our address",
        open=IntegrationsState.dialog == "paste",
        on_dismiss=IntegrationsState.close,
    )


def _numbers_dialog() -> rx.Component:
    return modal(
        rx.el.p("Choose who answers on each number. We enter our address at the provider for you."),
        rx.cond(
            IntegrationsState.dialog_error != "",
            rx.el.p(IntegrationsState.dialog_error, class_name="error-text", role="alert"),
        ),
        rx.cond(
            has_any(IntegrationsState.card.numbers),
            rx.el.ul(rx.foreach(IntegrationsState.card.numbers, _number), class_name="numbers"),
            rx.el.p(
                rx.cond(
                    IntegrationsState.busy != "",
                    "Fetching the account's numbers…",
                    "This account has no numbers. Buy one in the provider's console, then fetch again.",
                ),
                role="status",
            ),
        ),
        rx.el.div(
            button(
                "Fetch numbers again", on_click=IntegrationsState.fetch_numbers, disabled=IntegrationsState.busy != ""
            ),
            button("Done", kind="primary", on_click=IntegrationsState.close),
            class_name="tail",
        ),
        heading="Phone numbers",
        open=IntegrationsState.dialog == "numbers",
        on_dismiss=IntegrationsState.close,
    )


def _number(number: Number) -> rx.Component:
    key = "number-" + number.id
    return rx.el.li(
        rx.el.label(
            rx.el.b(number.number, class_name="num"),
            rx.cond(number.label != "", rx.el.span(" ", number.label, class_name="muted")),
            html_for=key,
        ),
        rx.el.select(
            rx.el.option("Nobody answers", value=""),
            rx.foreach(IntegrationsState.agents, _choice),
            id=key,
            class_name="input",
            value=number.agent_id,
            disabled=IntegrationsState.busy == number.id,
            on_change=lambda agent_id: IntegrationsState.assign(number.id, agent_id),
            custom_attrs={"aria-label": f"Agent for {number.number}"},
        ),
    )


def _choice(choice: Choice) -> rx.Component:
    return rx.el.option(choice.name, value=choice.id)


def _disconnect_dialog() -> rx.Component:
    item = IntegrationsState.card
    return modal(
        rx.el.p(rx.el.b(item.title), rx.cond(item.subtitle != "", rx.fragment(" (", item.subtitle, ")")), ":"),
        rx.el.ul(
            rx.foreach(item.effects, _effect),
            rx.el.li("Answers that are still queued for it are not sent."),
            rx.el.li("The stored keys are deleted at once. Conversations stay."),
            class_name="effects",
        ),
        rx.el.div(
            button("Keep it connected", on_click=IntegrationsState.close),
            button(
                f"Disconnect {item.title}",
                kind="danger solid",
                disabled=IntegrationsState.busy != "",
                on_click=IntegrationsState.disconnect,
            ),
            class_name="tail",
        ),
        heading=f"Disconnect {item.title}?",
        open=IntegrationsState.dialog == "disconnect",
        on_dismiss=IntegrationsState.close,
    )


def _effect(effect: str) -> rx.Component:
    return rx.el.li(effect)


def _bones() -> rx.Component:
    skeleton = rx.el.div(
        rx.el.header(
            bone("34px", height="34px"), bone("120px"), rx.el.div(class_name="grow"), bone("84px", height="22px")
        ),
        rx.el.div(bone("80%"), rx.el.br(), bone("65%"), rx.el.br(), bone("70%"), class_name="pad"),
        class_name="card",
    )
    return loading(
        rx.el.div(rx.el.div(skeleton, skeleton, skeleton, skeleton, class_name="cards"), class_name="board alone"),
        label="Loading the integrations",
    )
