"""Components that run in the browser: each wraps a small JSX file next to this module."""

from typing import Any

import reflex as rx

from app.components.elements import builder_of

for _part in ("approval.jsx", "letter.jsx", "sms_segments.js"):  # what components below import from beside them
    rx.asset(_part, shared=True)


def _decision(run_id: rx.Var[str], note: rx.Var[str]) -> tuple[rx.Var[str], rx.Var[str]]:
    """What a decision on an action brings."""
    return run_id, note


def _sent_reply(
    conversation_id: rx.Var[str], text: rx.Var[str], key: rx.Var[str]
) -> tuple[rx.Var[str], rx.Var[str], rx.Var[str]]:
    """What a reply brings; the key is the draft's."""
    return conversation_id, text, key


class _Local(rx.Component):
    """A component of ours, written in JSX."""


class TimeAgo(_Local):
    """A time that stays true: relative in words (``ago``), as a ``date`` or as a ``clock``; exact on hover."""

    library = rx.asset("time_ago.jsx", shared=True).importable_path
    tag = "TimeAgo"
    at: rx.Var[str]
    mode: rx.Var[str]


class Modal(_Local):
    """A dialog: open or closed by the page's state."""

    library = rx.asset("modal.jsx", shared=True).importable_path
    tag = "Modal"
    open: rx.Var[bool]
    heading: rx.Var[str]
    on_dismiss: rx.EventHandler[rx.event.no_args_event_spec]


class CopyField(_Local):
    """A value to paste somewhere else."""

    library = rx.asset("copy_field.jsx", shared=True).importable_path
    tag = "CopyField"
    label: rx.Var[str]
    value: rx.Var[str]
    help: rx.Var[str]
    multiline: rx.Var[bool]


class MessageLog(_Local):
    """A thread of messages that stays at its end."""

    library = rx.asset("message_log.jsx", shared=True).importable_path
    tag = "MessageLog"
    messages: rx.Var[Any]
    approvals: rx.Var[Any]
    may_not_decide: rx.Var[str]
    on_approve: rx.EventHandler[_decision]
    on_reject: rx.EventHandler[_decision]
    conversation: rx.Var[str]
    label: rx.Var[str]


class ReplyComposer(_Local):
    """Where a person answers a contact; one event leaves per reply: conversation, text, and the draft's key."""

    library = rx.asset("reply_composer.jsx", shared=True).importable_path
    tag = "ReplyComposer"
    conversation: rx.Var[str]
    contact: rx.Var[str]
    agent: rx.Var[str]
    channel: rx.Var[str]
    label: rx.Var[str]
    route: rx.Var[str]
    blocked: rx.Var[str]
    repair: rx.Var[str]
    repair_path: rx.Var[str]
    message_limit: rx.Var[int]
    answered: rx.Var[Any]
    on_send: rx.EventHandler[_sent_reply]


class ConnectForm(_Local):
    """A form for keys that posts to the server over HTTP, past the page's state."""

    library = rx.asset("connect_form.jsx", shared=True).importable_path
    tag = "ConnectForm"
    action: rx.Var[str]
    payload: rx.Var[dict[str, Any]]
    fields: rx.Var[Any]
    submit_label: rx.Var[str]
    on_done: rx.EventHandler[rx.event.passthrough_event_spec(str)]


class ConsentButton(_Local):
    """The way to a provider's consent page: a window of its own, or this tab where windows are blocked."""

    library = rx.asset("consent_button.jsx", shared=True).importable_path
    tag = "ConsentButton"
    href: rx.Var[str]
    label: rx.Var[str]
    provider: rx.Var[str]
    disabled: rx.Var[bool]
    title: rx.Var[str]


class Tick(_Local):
    """Asks the server again every so many milliseconds, while somebody looks."""

    library = rx.asset("tick.jsx", shared=True).importable_path
    tag = "Tick"
    every: rx.Var[int]
    on_tick: rx.EventHandler[rx.event.no_args_event_spec]


class AddressSearch(_Local):
    """A search box whose text stands in the address's query."""

    library = rx.asset("address_search.jsx", shared=True).importable_path
    tag = "AddressSearch"
    name: rx.Var[str]
    label: rx.Var[str]
    placeholder: rx.Var[str]
    drops: rx.Var[list[str]]
    """What else leaves the query when something is typed."""


class TopMark(_Local):
    """Says whether one has scrolled past it."""

    library = rx.asset("top_mark.jsx", shared=True).importable_path
    tag = "TopMark"
    on_pass: rx.EventHandler[rx.event.passthrough_event_spec(bool)]


class ThemeSwitch(_Local):
    """System, light or dark; remembered in the browser."""

    library = rx.asset("theme_switch.jsx", shared=True).importable_path
    tag = "ThemeSwitch"


class PlaybookEditor(_Local):
    """The playbook's entries; one event leaves when they are saved."""

    library = rx.asset("playbook_editor.jsx", shared=True).importable_path
    tag = "PlaybookEditor"
    agent: rx.Var[str]
    entries: rx.Var[Any]
    revision: rx.Var[int]
    problem: rx.Var[Any]
    saving: rx.Var[bool]
    read_only: rx.Var[bool]
    reason: rx.Var[str]
    on_save: rx.EventHandler[rx.event.passthrough_event_spec(list[dict[str, str]])]


time_ago = builder_of(TimeAgo)
modal = builder_of(Modal)
copy_field = builder_of(CopyField)
message_log = builder_of(MessageLog)
reply_composer = builder_of(ReplyComposer)
connect_form = builder_of(ConnectForm)
consent_button = builder_of(ConsentButton)
tick = builder_of(Tick)
address_search = builder_of(AddressSearch)
top_mark = builder_of(TopMark)
theme_switch = builder_of(ThemeSwitch)
playbook_editor = builder_of(PlaybookEditor)
