"""Twilio's webhooks: proves the sender and turns messages and receipts into facts.

https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, cast

from twilio.request_validator import RequestValidator

from services.kernel.errors import InvalidInput, Unauthenticated
from services.kernel.secret import Secret
from services.provider_kit.contract import (
    Answer,
    ChannelKind,
    ConsentChanged,
    Contact,
    Ignored,
    InboundEvent,
    MessageReceived,
    MessageStatusChanged,
    WebhookRequest,
)
from services.provider_kit.payloads import parse_form, read_model
from services.provider_kit.signatures import refuse_signature, require_header, require_secret
from services.providers.twilio.schemas import IncomingMessage, StatusReport

_FORM = "application/x-www-form-urlencoded"
_EMPTY_TWIML = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'

# The whole body must be one of these words. https://help.twilio.com/articles/223134027 (read 2026-11-20)
_OPT_OUT = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
_OPT_IN = frozenset({"START", "UNSTOP", "YES"})
# YES lifts an earlier STOP, and is an everyday answer as well: it changes the consent and reaches the agent.
_ALSO_SPOKEN = frozenset({"YES"})

_STATUS: Mapping[str, Literal["sent", "delivered", "failed"]] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
_ON_ITS_WAY = frozenset({"accepted", "queued", "scheduled", "sending"})
# https://www.twilio.com/docs/api/errors
_FAILURES: Mapping[str, str] = {
    "21610": "The contact replied STOP and gets no more messages until they reply START.",
    "30001": "Too many messages were waiting at Twilio.",
    "30002": "Twilio has suspended the account.",
    "30003": "The phone is switched off or out of reach.",
    "30004": "The contact or the carrier blocks messages from this number.",
    "30005": "The number does not exist any more.",
    "30006": "The number is a landline or cannot receive text messages.",
    "30007": "The carrier filtered the message as unwanted.",
    "30008": "The carrier did not say why the message failed.",
    "30034": "The number is not registered for business messages in the USA (A2P 10DLC).",
}


def authenticate(request: WebhookRequest, *, secrets: Mapping[str, Secret], now: datetime) -> None:
    """Check Twilio's signature over the configured address and the form fields.

    Twilio signs no time, so ``now`` is not used: a repetition is stopped by its dedupe key.

    Raises:
        Unauthenticated: with the code that says what is wrong.
    """
    secret = require_secret(secrets, "auth_token")
    signature = require_header(request, "X-Twilio-Signature")
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != _FORM:
        refuse_signature()
    try:
        # The SDK takes any mapping with ``getlist``.
        fields = cast(dict[str, str], parse_form(request.body))
        valid = cast(bool, RequestValidator(secret.reveal()).validate(request.url, fields, signature))
    except (InvalidInput, ValueError, TypeError):
        valid = False
    if not valid:
        refuse_signature()


def handshake(request: WebhookRequest) -> Answer | None:
    """Return None: Twilio has no set-up challenge."""
    return None


def account_ids(request: WebhookRequest) -> Sequence[str]:
    """Return the account that the request names."""
    try:
        account_sid = parse_form(request.body).values().get("AccountSid", "")
    except InvalidInput:
        return ()
    return (account_sid,) if account_sid else ()


def check_account(request: WebhookRequest, *, account_id: str) -> None:
    """Refuse a request about another account.

    Raises:
        Unauthenticated: code ``other_account``.
    """
    if not account_id or account_id not in account_ids(request):
        raise Unauthenticated("The request is for another Twilio account.", code="other_account", provider="twilio")


def dedupe_key(request: WebhookRequest) -> str:
    """Return the message's SID, with the status for a receipt: one message has several.

    Raises:
        InvalidInput: the body is not what Twilio sends.
    """
    if request.kind == "status":
        report = _read_status(request)
        return f"{report.message_sid}:{report.status}"
    return _read_message(request).message_sid


def event_type(request: WebhookRequest) -> str:
    """Return Twilio's word for the state of the message: ``received``, ``delivered`` …"""
    name = "MessageStatus" if request.kind == "status" else "SmsStatus"
    try:
        return parse_form(request.body).values().get(name, "")[:40]
    except InvalidInput:
        return ""


def answer(request: WebhookRequest) -> Answer:
    """Return empty TwiML: answers are sent through the API, where they are traced."""
    return Answer(content_type="text/xml", body=_EMPTY_TWIML)


def parse(request: WebhookRequest, *, settings: Mapping[str, str]) -> Sequence[InboundEvent]:
    """Turn a stored request into facts.

    Raises:
        InvalidInput: the body is not what Twilio documents.
    """
    if request.kind == "status":
        return (_status_changed(_read_status(request)),)
    return _received(_read_message(request))


def _read_message(request: WebhookRequest) -> IncomingMessage:
    return read_model(IncomingMessage, parse_form(request.body).values())


def _read_status(request: WebhookRequest) -> StatusReport:
    return read_model(StatusReport, parse_form(request.body).values())


def _received(message: IncomingMessage) -> Sequence[InboundEvent]:
    contact = Contact(id=message.sender, address=message.sender)
    text = message.body.strip()
    keyword = text.upper() if text.isascii() else ""
    consent = _consent(message, contact, keyword)
    if consent and keyword not in _ALSO_SPOKEN:
        return (consent,)
    if message.opt_out_type.upper() == "HELP":
        return (Ignored(reason="Twilio answered the contact's HELP itself"),)
    if not text:
        return (Ignored(reason="the message has no text"),)
    received = MessageReceived(
        external_id=message.message_sid,
        contact=contact,
        channel_kind=ChannelKind.SMS,
        channel_id=message.recipient,
        channel_name=message.recipient,
        conversation_key=f"{message.recipient}:{message.sender}",
        text=text,
        addressed=True,
        why=f"text message to {message.recipient}",
    )
    return (consent, received) if consent else (received,)


def _consent(message: IncomingMessage, contact: Contact, keyword: str) -> ConsentChanged | None:
    # With Advanced Opt-Out, Twilio says what it made of the tenant's own words; otherwise the fixed words count.
    kind = message.opt_out_type.upper()
    if kind == "STOP" or (not kind and keyword in _OPT_OUT):
        allowed = False
    elif kind == "START" or (not kind and keyword in _OPT_IN):
        allowed = True
    else:
        return None
    return ConsentChanged(contact=contact, sender=message.recipient, allowed=allowed, keyword=keyword[:40] or kind)


def _status_changed(report: StatusReport) -> InboundEvent:
    status = _STATUS.get(report.status)
    if status is None:
        on_its_way = report.status in _ON_ITS_WAY
        return Ignored(
            reason=f"on its way: {report.status}" if on_its_way else f"Twilio's “{report.status}” changes nothing"
        )
    code = report.error_code if report.error_code not in ("", "0") else ""
    words = ""
    if status == "failed":
        words = _FAILURES.get(code, f"Twilio could not deliver the message (error {code or 'not given'}).")
    return MessageStatusChanged(
        external_id=report.message_sid, status=status, error_code=code if words else "", error_text=words
    )
