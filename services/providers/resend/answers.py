"""What Resend's answers mean for us. https://resend.com/docs/api-reference/errors (read 2026-11-20)"""

import contextlib
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from services.kernel.errors import InvalidInput, NeedsReauth, PatchbayError, Refused, RetryLater
from services.kernel.http import OutboundResponse
from services.provider_kit.payloads import parse_json, storable_text
from services.provider_kit.responses import check_status, retry_after

_SLUG = "resend"
_REAUTH = frozenset({"invalid_api_key", "missing_api_key", "suspended_api_key"})
_QUOTA_WAIT = timedelta(hours=1)
_REFUSALS: Mapping[str, str] = {
    "invalid_access": "Resend does not let this API key do that. Connect with a key that has “Full access”.",
    "invalid_attachment": "Resend does not accept a file of the letter.",
    "invalid_from_address": "Resend does not accept the sender's address. Correct it under “Configure”.",
    "invalid_idempotent_request": "Resend has accepted another letter under this one's id. Look at what was sent at"
    " resend.com/emails.",
    "monthly_quota_exceeded": "The Resend account's monthly quota is used up. Upgrade it at resend.com.",
    "not_found": "Resend does not have this on the connected account any more.",
    "restricted_api_key": "This API key may only send. Make one with “Full access” at resend.com/api-keys.",
    "security_error": "Resend takes the letter for a risk. Ask Resend's support.",
}
_NOT_VERIFIED = (
    "Resend sends only from verified domains. Check the domain's DNS records under “Configure”, or at"
    " resend.com/domains."
)
_TEST_ONLY = "Resend sends test letters to your own address only. Verify a domain at resend.com/domains."
_NAME = re.compile(r"[a-z0-9_]{1,60}")
# Words of the answer may repeat an address or a key; both stay out of our messages.
_PRIVATE = re.compile(r"\S*@\S*|\b(?:re|whsec)_\S+")
_LONGEST_WORDS = 200


def read_answer(response: OutboundResponse) -> Mapping[str, object]:
    """Return a successful answer, without what a database cannot hold.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    check_answer(response)
    try:
        # A letter may hold bytes that are no UTF-8; they are replaced, as a mail program does.
        return parse_json(response.text().encode())
    except InvalidInput:
        raise unreadable(response.status) from None


def pause_after(headers: Mapping[str, str]) -> timedelta | None:
    """Return how long Resend takes no more requests, if this was the last one that its rate let through.

    https://resend.com/docs/api-reference/rate-limit
    """
    if headers.get("ratelimit-remaining", "").strip() != "0":
        return None
    return retry_after({"retry-after": headers.get("ratelimit-reset", "")})


def check_answer(response: OutboundResponse) -> None:
    """Raise what an answer stands for, unless it is a success.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    if 200 <= response.status < 300:
        return
    answer: Mapping[str, object] = {}
    with contextlib.suppress(InvalidInput):
        answer = parse_json(response.body)
    name = answer.get("name")
    words = answer.get("message")
    failure = _error(
        name if isinstance(name, str) and _NAME.fullmatch(name) else "",
        words if isinstance(words, str) else "",
        response,
    )
    if failure:
        raise failure
    check_status(response, provider=_SLUG, name="Resend")


def unreadable(status: int | None = None) -> RetryLater:
    """Return the error for an answer that says nothing we understand."""
    return RetryLater(
        "Resend's answer could not be read.", code="unexpected_answer", provider=_SLUG, status=status, ambiguous=True
    )


def _error(name: str, words: str, response: OutboundResponse) -> PatchbayError | None:
    """Return the error that Resend's own name means; None where the status says all."""
    about: dict[str, Any] = {
        "provider": _SLUG,
        "status": response.status,
        "request_id": response.headers.get("x-resend-request-id", ""),
    }
    if name == "concurrent_idempotent_requests":
        return RetryLater("Resend is still at work on this letter.", code=name, ambiguous=True, **about)
    if name in _REFUSALS:
        return Refused(_REFUSALS[name], code=name, **about)
    # An unknown key comes as 400, 401 or 403, under this name or as a validation error.
    if name in _REAUTH or "api key is invalid" in words.lower():
        return NeedsReauth("Resend no longer accepts this API key. Connect again.", **about)
    if response.status == 429:
        return _busy(name, response.headers, about)
    if response.status in (401, 408) or response.status >= 500:
        return None
    if response.status == 403:
        return _forbidden(name, words, about)
    return Refused(_quoted(words), code=name, **about)


def _busy(name: str, headers: Mapping[str, str], about: Mapping[str, Any]) -> RetryLater:
    if name == "daily_quota_exceeded":
        words, wait = "The Resend account's daily quota is used up. Upgrade it, or wait.", _QUOTA_WAIT
    else:
        words, wait = "Resend asks us to slow down.", None
    # Resend says it both ways. https://resend.com/docs/api-reference/rate-limit
    reset = {"retry-after": headers.get("ratelimit-reset", "")}
    after = retry_after(headers) or wait or retry_after(reset)
    return RetryLater(words, after=after, code=name or "rate_limited", **about)


def _forbidden(name: str, words: str, about: Mapping[str, Any]) -> Refused:
    lowered = words.lower()
    if "testing emails" in lowered:
        return Refused(_TEST_ONLY, code="test_letters_only", **about)
    if "not verified" in lowered:
        return Refused(_NOT_VERIFIED, code="domain_not_verified", **about)
    return Refused(_quoted(words), code=name or "forbidden", **about)


def _quoted(words: str) -> str:
    shown = " ".join(_PRIVATE.sub("…", storable_text(words)).split())[:_LONGEST_WORDS].rstrip(". ")
    return f"Resend refused the request: {shown}." if shown else "Resend refused the request."
