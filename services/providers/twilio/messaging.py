"""Sends text messages through Twilio, and finds what an interrupted attempt sent."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from twilio.base import values
from twilio.rest.api.v2010.account.message import MessageInstance

from services.kernel.errors import Refused, RetryLater
from services.provider_kit.contract import OutboundMessage, SentMessage
from services.providers.twilio.client import TwilioClient, guard
from services.providers.twilio.manifest import MANIFEST

# Twilio's messages carry no mark of ours: a look-up compares sender, recipient, text and time.
_MARGIN = timedelta(minutes=2)
_PAGE_SIZE = 100
_MAX_MESSAGES = 500
# https://www.twilio.com/docs/usage/tutorials/how-to-use-your-free-trial-account
_TRIAL_PREFIX = "Sent from your Twilio trial account - "


def send_message(client: TwilioClient, message: OutboundMessage) -> SentMessage:
    """Send one text message.

    Raises:
        RetryLater: with ``ambiguous=True`` if Twilio may have accepted it.
        NeedsReauth, Refused
    """
    if len(message.text) > MANIFEST.message_limit:
        raise Refused(
            f"The message is longer than {MANIFEST.message_limit} characters. Shorten it.",
            code="message_too_long",
            provider="twilio",
        )
    created: MessageInstance = guard(
        lambda: client.messages.create(
            to=message.recipient,
            from_=message.channel_id,
            body=message.text,
            status_callback=message.status_url or values.unset,
        )
    )
    if not created.sid:
        raise RetryLater(
            "Twilio's answer names no message.", code="unexpected_answer", provider="twilio", ambiguous=True
        )
    return _sent(created)


def find_sent(client: TwilioClient, message: OutboundMessage) -> SentMessage | None:
    """Look for a message to the same contact with the same text that no other of our messages accounts for.

    Raises:
        RetryLater: the look-up itself failed.
        Refused: too much was sent since then to be sure.
        NeedsReauth
    """
    if message.attempted_at is None:
        raise Refused("The time of the attempt is not known.", code="no_sure_way", provider="twilio")
    since = message.attempted_at - _MARGIN
    # Not filtered by ``DateSent`` at Twilio: a message that still waits in the queue has none.
    listed: list[MessageInstance] = guard(
        lambda: client.messages.list(
            to=message.recipient, from_=message.channel_id, page_size=_PAGE_SIZE, limit=_MAX_MESSAGES
        )
    )
    found = [item for item in _since(listed, since) if _is_ours(item, message)]
    if found:
        return _sent(min(found, key=lambda item: _created_at(item) or since))
    if len(listed) == _MAX_MESSAGES and len(list(_since(listed, since))) == _MAX_MESSAGES:
        raise Refused("Too many messages were sent since to find this one.", code="no_sure_way", provider="twilio")
    return None


def _since(listed: Iterable[MessageInstance], since: datetime) -> Iterable[MessageInstance]:
    return (item for item in listed if (created := _created_at(item)) is None or created >= since)


def _is_ours(item: MessageInstance, message: OutboundMessage) -> bool:
    return bool(
        item.sid
        and item.sid not in message.known_ids
        and str(item.direction or "").startswith("outbound")
        and str(item.body or "").removeprefix(_TRIAL_PREFIX).rstrip() == message.text.rstrip()
    )


def _created_at(item: MessageInstance) -> datetime | None:
    created = item.date_created
    if not isinstance(created, datetime):
        return None
    return created if created.tzinfo else created.replace(tzinfo=UTC)


def _sent(item: MessageInstance) -> SentMessage:
    segments = str(item.num_segments or "")
    status = str(item.status or "")
    return SentMessage(
        external_id=str(item.sid),
        segments=int(segments) if segments.isdecimal() else None,
        status="delivered" if status == "delivered" else "sent",
        receipt={"sid": str(item.sid), "status": status},
    )
