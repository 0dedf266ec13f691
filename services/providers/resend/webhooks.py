"""Resend's webhooks: proves the sender and turns letters and what became of ours into facts.

https://resend.com/docs/webhooks/verify-webhooks-requests
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from services.kernel.errors import InvalidInput, Unauthenticated
from services.kernel.secret import Secret
from services.provider_kit.contract import (
    Answer,
    ConsentChanged,
    Contact,
    Ignored,
    InboundEvent,
    MessageAnnounced,
    MessageStatusChanged,
    WebhookRequest,
)
from services.provider_kit.payloads import parse_json, read_model
from services.provider_kit.signatures import Svix
from services.providers.resend.addresses import domain_of, read_addresses, read_mailboxes, read_message_ids
from services.providers.resend.problems import bounce_words, failure_words, suppression_words
from services.providers.resend.schemas import Event, EventData

_SIGNATURE = Svix()
_RECEIVED = "email.received"


def authenticate(request: WebhookRequest, *, secrets: Mapping[str, Secret], now: datetime) -> None:
    """Check Svix's signature over id, time and raw body; one that is older than five minutes is refused.

    Raises:
        Unauthenticated: with the code that says what is wrong.
    """
    _SIGNATURE.authenticate(request, secrets=secrets, now=now)


def handshake(request: WebhookRequest) -> Answer | None:
    """Return None: Resend has no set-up challenge."""
    return None


def account_ids(request: WebhookRequest) -> Sequence[str]:
    """Return the domains that the letter is for, or for a letter of ours the domain it is from."""
    with contextlib.suppress(InvalidInput):
        return _domains(_read(request))
    return ()


def check_account(request: WebhookRequest, *, account_id: str) -> None:
    """Refuse an event about another domain; one that names none is the account's own.

    Raises:
        Unauthenticated: code ``other_account``.
    """
    named = account_ids(request)
    if not account_id or (named and account_id not in named):
        raise Unauthenticated("The request is for another domain.", code="other_account", provider="resend")


def dedupe_key(request: WebhookRequest) -> str:
    """Return Svix's id of the event, which is signed and the same in every repetition.

    Raises:
        InvalidInput: there is none.
    """
    message_id = _SIGNATURE.message_id(request)
    if not message_id:
        raise InvalidInput("The request has no svix-id header.", field="svix-id", code="invalid_body")
    return message_id


def event_type(request: WebhookRequest) -> str:
    """Return Resend's name of the event: ``email.received``, ``email.bounced`` …"""
    with contextlib.suppress(InvalidInput):
        return _read(request).type
    return ""


def answer(request: WebhookRequest) -> Answer:
    """Return what Resend expects to read: any success."""
    return Answer()


def parse(request: WebhookRequest, *, settings: Mapping[str, str]) -> Sequence[InboundEvent]:
    """Turn a stored request into facts.

    Raises:
        InvalidInput: the body is not what Resend documents.
    """
    event = _read(request)
    if event.type == _RECEIVED:
        return (_announced(event.data, domain=settings.get("domain", "").lower()),)
    read = _READERS.get(event.type)
    if read is None:
        return (Ignored(reason=_IGNORED.get(event.type, f"“{event.type}” changes nothing")),)
    return read(event.data, _email_id(event.data))


def _read(request: WebhookRequest) -> Event:
    return read_model(Event, parse_json(request.body))


def _domains(event: Event) -> tuple[str, ...]:
    fields = _recipients(event.data) if event.type == _RECEIVED else (event.data.sender,)
    return tuple(dict.fromkeys(domain_of(address) for address in read_addresses(fields)))


def _recipients(data: EventData) -> tuple[str, ...]:
    return (*data.to, *data.cc, *data.received_for, *data.bcc)


def _email_id(data: EventData) -> str:
    if data.email_id is None:
        raise InvalidInput("The event names no e-mail.", field="data.email_id", code="invalid_body")
    return data.email_id


def _announced(data: EventData, *, domain: str) -> InboundEvent:
    addresses = read_addresses(_recipients(data))
    ours = tuple(address for address in addresses if not domain or domain_of(address) == domain)
    if not ours:
        return Ignored(reason="the letter is for no address on this domain")
    return MessageAnnounced(external_id=_email_id(data), addresses=ours)


def _sent(data: EventData, email_id: str) -> Sequence[InboundEvent]:
    return (MessageStatusChanged(external_id=email_id, status="sent", internet_message_id=_message_id(data)),)


def _delivered(data: EventData, email_id: str) -> Sequence[InboundEvent]:
    return (MessageStatusChanged(external_id=email_id, status="delivered", internet_message_id=_message_id(data)),)


def _message_id(data: EventData) -> str:
    return next(iter(read_message_ids(data.message_id)), "")


def _bounced(data: EventData, email_id: str) -> Sequence[InboundEvent]:
    code, words = bounce_words(data.bounce)
    return (MessageStatusChanged(external_id=email_id, status="bounced", error_code=code, error_text=words),)


def _failed(data: EventData, email_id: str) -> Sequence[InboundEvent]:
    code, words = failure_words(data.failed)
    return (MessageStatusChanged(external_id=email_id, status="failed", error_code=code, error_text=words),)


def _complained(data: EventData, email_id: str) -> Sequence[InboundEvent]:
    changed = MessageStatusChanged(
        external_id=email_id,
        status="complained",
        error_code="complaint",
        error_text="The contact reported the letter as spam. They get no more letters from this address.",
    )
    return (changed, *_consents(data))


def _suppressed(data: EventData, email_id: str) -> Sequence[InboundEvent]:
    code, words = suppression_words(data.suppressed)
    changed = MessageStatusChanged(external_id=email_id, status="failed", error_code=code, error_text=words)
    return (changed, *_consents(data))


def _consents(data: EventData) -> tuple[ConsentChanged, ...]:
    sender = next(iter(read_addresses((data.sender,))), "")
    return tuple(
        ConsentChanged(
            contact=Contact(id=mailbox.address, name=mailbox.name, address=mailbox.address),
            sender=sender,
            allowed=False,
            keyword="complaint",
        )
        for mailbox in read_mailboxes(*data.to)
        if sender
    )


_READERS: Mapping[str, Callable[[EventData, str], Sequence[InboundEvent]]] = {
    "email.sent": _sent,
    "email.delivered": _delivered,
    "email.bounced": _bounced,
    "email.complained": _complained,
    "email.failed": _failed,
    "email.suppressed": _suppressed,
}
_IGNORED: Mapping[str, str] = {
    "email.delivery_delayed": "on its way: the recipient's mail server asks to wait, and Resend tries again",
    "email.scheduled": "on its way: scheduled",
    "email.opened": "whether a letter was opened is not followed",
    "email.clicked": "whether a link was followed is not followed",
}
