"""Attempts at work rows: when to try again, and what is kept of a failure."""

from services.attempts.service import CUT_OFF, cause_of, record_failure, seconds_until_retry

__all__ = ["CUT_OFF", "cause_of", "record_failure", "seconds_until_retry"]
