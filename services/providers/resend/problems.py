"""Why a letter did not arrive, in words for the person who reads the conversation."""

from collections.abc import Mapping

from services.providers.resend.schemas import Problem

# https://resend.com/docs/dashboard/emails/email-bounces (read 2026-11-20)
_BOUNCES: Mapping[tuple[str, str], str] = {
    ("Permanent", "General"): "The recipient's mail server does not accept mail for this address.",
    ("Permanent", "NoEmail"): "There is no such address.",
    ("Permanent", "Suppressed"): "The address bounced before, and Resend sends nothing to it any more.",
    ("Permanent", "OnAccountSuppressionList"): "The address is on your Resend account's suppression list.",
    ("Transient", "General"): "The recipient's mail server refused the letter for now.",
    ("Transient", "MailboxFull"): "The recipient's mailbox is full.",
    ("Transient", "MessageTooLarge"): "The letter is too large for the recipient's mail server.",
    ("Transient", "ContentRejected"): "The recipient's mail server refused what the letter says.",
    ("Transient", "AttachmentRejected"): "The recipient's mail server refused a file in the letter.",
}
_KINDS: Mapping[str, str] = {
    "Permanent": "The letter cannot be delivered to this address.",
    "Transient": "The letter could not be delivered now; a later one may arrive.",
    "Temporary": "The letter could not be delivered now; a later one may arrive.",
}
_FAILURES: Mapping[str, str] = {
    "reached_daily_quota": "The Resend account's daily quota is used up. Upgrade it, or write again tomorrow.",
    "reached_monthly_quota": "The Resend account's monthly quota is used up. Upgrade it at resend.com.",
    "invalid_recipient": "The recipient's address is not valid.",
    "domain_not_verified": "The domain is not verified at Resend any more. Check its DNS records.",
}
_SUPPRESSIONS: Mapping[str, str] = {
    "OnAccountSuppressionList": "The address is on your Resend account's suppression list: it bounced before, or the"
    " contact called a letter spam. Remove it at resend.com if it should get letters again.",
}


def bounce_words(problem: Problem | None) -> tuple[str, str]:
    """Return the code of a bounce, and what it means."""
    kind, sub_kind = (problem.type, problem.sub_type) if problem else ("", "")
    words = _BOUNCES.get((kind, sub_kind)) or _KINDS.get(kind, "The letter came back.")
    return _code("bounce", kind, sub_kind), words


def failure_words(problem: Problem | None) -> tuple[str, str]:
    """Return the code of a failure, and what it means."""
    reason = problem.reason if problem else ""
    return _code("failed", reason), _FAILURES.get(reason, "Resend could not send the letter.")


def suppression_words(problem: Problem | None) -> tuple[str, str]:
    """Return the code of a suppression, and what it means."""
    kind = problem.type if problem else ""
    words = _SUPPRESSIONS.get(kind, "Resend sends nothing to this address: it bounced before, or called a letter spam.")
    return _code("suppressed", kind), words


def _code(*parts: str) -> str:
    return "_".join(part for part in parts if part and part.replace("_", "").isalnum())[:80]
