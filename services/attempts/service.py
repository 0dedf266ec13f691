"""One retry policy for deliveries, turns, messages, action runs and rehearsals."""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol
from uuid import UUID

from models import ActionRun, FailedAttempt, Message, Rehearsal, Turn, WebhookDelivery
from services.attempts import repository
from services.kernel.db import UnitOfWork
from services.kernel.errors import PatchbayError, RetryLater
from services.kernel.ids import new_id
from services.kernel.leases import backoff_seconds

Subject = Literal["delivery", "turn", "message", "action", "rehearsal"]
CUT_OFF = "cut_off"
"""The cause of what was given up because no attempt at it came to an end."""
MOST_CUT_OFF = 3
"""How often a worker may die over the same row until it is left alone."""
_AFTER_JITTER = 0.05
"""Share that is added at most to a wait that the provider names: never earlier, and not much later."""


class RetryPolicy(Protocol):
    """How often and how soon something is tried again; the settings are one."""

    @property
    def max_attempts(self) -> int:
        """Attempts in all."""
        ...

    @property
    def retry_base_seconds(self) -> float:
        """Wait after the first attempt; doubles with each."""
        ...


def seconds_until_retry(
    policy: RetryPolicy, error: Exception, *, attempt: int, jitter: float | None = None
) -> float | None:
    """Return how long to wait before the next attempt; None if there is none.

    Only errors that time can heal are tried again: :class:`RetryLater`, whose ``after`` wins over our own
    backoff, and crashes. Any other refusal is final at once.

    Args:
        policy: how often and how soon.
        error: what the attempt raised.
        attempt: its number, from 1.
        jitter: fraction between 0 and 1, drawn if not given.
    """
    if attempt >= policy.max_attempts:
        return None
    drawn = random.random() if jitter is None else jitter  # noqa: S311 (spreads load, guards nothing)
    if isinstance(error, RetryLater):
        if error.after is not None:
            return error.after.total_seconds() * (1 + _AFTER_JITTER * drawn)
    elif isinstance(error, PatchbayError):
        return None
    return backoff_seconds(attempt, base=policy.retry_base_seconds, jitter=drawn)


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


def count_cut_offs(
    work: UnitOfWork, rows: Sequence[Turn | Message], *, subject: Subject, now: datetime
) -> Mapping[UUID, int]:
    """Note that the last attempt at each row ended with its worker; return how many have by now."""
    if not rows:
        return {}
    before = repository.count_cut_offs(work, rows, subject=subject, code=CUT_OFF)
    for row in rows:
        error = RetryLater("The worker ended before the attempt did.", code=CUT_OFF)
        record_failure(work, row, subject=subject, error=error, retry_seconds=0, now=now)
    return {row.id: before.get(row.id, 0) + 1 for row in rows}


def _code_of(error: Exception) -> str:
    return error.code if isinstance(error, PatchbayError) else ""
