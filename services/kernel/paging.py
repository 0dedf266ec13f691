"""Pages of a list: keyset cursors, never offsets."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from services.kernel.errors import InvalidInput

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list; ``next_cursor`` is empty at the end."""

    items: tuple[Item, ...]
    next_cursor: str = ""


def read_id(cursor: str) -> UUID | None:
    """Return the row that a cursor names, of a list in the order of ids; None for the first page.

    Raises:
        InvalidInput: field ``cursor``.
    """
    try:
        return UUID(cursor) if cursor else None
    except ValueError as error:
        raise _refusal() from error


def write_key(row_id: UUID, key: str | datetime) -> str:
    """Return a cursor that names a row and what the list is ordered by."""
    text = key if isinstance(key, str) else key.isoformat()
    return base64.urlsafe_b64encode(f"{row_id}|{text}".encode()).decode()


def read_key(cursor: str) -> tuple[str, UUID] | None:
    """Return what the list is ordered by and the row that a cursor names; None for the first page.

    Raises:
        InvalidInput: field ``cursor``.
    """
    if not cursor:
        return None
    try:
        row_id, _, key = base64.urlsafe_b64decode(cursor.encode()).decode().partition("|")
        return key, UUID(row_id)
    except (ValueError, binascii.Error) as error:
        raise _refusal() from error


def read_time(cursor: str) -> tuple[datetime, UUID] | None:
    """Return the time and the row that a cursor names, of a list in the order of time; None for the first page.

    Raises:
        InvalidInput: field ``cursor``.
    """
    found = read_key(cursor)
    try:
        return (datetime.fromisoformat(found[0]), found[1]) if found else None
    except ValueError as error:
        raise _refusal() from error


def _refusal() -> InvalidInput:
    return InvalidInput("Use the next_cursor of the page before, unchanged.", field="cursor")
