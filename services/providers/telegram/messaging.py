"""Sends messages to Telegram. https://core.telegram.org/bots/api#sendmessage"""

from typing import Literal

from pydantic import BaseModel

from services.kernel.errors import Refused
from services.provider_kit.contract import OutboundMessage, SentMessage
from services.providers.telegram.client import ApiClient
from services.providers.telegram.manifest import MANIFEST
from services.providers.telegram.schemas import Message


class _Sent(BaseModel):
    ok: Literal[True]
    result: Message


def send_message(client: ApiClient, message: OutboundMessage) -> SentMessage:
    """Send one message. Telegram takes no mark of ours, so an interrupted one cannot be told from a lost one.

    Raises:
        RetryLater: with ``ambiguous=True`` if Telegram may have accepted it.
        NeedsReauth, Refused
    """
    if len(message.text) > MANIFEST.message_limit:
        raise Refused(
            f"The message is longer than {MANIFEST.message_limit} characters. Shorten it.",
            code="message_too_long",
            provider=MANIFEST.slug,
        )
    sent = client.call("sendMessage", answer=_Sent, json={"chat_id": message.channel_id, "text": message.text}).result
    return SentMessage(external_id=sent.external_id, receipt={"message_id": str(sent.message_id)})


def find_sent(client: ApiClient, message: OutboundMessage) -> SentMessage | None:
    """Give up: bots cannot read what they sent.

    Raises:
        Refused: always.
    """
    raise Refused("Telegram offers no way to look a message up.", code="no_sure_way", provider=MANIFEST.slug)
