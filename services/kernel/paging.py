"""Pages of a list: keyset cursors, never offsets."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list; ``next_cursor`` is empty at the end."""

    items: tuple[Item, ...]
    next_cursor: str = ""
