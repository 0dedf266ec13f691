"""Identifiers: UUIDv7 (RFC 9562 §5.7), so that ids sort by the time they were made."""

import os
import secrets
import threading
import time
from datetime import datetime
from uuid import UUID

_lock = threading.Lock()
_last_stamp = 0


def _renew_lock() -> None:
    """Give a forked worker a lock that no thread of its parent holds."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def new_id() -> UUID:
    """Return a new UUIDv7; ids made by one process strictly increase.

    The 12 bits after the millisecond hold its fraction (RFC 9562 §6.2, method 3).
    """
    global _last_stamp
    with _lock:
        nanoseconds = time.time_ns()
        stamp = (nanoseconds // 1_000_000) << 12 | (nanoseconds % 1_000_000) * 4096 // 1_000_000
        _last_stamp = stamp = max(stamp, _last_stamp + 1)
    milliseconds, fraction = stamp >> 12, stamp & 0xFFF
    tail = int.from_bytes(os.urandom(8)) & (1 << 62) - 1
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | tail)


def lowest_id(at: datetime) -> UUID:
    """Return a bound: every id made at that time or later is greater."""
    return UUID(int=max(int(at.timestamp() * 1000), 0) << 80)


def new_token(*, bits: int = 256) -> str:
    """Return an unguessable URL-safe token."""
    return secrets.token_urlsafe(bits // 8)
