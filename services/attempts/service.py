"""One retry policy for deliveries, turns, messages, action runs and rehearsals."""

from datetime import datetime, timedelta
from typing import Literal

from models import ActionRun, FailedAttempt, Message, Rehearsal, Turn, WebhookDelivery
from services.kernel.db import UnitOfWork
from services.kernel.errors import PatchbayError, RetryLater
from services.kernel.ids import new_id
from services.kernel.leases import backoff_seconds
from services.kernel.settings import Settings

Subject = Literal["delivery", "turn", "message", "action", "rehearsal"]
CUT_OFF = "cut_off"
"""The cause of what was given up because no attempt at it came to an end."""


def seconds_until_retry(settings: Settings, error: Exception, *, attempt: int) -> float | None:
    """Return how long to wait before the next attempt; None if there is none.

    Only errors that time can heal are tried again: :class:`RetryLater`, whose ``after`` wins over our own
    backoff, and crashes. Any other refusal is final at once.
    """
    if attempt >= settings.max_attempts:
        return None
    if isinstance(error, RetryLater):
        if error.after is not None:
            return error.after.total_seconds()
    elif isinstance(error, PatchbayError):
        return None
    return backoff_seconds(attempt, base=settings.retry_base_seconds)


def cause_of(error: Exception) -> str:
    """Return what is alike in failures of one kind: the error's class, and its code if that says more."""
    name = type(error).__name__
    says_more = isinstance(error, PatchbayError) and error.code != error.default_code
    return f"{name}/{_code_of(error)}" if says_more else name


def record_failure(
    work: UnitOfWork,
    row: WebhookDelivery | Turn | Message | ActionRun | Rehearsal,
    *,
    subject: Subject,
    error: Exception,
    retry_seconds: float | None,
    now: datetime,
) -> None:
    """Keep what failed and when it is tried again, for the trace. A crash's text is not kept: it may hold content."""
    work.session.add(
        FailedAttempt(
            tenant_id=work.tenant_id,
            id=new_id(),
            trace_id=row.trace_id,
            subject=subject,
            subject_id=row.id,
            attempt=row.attempt,
            error=type(error).__name__,
            code=_code_of(error),
            provider=error.provider if isinstance(error, PatchbayError) else "",
            message=error.message
            if isinstance(error, PatchbayError)
            else "An error in Patchbay; see the server's log.",
            next_attempt_at=None if retry_seconds is None else now + timedelta(seconds=retry_seconds),
            created_at=now,
        )
    )


def _code_of(error: Exception) -> str:
    return error.code if isinstance(error, PatchbayError) else ""
