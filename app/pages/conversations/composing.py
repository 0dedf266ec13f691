"""What the composer says: where a reply goes, from where, and why it cannot, if it cannot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from app.pages.conversations.view import mark_of
from services.connections import ConnectionView
from services.conversations import ConversationView, MessageView
from services.email import LetterHeadView
from services.provider_kit.registry import get_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Composer:
    """How a person answers in the open conversation."""

    channel: str
    label: str
    route: str
    """Where it goes, and from which address."""
    blocked: str
    """Why nothing can be sent; empty if it can."""
    repair: str
    """What leads to a repair: the words of a link to the connections; empty if nothing is to repair."""
    message_limit: int
    """Most characters of one message; longer ones are cut into several."""


CLOSED = Composer(channel="", label="", route="", blocked="", repair="", message_limit=0)
_LABELS: Mapping[str, str] = MappingProxyType(
    {"slack_dm": "Reply in Slack", "slack_channel": "Reply in the Slack thread", "sms": "Reply by SMS"}
    | {"email": "Reply by e-mail", "chat": "Reply in the chat"}
)
_BLOCKED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "disconnected": ("{name} is disconnected, so nothing can be sent from here.", "Connect it again"),
        "needs_reauth": ("{name} no longer accepts our access, so nothing can be sent from here.", "Repair it"),
        "paused": ("{name} is paused, so nothing is sent from here.", "Resume it"),
        "pending": ("{name} is not set up to the end yet, so nothing can be sent from here.", "Finish it"),
    }
)
"""Status of a connection → why nothing is sent through it, and what can be done."""


def composer(
    view: ConversationView,
    connection: ConnectionView,
    *,
    messages: Sequence[MessageView],
    letters: Sequence[LetterHeadView],
    may_not: str,
) -> Composer:
    """Return how a person answers.

    Args:
        view: the conversation.
        connection: what it goes through.
        messages: the thread, oldest first.
        letters: the heads of its letters.
        may_not: why the reader must not answer; empty if they may.
    """
    blocked, repair = _BLOCKED.get(connection.status, ("", ""))
    return Composer(
        channel=mark_of(view.channel_kind),
        label=_LABELS.get(view.channel_kind, "Reply"),
        route=_route(view, connection, messages, letters),
        blocked=may_not or blocked.format(name=connection.provider_name),
        repair="" if may_not else repair,
        message_limit=get_manifest(connection.provider).message_limit,
    )


def _route(
    view: ConversationView,
    connection: ConnectionView,
    messages: Sequence[MessageView],
    letters: Sequence[LetterHeadView],
) -> str:
    if view.channel_kind == "email":
        return _letter_route(view, messages, letters)
    if view.channel_kind == "sms":
        return f"To {view.contact_address} from {view.channel_address}"
    account = connection.external_account_name or connection.provider_name
    place = f" in {view.channel_label.removeprefix('Slack ')}" if view.channel_kind == "slack_channel" else ""
    return f"To {view.contact_name}{place}, from {account}"


def _letter_route(view: ConversationView, messages: Sequence[MessageView], letters: Sequence[LetterHeadView]) -> str:
    by_message = {letter.message_id: letter for letter in letters}
    came_in = [message.id for message in messages if message.direction == "inbound" and message.id in by_message]
    asked = by_message[came_in[-1]] if came_in else None
    address = (asked.reply_to or asked.from_address) if asked else view.contact_address
    return f"To {address} from {view.channel_address}"
