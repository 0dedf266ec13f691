"""Twilio's text messages: what is accepted and refused, and what is told about them.

Codes follow https://www.twilio.com/docs/api/errors.
"""

import re
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

from app.sandbox.sms import Keyword, count_segments, keyword_of
from app.sandbox.state import Accepted, SandboxState, TwilioAccount, TwilioMessage, TwilioNumber

_BODY_LIMIT = 1600
_E164 = re.compile(r"\+[1-9]\d{7,14}")
_NOTICES = {
    Keyword.STOP: (
        "You have successfully been unsubscribed. You will not receive any more messages from this number. "
        "Reply START to resubscribe."
    ),
    Keyword.START: (
        "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
        "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
    ),
    Keyword.HELP: "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}
ERRORS: Mapping[int, tuple[int, str]] = {
    20001: (400, "Invalid parameter"),
    20003: (401, "Authenticate"),
    20004: (405, "Method not allowed"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "An internal server error has occurred"),
    21211: (400, "Invalid 'To' Phone Number"),
    21212: (400, "Invalid 'From' Phone Number"),
    21266: (400, "'To' and 'From' number cannot be the same"),
    21408: (400, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number"),
    21502: (400, "Invalid SmsUrl"),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (400, "The 'From' phone number provided is not a valid message-capable Twilio phone number"),
    21609: (400, "The 'StatusCallback' URL is not a valid URL"),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21612: (400, "The 'To' phone number is not currently reachable via SMS"),
    21614: (400, "'To' number is not a valid mobile number"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21701: (400, "The Messaging Service does not exist"),
}
"""Error code → HTTP status and text."""
_MAGIC_RECIPIENTS = {"+15005550001": 21211, "+15005550002": 21612, "+15005550003": 21408, "+15005550009": 21614}
"""Twilio's test recipients; https://www.twilio.com/docs/iam/test-credentials."""


class TwilioError(Exception):
    """Twilio says no; ``code`` is one of :data:`ERRORS`."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
        self.status, self.message = ERRORS[code]


def send(
    state: SandboxState, account: TwilioAccount, *, direction: str, fields: Mapping[str, str], now: float
) -> TwilioMessage:
    """Check and accept an outbound message.

    Args:
        fields: ``To``, ``From``, ``Body``, ``StatusCallback`` as the API names them.

    Raises:
        TwilioError: as Twilio would refuse.
    """
    to, sender, body = fields.get("To", ""), fields.get("From", ""), fields.get("Body", "")
    refusals = (
        (21604, not to),
        (21701, bool(fields.get("MessagingServiceSid"))),
        (21603, not sender),
        (21602, not body),
        (21617, len(body) > _BODY_LIMIT),
        (21211, not _E164.fullmatch(to)),
        (21212, not _E164.fullmatch(sender)),
        (21266, to == sender),
        (21606, all(number.phone_number != sender for number in account.numbers)),
        (21609, not is_url(fields.get("StatusCallback", ""), empty=True)),
        (_MAGIC_RECIPIENTS.get(to, 0), to in _MAGIC_RECIPIENTS),
        (21610, (sender, to) in account.opted_out),
    )
    for code, refused in refusals:
        if refused:
            raise TwilioError(code)
    message = _new_message(direction=direction, sender=sender, to=to, body=body, status="queued", now=now)
    message.status_callback = fields.get("StatusCallback", "")
    account.messages.append(message)
    state.accepted.append(
        Accepted(service="twilio", id=message.sid, at=now, account=account.sid, channel=to, sender=sender, text=body)
    )
    return message


def receive(account: TwilioAccount, *, sender: str, number: TwilioNumber, body: str, now: float) -> TwilioMessage:
    """Record a contact's message; STOP, START and HELP take effect and are answered by the network."""
    message = _new_message(
        direction="inbound", sender=sender, to=number.phone_number, body=body, status="received", now=now
    )
    account.messages.append(message)
    keyword = keyword_of(body)
    if keyword is None:
        return message
    pair = (number.phone_number, sender)
    if keyword is not Keyword.HELP:
        account.opted_out = [item for item in account.opted_out if item != pair]
    if keyword is Keyword.STOP:
        account.opted_out.append(pair)
    notice = _new_message(
        direction="outbound-reply",
        sender=number.phone_number,
        to=sender,
        body=_NOTICES[keyword],
        status="delivered",
        now=now,
    )
    account.messages.append(notice.model_copy(update={"notice": True}))
    return message


def next_status(state: SandboxState, message: TwilioMessage) -> tuple[str, int | None] | None:
    """Return what becomes of an outbound message next: status and error code, or None at its end."""
    if message.status == "queued":
        return "sent", None
    if message.status != "sent":
        return None
    status, code = state.twilio.outcomes.get(message.to, ("delivered", 0))
    return status, code or None


def inbound_form(account: TwilioAccount, message: TwilioMessage) -> dict[str, str]:
    """Return the form fields with which Twilio announces a contact's message."""
    place = {"City": "SAN FRANCISCO", "State": "CA", "Zip": "94105", "Country": "US"}
    return {
        **{f"From{name}": value for name, value in place.items()},
        **{f"To{name}": value for name, value in place.items()},
        "SmsMessageSid": message.sid,
        "SmsSid": message.sid,
        "MessageSid": message.sid,
        "AccountSid": account.sid,
        "SmsStatus": "received",
        "NumMedia": "0",
        "NumSegments": str(count_segments(message.body)),
        "From": message.sender,
        "To": message.to,
        "Body": message.body,
        "ApiVersion": "2010-04-01",
    }


def status_form(account: TwilioAccount, message: TwilioMessage) -> dict[str, str]:
    """Return the form fields with which Twilio reports a message's status."""
    form = {
        "SmsSid": message.sid,
        "SmsStatus": message.status,
        "MessageStatus": message.status,
        "To": message.to,
        "MessageSid": message.sid,
        "AccountSid": account.sid,
        "From": message.sender,
        "ApiVersion": "2010-04-01",
    }
    return form | ({"ErrorCode": str(message.error_code)} if message.error_code else {})


def _new_message(*, direction: str, sender: str, to: str, body: str, status: str, now: float) -> TwilioMessage:
    return TwilioMessage(
        sid=f"SM{secrets.token_hex(16)}",
        direction=direction,
        sender=sender,
        to=to,
        body=body,
        status=status,
        created_at=now,
        updated_at=now,
    )


def is_url(text: str, *, empty: bool) -> bool:
    """Return whether a text is an address that Twilio would call, or, if ``empty`` may be, none at all."""
    parts = urlsplit(text)
    return (empty and not text) or (parts.scheme in {"http", "https"} and bool(parts.hostname))
