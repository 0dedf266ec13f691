"""The dialogs about one connection. A page with connections puts :func:`desk` at its end."""

import reflex as rx

from app.components.elements import Flag, Text, banner, button, chip, has_any, link, negated
from app.components.scripted import connect_form, consent_button, copy_field, modal, time_ago
from app.desk.state import Choice, DeskState
from app.desk.view import Address, LogLine, Number
from app.desk.words import Event
from app.session.state import SessionState

MAY_NOT = "Your role may look at connections, not change them. Ask an owner of your company."


def reason() -> rx.Var[str]:
    """Return why the buttons are disabled; empty for those who may."""
    return rx.cond(SessionState.may_edit_connections, "", MAY_NOT)


def consent(label: Text, *, href: Text, provider: Text, kind: str = "") -> rx.Component:
    """Return the way to a provider's consent page."""
    return consent_button(
        href=href,
        label=label,
        provider=provider,
        class_name=f"btn {kind}".strip(),
        disabled=negated(SessionState.may_edit_connections),
        title=reason(),
    )


def said() -> rx.Component:
    """Return what came of the last act that changed the page below it."""
    return rx.cond(
        DeskState.said != "",
        banner(
            DeskState.said_kind,
            rx.el.span(DeskState.said),
            button("Dismiss", kind="quiet small", on_click=DeskState.dismiss_banner),
        ),
    )


def desk() -> rx.Component:
    """Return all dialogs; the state shows one of them at most."""
    return rx.fragment(
        _keys_dialog(),
        _paste_dialog(),
        _numbers_dialog(),
        _repair_dialog(),
        _history_dialog(),
        _log_dialog(),
        _disconnect_dialog(),
    )


def address(item: Address) -> rx.Component:
    """Return one of our addresses, to be copied."""
    return copy_field(label=item.label, value=item.url, help=item.help)


def _keys_dialog() -> rx.Component:
    form = DeskState.form
    return modal(
        rx.el.p("The values are checked with ", form.provider_name, " before anything is saved, and stored encrypted."),
        rx.cond(form.warning != "", rx.el.p(form.warning)),
        connect_form(
            action=form.action,
            payload=form.payload,
            fields=form.fields,
            submit_label=form.submit_label,
            on_done=DeskState.on_keys,
        ),
        heading=form.heading,
        open=DeskState.dialog == "keys",
        on_dismiss=DeskState.close,
    )


def _paste_dialog() -> rx.Component:
    return modal(
        rx.el.p(
            "One step is left: tell ",
            DeskState.item.title,
            " where to send what people write. The card shows the first event as soon as it arrives.",
        ),
        rx.foreach(DeskState.item.addresses, address),
        rx.el.div(button("Done", kind="primary", on_click=DeskState.close), class_name="tail"),
        heading="Paste our address",
        open=DeskState.dialog == "paste",
        on_dismiss=DeskState.close,
    )


def _numbers_dialog() -> rx.Component:
    return modal(
        rx.el.p("Choose who answers on each number. We enter our address at the provider for you."),
        rx.cond(DeskState.error != "", rx.el.p(DeskState.error, class_name="error-text", role="alert")),
        rx.cond(
            has_any(DeskState.item.numbers),
            rx.el.ul(rx.foreach(DeskState.item.numbers, _number), class_name="numbers"),
            rx.el.p(
                rx.cond(
                    DeskState.busy != "",
                    "Fetching the account's numbers…",
                    "This account has no numbers. Buy one in the provider's console, then fetch again.",
                ),
                role="status",
            ),
        ),
        rx.el.div(
            button("Fetch numbers again", on_click=DeskState.fetch_numbers, disabled=DeskState.busy != ""),
            button("Done", kind="primary", on_click=DeskState.close),
            class_name="tail",
        ),
        heading="Phone numbers",
        open=DeskState.dialog == "numbers",
        on_dismiss=DeskState.close,
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
            rx.foreach(DeskState.agents, _choice),
            id=key,
            class_name="input",
            value=number.agent_id,
            disabled=DeskState.busy == number.id,
            on_change=lambda agent_id: DeskState.assign(number.id, agent_id),
            custom_attrs={"aria-label": f"Agent for {number.number}"},
        ),
    )


def _choice(choice: Choice) -> rx.Component:
    return rx.el.option(choice.name, value=choice.id)


def _repair_dialog() -> rx.Component:
    item = DeskState.item
    return modal(
        rx.el.p(
            rx.match(
                DeskState.act,
                (
                    "reconnect",
                    f"Sign in to “{item.account}” at {item.provider_name} once more. Only this account is accepted;"
                    " settings, numbers and history stay as they are.",
                ),
                (
                    "test",
                    f"One cheap call to {item.provider_name} shows whether “{item.account}” works now.",
                ),
                f"“{item.account}” is paused. Resuming sends what waited and takes new messages again.",
            )
        ),
        rx.el.div(
            button("Not now", kind="quiet", on_click=DeskState.close),
            rx.match(
                DeskState.act,
                (
                    "reconnect",
                    consent(
                        f"Reconnect {item.provider_name}",
                        href=item.consent,
                        provider=item.provider_name,
                        kind="primary",
                    ),
                ),
                (
                    "test",
                    button(
                        rx.cond(DeskState.busy == item.id, "Testing…", "Test now"),
                        kind="primary",
                        disabled=DeskState.busy != "",
                        on_click=DeskState.test(item.id),
                    ),
                ),
                button(
                    "Resume",
                    kind="primary",
                    disabled=DeskState.busy != "",
                    on_click=DeskState.resume(item.id),
                ),
            ),
            class_name="tail",
        ),
        heading=rx.match(
            DeskState.act,
            ("reconnect", f"Reconnect {item.title}"),
            ("test", f"Test {item.title}"),
            f"Resume {item.title}",
        ),
        open=DeskState.dialog == "repair",
        on_dismiss=DeskState.close,
    )


def _history_dialog() -> rx.Component:
    return modal(
        rx.el.p("What it became, by whom and why; the latest first."),
        rx.el.ol(rx.foreach(DeskState.events, _event), class_name="history"),
        rx.el.div(button("Done", kind="primary", on_click=DeskState.close), class_name="tail"),
        heading=f"{DeskState.item.title}: {DeskState.item.account}",
        open=DeskState.dialog == "history",
        on_dismiss=DeskState.close,
    )


def _event(event: Event) -> rx.Component:
    return rx.el.li(
        chip(event.chip, event.kind),
        rx.el.span(event.text),
        time_ago(at=event.at),
    )


def _log_dialog() -> rx.Component:
    return modal(
        rx.cond(
            has_any(DeskState.lines),
            rx.el.ol(rx.foreach(DeskState.lines, _line), class_name="history"),
            rx.el.p("Nothing has come in yet, and nothing was refused within a day."),
        ),
        rx.el.div(button("Done", kind="primary", on_click=DeskState.close), class_name="tail"),
        heading=f"What came in from {DeskState.item.provider_name}",
        open=DeskState.dialog == "log",
        on_dismiss=DeskState.close,
    )


def _line(line: LogLine) -> rx.Component:
    return rx.el.li(
        chip(line.outcome, line.kind),
        rx.cond(line.path != "", link(line.what, to=line.path, class_name="link"), rx.el.span(line.what)),
        time_ago(at=line.at),
    )


def _disconnect_dialog() -> rx.Component:
    item = DeskState.item
    return modal(
        rx.el.p(rx.el.b(item.title), " (", item.account, "):"),
        rx.el.ul(rx.foreach(DeskState.consequences, _effect), class_name="effects"),
        rx.el.fieldset(
            rx.el.legend("What has been written there"),
            _radio("keep", "Keep the history: conversations can still be read", checked=DeskState.keep_history),
            _radio(
                "delete",
                "Delete the history: conversations and deliveries are gone for good",
                checked=negated(DeskState.keep_history),
            ),
            class_name="choices",
        ),
        rx.el.div(
            button("Keep it connected", on_click=DeskState.close),
            button(
                rx.cond(DeskState.busy != "", "Disconnecting…", f"Disconnect {item.title}"),
                kind="danger solid",
                disabled=DeskState.busy != "",
                on_click=DeskState.disconnect,
            ),
            class_name="tail",
        ),
        heading=f"Disconnect {item.title}?",
        open=DeskState.dialog == "disconnect",
        on_dismiss=DeskState.close,
    )


def _radio(value: str, label: str, *, checked: Flag) -> rx.Component:
    return rx.el.label(
        rx.el.input(
            type="radio",
            name="history",
            value=value,
            checked=checked,
            on_change=DeskState.choose_history(value),
        ),
        rx.el.span(label),
    )


def _effect(effect: str) -> rx.Component:
    return rx.el.li(effect)
