"""Pages of lists that the services return whole."""

from collections.abc import Callable, Iterable
from typing import TypeVar
from uuid import UUID

from services.kernel.errors import InvalidInput
from services.kernel.paging import Page

Item = TypeVar("Item")


def page_of(items: Iterable[Item], *, id_of: Callable[[Item], UUID], cursor: str, limit: int) -> Page[Item]:
    """Return the page after a cursor, oldest first: ids sort by the time they were made.

    Raises:
        InvalidInput: the cursor is not one of ours.
    """
    after = _read(cursor)
    rest = sorted((item for item in items if after is None or id_of(item) > after), key=id_of)
    page = tuple(rest[:limit])
    return Page(page, str(id_of(page[-1])) if len(rest) > limit else "")


def _read(cursor: str) -> UUID | None:
    try:
        return UUID(cursor) if cursor else None
    except ValueError as error:
        raise InvalidInput("Use the next_cursor of the page before, unchanged.", field="cursor") from error
