"""What an unsuccessful answer of Telegram means for us. https://core.telegram.org/bots/api#making-requests"""

import contextlib
from datetime import timedelta

from services.kernel.errors import InvalidInput, NeedsReauth, Refused, RetryLater
from services.kernel.http import OutboundResponse
from services.provider_kit.payloads import parse_json, read_model
from services.provider_kit.responses import check_status
from services.providers.telegram.manifest import MANIFEST
from services.providers.telegram.schemas import Refusal

_LONGEST_WAIT = timedelta(days=1)
_WORDS = (
    (
        "bot was blocked by the user",
        "contact_blocked",
        "The contact blocked the bot. They can unblock it in Telegram; until then nothing reaches them.",
    ),
    ("user is deactivated", "contact_gone", "The contact's Telegram account no longer exists."),
    (
        "bot can't initiate conversation",
        "contact_never_wrote",
        "Telegram lets a bot write only to people who wrote to it. Ask the contact to open the bot and press Start.",
    ),
    ("chat not found", "chat_not_found", "Telegram knows no such chat. The contact must write to the bot first."),
)
"""Part of Telegram's description, our code, our words. Telegram's own codes are only HTTP's."""


def check_answer(response: OutboundResponse) -> None:
    """Raise the error that an unsuccessful answer stands for; its text is never repeated.

    Raises:
        NeedsReauth: the token is not accepted (401), or not even read as one (404 in its own words).
        RetryLater: 408, 429 and 5xx; the wait stands in the body, too.
        Refused: any other status but 2xx.
    """
    refusal = Refusal()
    with contextlib.suppress(InvalidInput):
        refusal = read_model(Refusal, parse_json(response.body))
    if response.status == 429 and refusal.parameters.retry_after:
        raise RetryLater(
            f"{MANIFEST.name} asks us to slow down.",
            after=timedelta(seconds=min(refusal.parameters.retry_after, int(_LONGEST_WAIT.total_seconds()))),
            code="rate_limited",
            provider=MANIFEST.slug,
            status=429,
        )
    if response.status == 404 and refusal.error_code == 404:
        raise NeedsReauth(
            f"{MANIFEST.name} does not know this bot token. Copy it again from @BotFather.",
            provider=MANIFEST.slug,
            status=404,
        )
    if response.status in (400, 403):
        for part, code, words in _WORDS:
            if part in refusal.description:
                raise Refused(words, code=code, provider=MANIFEST.slug, status=response.status)
    check_status(response, provider=MANIFEST.slug, name=MANIFEST.name)
