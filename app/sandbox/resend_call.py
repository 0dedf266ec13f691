"""What Resend's methods share: the call, the errors, and lists in pages.

Errors follow https://resend.com/docs/api-reference/errors.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.sandbox.record import JsonObject
from app.sandbox.resend_state import ResendAccount, ResendState

Answer = dict[str, object]
_PAGE_LIMIT = 100


class ResendError(Exception):
    """Resend says no."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(name)
        self.status, self.name, self.message = status, name, message

    @property
    def body(self) -> Answer:
        """The error as Resend writes it."""
        return {"statusCode": self.status, "name": self.name, "message": self.message}


def invalid(message: str) -> ResendError:
    """Return the error for a field that is not as it must be."""
    return ResendError(422, "validation_error", message)


def missing(field: str) -> ResendError:
    """Return the error for a field that is not there."""
    return ResendError(422, "missing_required_field", f"Missing {field} field.")


def not_found(thing: str) -> ResendError:
    """Return the error for a thing that is not there."""
    return ResendError(404, "not_found", f"{thing} not found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authenticated call."""

    state: ResendState
    account: ResendAccount
    id: str
    """The id in the address, if it names one."""
    part: str
    """The id of a part of it, if it names one."""
    query: Mapping[str, str]
    body: JsonObject
    base_url: str
    """Where the caller reached the API."""
    now: float


def page(call: Call, items: Sequence[tuple[str, Callable[[], Answer]]], *, default_limit: int = 0) -> Answer:
    """Return a part of a list: ``limit`` items ``after`` or ``before`` an id.

    Args:
        items: id and shape of each, in the order they are shown.
        default_limit: how many without ``limit``; 0 for all.

    Raises:
        ResendError: the page asked for makes no sense.
    """
    limit = _limit(call.query.get("limit", ""), default_limit or max(len(items), 1))
    after, before = call.query.get("after", ""), call.query.get("before", "")
    if after and before:
        raise invalid("You can only use `after` or `before`, not both.")
    ids = [id for id, _ in items]
    if (after or before) and (after or before) not in ids:
        raise invalid("The pagination cursor does not belong to this list.")
    if before:
        rest = items[: ids.index(before)]
        chosen, more = rest[-limit:], len(rest) > limit
    else:
        rest = items[ids.index(after) + 1 :] if after else items
        chosen, more = rest[:limit], len(rest) > limit
    return {"object": "list", "has_more": more, "data": [shape() for _, shape in chosen]}


def _limit(text: str, default: int) -> int:
    if not text:
        return default
    if not text.isdecimal() or not 1 <= int(text) <= _PAGE_LIMIT:
        raise invalid(f"The `limit` must be a number between 1 and {_PAGE_LIMIT}.")
    return int(text)
