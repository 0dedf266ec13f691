"""The dialog about an app of one's own: create it from a manifest or by hand, keep its keys, connect through it."""

import reflex as rx

from app.components.elements import button, has_any
from app.components.scripted import connect_form, copy_field, modal
from app.desk.dialogs import address, consent, reason
from app.desk.own_app.state import OwnAppState
from app.desk.own_app.view import App, Part


def own_app_dialog() -> rx.Component:
    """Return the dialog; the state opens it."""
    guide = OwnAppState.guide
    return modal(
        rx.el.p(
            "With an app of your own, people at ",
            guide.provider_name,
            " see your name and your icon, and its limits are yours alone.",
        ),
        rx.cond(
            has_any(OwnAppState.apps),
            rx.el.ul(
                rx.foreach(OwnAppState.apps, _app), class_name="list-rows targets", custom_attrs={"aria-label": "Apps"}
            ),
        ),
        rx.el.h3(f"1. Create the app at {guide.provider_name}"),
        rx.cond(
            guide.has_manifest,
            rx.fragment(
                rx.el.div(
                    rx.el.a(
                        f"Create app at {guide.provider_name}",
                        href=guide.create_url,
                        target="_blank",
                        rel="noopener noreferrer",
                        class_name="btn primary",
                    ),
                    rx.el.span(guide.version, " of our manifest, everything filled in.", class_name="muted"),
                    class_name="actions",
                ),
                rx.el.details(
                    rx.el.summary("The manifest as JSON, and what it asks for"),
                    rx.el.div(
                        copy_field(
                            label="App manifest",
                            value=guide.json,
                            help=f"For “From a manifest” at {guide.provider_name}.",
                            multiline=True,
                        ),
                        rx.el.ul(
                            rx.foreach(guide.parts, _part), class_name="parts", custom_attrs={"aria-label": "Asks for"}
                        ),
                    ),
                    class_name="more",
                ),
                rx.el.details(
                    rx.el.summary("Our addresses, for an app made by hand"),
                    rx.el.div(rx.foreach(guide.addresses, address)),
                    class_name="more",
                ),
            ),
            rx.foreach(guide.addresses, address),
        ),
        rx.el.h3("2. Copy its keys"),
        connect_form(
            action=guide.action,
            payload=guide.payload,
            fields=guide.fields,
            submit_label="Keep the app",
            on_done=OwnAppState.on_created,
        ),
        heading=f"Use your own app by consent: {guide.provider_name}",
        open=OwnAppState.is_open,
        on_dismiss=OwnAppState.close,
    )


def _app(item: App) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.b(item.name),
            rx.el.p(rx.el.code(item.client_id), " · ", item.version, " · ", item.used),
            rx.cond(
                has_any(item.changes),
                rx.el.details(
                    rx.el.summary("A newer manifest asks for more"),
                    rx.el.ul(rx.foreach(item.changes, _part), class_name="parts"),
                ),
            ),
            _new_secrets(item),
        ),
        rx.el.div(
            consent(
                f"Connect through {item.name}",
                href=item.consent,
                provider=OwnAppState.guide.provider_name,
                kind="primary",
            ),
            rx.cond(
                item.can_delete,
                button(
                    "Remove",
                    kind="quiet small danger",
                    reason=reason(),
                    on_click=OwnAppState.delete(item.id),
                    custom_attrs={"aria-label": f"Remove {item.name}"},
                ),
            ),
            class_name="actions",
        ),
    )


def _new_secrets(item: App) -> rx.Component:
    """Return the form for secrets that were made anew at the provider; it may stay closed."""
    name = OwnAppState.guide.provider_name
    return rx.el.details(
        rx.el.summary("Replace its secrets", custom_attrs={"aria-label": f"Replace the secrets of {item.name}"}),
        rx.el.div(
            rx.el.p(
                f"Make a new secret at {name} first, then paste it here; what you leave empty stays. The new one"
                " counts from the next event and the next renewal on. The old one is forgotten here at once; how long"
                f" {name} still takes it is decided there. Events signed with a secret that is not kept here are"
                " refused, so do both in one go. Connections stay connected.",
                class_name="help",
            ),
            connect_form(
                action=item.action,
                payload=item.payload,
                fields=item.secrets,
                submit_label="Replace",
                on_done=OwnAppState.on_replaced,
            ),
        ),
        class_name="more",
    )


def _part(part: Part) -> rx.Component:
    return rx.el.li(rx.el.code(part.name), " ", rx.el.span(part.reason, class_name="muted"))
