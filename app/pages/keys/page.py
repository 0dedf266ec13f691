"""The company's keys, for owners."""

import reflex as rx

from app import routes
from app.components.elements import banner, bone, button, chip, could_not_load, has_any, loading
from app.components.scripted import modal, tick, time_ago
from app.layouts.settings import KEYS, settings_tabs
from app.layouts.shell import Crumb, shell
from app.pages.keys.state import KeysState
from app.pages.keys.view import Key


def page() -> rx.Component:
    """Return the page ``/admin/settings/keys``."""
    return shell(
        rx.el.div(
            rx.el.div(
                rx.el.h1("Keys"),
                rx.el.p(
                    "Every secret of your company is sealed with a data key of its own, which a key-encryption key of"
                    " this server wraps. Replacing the data key goes on while everything works."
                ),
            ),
            rx.el.div(class_name="grow"),
            rx.cond(
                KeysState.phase == "ready",
                button(
                    "Rotate the key…",
                    kind="primary",
                    reason=rx.cond(KeysState.can_start, "", "A rotation is under way. Wait until it has ended."),
                    on_click=KeysState.ask("rotate"),
                ),
            ),
            class_name="page-head",
        ),
        settings_tabs(KEYS),
        rx.match(
            KeysState.phase,
            ("ready", _content()),
            ("failed", could_not_load("The keys", KeysState.trouble, again=KeysState.load)),
            _bones(),
        ),
        _rotate_dialog(),
        _revert_dialog(),
        crumbs=(Crumb("Settings"), Crumb("Keys")),
        current=routes.TENANT,
    )


def _content() -> rx.Component:
    return rx.el.div(
        rx.cond(KeysState.alarm != "", banner("broken", rx.el.span(KeysState.alarm))),
        rx.cond(
            KeysState.is_due,
            banner("soon", rx.el.span("The key has been in use for more than 90 days. Rotate it when it suits you.")),
        ),
        rx.cond(KeysState.rotation.words != "", _rotation()),
        rx.el.section(
            rx.el.h2("Data keys", class_name="section-title"),
            rx.el.ul(
                rx.foreach(KeysState.keys, _key), class_name="list-rows", custom_attrs={"aria-label": "Data keys"}
            ),
        ),
        rx.el.section(
            rx.el.h2("This server", class_name="section-title"),
            rx.el.dl(
                rx.el.dt("Key-encryption key"),
                rx.el.dd(KeysState.kek),
                rx.el.dt("Sealed secrets"),
                rx.el.dd(KeysState.secret_count, class_name="num"),
                rx.el.dt("Secrets opened"),
                rx.el.dd(KeysState.opened, class_name="num"),
                rx.el.dt("Processes"),
                rx.el.dd(
                    rx.cond(
                        has_any(KeysState.processes),
                        KeysState.processes.join(", "),
                        "none has said yet that it knows the keys",
                    )
                ),
                class_name="facts flush wide",
            ),
        ),
        class_name="stack",
    )


def _rotation() -> rx.Component:
    rotation = KeysState.rotation
    return rx.el.section(
        rx.cond(rotation.is_under_way, tick(every=2000, on_tick=KeysState.refresh)),
        rx.el.h2("Latest rotation", class_name="section-title"),
        rx.el.div(
            rx.el.p(rotation.words, role="status"),
            rx.el.div(
                rx.el.span(style={"width": f"{rotation.percent}%"}),
                class_name="progress",
                role="progressbar",
                custom_attrs={
                    "aria-label": "Secrets re-encrypted",
                    "aria-valuenow": rotation.percent,
                    "aria-valuemin": "0",
                    "aria-valuemax": "100",
                },
            ),
            rx.el.p(
                rotation.progress,
                " · started by ",
                rotation.started_by,
                " ",
                time_ago(at=rotation.started_at),
                class_name="muted",
            ),
            rx.cond(
                has_any(rotation.waiting_for),
                rx.fragment(
                    rx.el.p("It waits for:"),
                    rx.el.ul(rx.foreach(rotation.waiting_for, _words), class_name="effects"),
                ),
            ),
            rx.cond(rotation.problem != "", rx.el.p(rotation.problem, class_name="error-text")),
            rx.cond(
                rotation.kept_until != "",
                rx.el.p("The key that was left is destroyed on ", time_ago(at=rotation.kept_until), "."),
            ),
            rx.cond(
                rotation.can_revert,
                rx.el.div(button("Take it back…", on_click=KeysState.ask("revert")), class_name="actions"),
            ),
            class_name="card padded-card",
        ),
        custom_attrs={"aria-label": "Latest rotation"},
    )


def _key(key: Key) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.div(rx.el.b("…", key.short, class_name="mono"), rx.el.p("wrapped by ", key.wrapped_by)),
            rx.el.span(key.secrets, class_name="sub num"),
            rx.el.span("made ", time_ago(at=key.created_at), class_name="sub"),
            chip(key.chip, key.chip_kind),
            class_name="key-row",
        )
    )


def _rotate_dialog() -> rx.Component:
    return modal(
        rx.el.p("This is what will happen. Nothing has been changed yet:"),
        rx.el.ol(rx.foreach(KeysState.plan, _words), class_name="effects"),
        rx.el.div(
            button("Not now", on_click=KeysState.close),
            button(
                rx.cond(KeysState.is_busy, "Starting…", "Rotate the key"),
                kind="primary",
                disabled=KeysState.is_busy,
                on_click=KeysState.rotate,
            ),
            class_name="tail",
        ),
        heading="Rotate the data key?",
        open=KeysState.dialog == "rotate",
        on_dismiss=KeysState.close,
    )


def _revert_dialog() -> rx.Component:
    return modal(
        rx.el.p(
            "Secrets are re-encrypted with the key before, and the new key is switched off. Use this if a process or a"
            " backup still needs the old key; never if the old key may be known to others."
        ),
        rx.el.div(
            button("Keep the new key", on_click=KeysState.close),
            button(
                rx.cond(KeysState.is_busy, "Starting…", "Take it back"),
                kind="danger solid",
                disabled=KeysState.is_busy,
                on_click=KeysState.revert,
            ),
            class_name="tail",
        ),
        heading="Go back to the key before?",
        open=KeysState.dialog == "revert",
        on_dismiss=KeysState.close,
    )


def _words(words: str) -> rx.Component:
    return rx.el.li(words)


def _bones() -> rx.Component:
    row = rx.el.div(bone("60%"), bone("50%"), bone("50%"), bone("84px"), class_name="key-row")
    return loading(rx.el.div(row, row, class_name="list-rows"), label="Loading the keys")
