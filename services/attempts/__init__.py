"""Attempts at work rows: when to try again, and what is kept of a failure."""

from services.attempts.service import (
    CUT_OFF,
    MOST_CUT_OFF,
    RetryPolicy,
    cause_of,
    count_cut_offs,
    record_failure,
    seconds_until_retry,
)

__all__ = [
    "CUT_OFF",
    "MOST_CUT_OFF",
    "RetryPolicy",
    "cause_of",
    "count_cut_offs",
    "record_failure",
    "seconds_until_retry",
]
