"""Sends letters through Resend, and repeats an interrupted one under its key."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import resend

from services.kernel.clock import SystemClock
from services.kernel.errors import Refused
from services.provider_kit.contract import OutboundMessage, OutgoingEmail, SentMessage
from services.providers.resend.addresses import one_line, write_mailbox
from services.providers.resend.client import ResendClient
from services.providers.resend.manifest import MANIFEST
from services.providers.resend.schemas import SentLetter
from services.providers.resend.text import write_bodies

KEY_LIFETIME = timedelta(hours=24)
"""How long Resend knows an idempotency key. https://resend.com/docs/dashboard/emails/idempotency-keys"""

# For different clocks, and for the length of the call itself.
_MARGIN = timedelta(minutes=30)
_MOST_RECIPIENTS = 50
_LONGEST_SUBJECT = 900


def send_message(client: ResendClient, message: OutboundMessage) -> SentMessage:
    """Send one letter; our id is its idempotency key, so that Resend accepts it once.

    Raises:
        RetryLater: with ``ambiguous=True`` if Resend may have accepted it.
        NeedsReauth, Refused
    """
    if message.email is None:
        raise _refused("The letter has no sender. Give the agent an address under “Configure”.", "no_sender")
    return send_letter(client, message.email, key=message.id, markdown=message.text)


def find_sent(client: ResendClient, message: OutboundMessage) -> SentMessage | None:
    """Repeat an interrupted letter under its key: Resend answers with what it accepted before, or accepts it now.

    The same message makes the same letter, byte by byte. When Resend may have forgotten the key, nothing is sent.

    Raises:
        RetryLater: it is not known yet.
        Refused: the key may be forgotten, or Resend refuses the letter.
        NeedsReauth
    """
    check_key_is_known(message.attempted_at, now=SystemClock().now())
    return send_message(client, message)


def check_key_is_known(attempted_at: datetime | None, *, now: datetime) -> None:
    """Refuse to repeat a letter whose key Resend may have forgotten.

    Raises:
        Refused: code ``no_sure_way``.
    """
    if attempted_at is None or now - attempted_at > KEY_LIFETIME - _MARGIN:
        raise _refused(
            "Resend cannot tell any more whether it accepted this letter. Look at what was sent at resend.com/emails.",
            "no_sure_way",
        )


def send_letter(client: ResendClient, letter: OutgoingEmail, *, key: str, markdown: str) -> SentMessage:
    """Send one letter under an idempotency key. https://resend.com/docs/api-reference/emails/send-email

    Raises:
        RetryLater, NeedsReauth, Refused
    """
    if len(markdown) > MANIFEST.message_limit:
        raise _refused(
            f"The message is longer than {MANIFEST.message_limit} characters. Shorten it.", "message_too_long"
        )
    params = _params(letter, markdown)
    sent = client.call(SentLetter, lambda: resend.Emails.send(params, {"idempotency_key": key}))
    receipt = {"id": sent.id, "message_id": letter.internet_message_id}
    return SentMessage(external_id=sent.id, receipt=receipt, pause=client.pause)


def _params(letter: OutgoingEmail, markdown: str) -> resend.Emails.SendParams:
    if not letter.to or len(letter.to) + len(letter.cc) > _MOST_RECIPIENTS:
        raise _refused(f"A letter needs between 1 and {_MOST_RECIPIENTS} recipients.", "invalid_recipient")
    bodies = write_bodies(markdown)
    params: resend.Emails.SendParams = {
        "from": _mailbox(letter.from_address, letter.from_name, code="invalid_sender"),
        "to": [_mailbox(address, "", code="invalid_recipient") for address in letter.to],
        "subject": one_line(letter.subject)[:_LONGEST_SUBJECT],
        "html": bodies.html,
        "text": bodies.text,
        "headers": _headers(letter),
    }
    if letter.cc:
        params["cc"] = [_mailbox(address, "", code="invalid_recipient") for address in letter.cc]
    if letter.reply_to:
        params["reply_to"] = _mailbox(letter.reply_to, "", code="invalid_sender")
    return params


def _headers(letter: OutgoingEmail) -> dict[str, str]:
    threading: Mapping[str, str] = {
        "Message-ID": f"<{letter.internet_message_id}>",
        "In-Reply-To": f"<{letter.in_reply_to}>" if letter.in_reply_to else "",
        "References": " ".join(f"<{reference}>" for reference in letter.references),
    }
    headers = {name: one_line(value) for name, value in {**letter.headers, **threading}.items()}
    return {name: value for name, value in headers.items() if value}


def _mailbox(address: str, name: str, *, code: str) -> str:
    try:
        return write_mailbox(address, name)
    except ValueError:
        pass
    # Raised outside the handler: the parser's exception quotes the address.
    raise _refused("An address of the letter is not one. Correct it and send again.", code)


def _refused(words: str, code: str) -> Refused:
    return Refused(words, code=code, provider=MANIFEST.slug)
