"""Small stateless pieces, drawn as in the stylesheet: values and handlers in, component out."""

from collections.abc import Callable
from typing import Any, cast

import reflex as rx
from reflex_components_core.el.element import Element
from reflex_components_core.react_router.dom import ReactRouterLink

Text = str | rx.Var[str]
Flag = bool | rx.Var[bool]


class NativeForm(Element):
    """A form that the browser itself posts to a server route; Reflex's own form never leaves the page."""

    tag = "form"
    action: rx.Var[str]
    method: rx.Var[str]


def builder_of(kind: Any) -> Callable[..., rx.Component]:
    """Return what builds a component; Reflex's own signatures are too open for a strict type checker."""
    return kind.create


native_form = builder_of(NativeForm)
_router_link = builder_of(ReactRouterLink)


def negated(flag: Flag) -> rx.Var[bool]:
    """Return the opposite of a flag."""
    return rx.cond(flag, False, True)


def has_any(items: object) -> rx.Var[bool]:
    """Return whether a list or tuple of the state holds something."""
    return rx.Var.create(items).to(list).length() > 0


def link(*children: Any, to: Text, class_name: Text = "", **props: Any) -> rx.Component:
    """Return a link to another of our pages."""
    return _router_link(*children, to=to, class_name=class_name, **props)


def chip(text: Text, kind: Text) -> rx.Component:
    """Return a state as word and shape. ``kind`` is ``ok``, ``soon``, ``broken`` or ``off``."""
    return rx.el.span(text, class_name=f"chip {kind}")


def button(text: Text, *, kind: str = "", reason: Text = "", disabled: Flag = False, **props: Any) -> rx.Component:
    """Return a button. A ``reason`` disables it and says why on hover, and to a screen reader."""
    return rx.el.button(
        text,
        type="button",
        class_name=f"btn {kind}".strip(),
        disabled=cast("rx.Var[bool]", rx.cond(rx.Var.create(reason) != "", True, disabled)),
        title=reason,
        **props,
    )


def banner(kind: Text, *children: Any) -> rx.Component:
    """Return a notice above a page's content."""
    return rx.el.div(*children, class_name=f"banner {kind}", role="status")


def field(
    label: Text, name: str, *, error: Text = "", help_text: Text = "", multiline: bool = False, **props: Any
) -> rx.Component:
    """Return a labelled input with its help and its error beside it."""
    key = f"field-{name}"
    create: Callable[..., rx.Component] = cast(Any, rx.el.textarea if multiline else rx.el.input)
    return rx.el.div(
        rx.el.label(label, html_for=key),
        create(
            id=key,
            name=name,
            class_name="input",
            custom_attrs={
                "aria-describedby": f"{key}-help {key}-error",
                "aria-invalid": rx.cond(rx.Var.create(error) != "", "true", "false"),
            },
            **props,
        ),
        rx.el.span(help_text, id=f"{key}-help", class_name="help"),
        rx.el.span(error, id=f"{key}-error", class_name="error", role="alert"),
        class_name="field",
    )


def bone(width: str, *, height: str = "12px", circle: bool = False) -> rx.Component:
    """Return a placeholder as wide as what will stand there."""
    return rx.el.span(class_name="bone circle" if circle else "bone", style={"width": width, "height": height})


def loading(*bones: rx.Component, label: str) -> rx.Component:
    """Return placeholders that say what is being loaded."""
    return rx.el.div(rx.el.span(label, class_name="sr-only", role="status"), *bones, custom_attrs={"aria-busy": "true"})


def could_not_load(what: str, trouble: Text, *, again: Any) -> rx.Component:
    """Return the state in which something failed, with the way out."""
    return rx.el.div(
        rx.el.h2(f"{what} could not be loaded"),
        rx.el.p(trouble),
        button("Try again", on_click=again),
        class_name="nothing",
        role="alert",
    )


def nothing(heading: Text, *children: Any) -> rx.Component:
    """Return the state in which there is nothing, with the next step."""
    return rx.el.div(rx.el.h2(heading), *children, class_name="nothing")
