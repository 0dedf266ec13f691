"""A secret value that refuses to be shown, logged or serialised."""

import hmac
from typing import Any, NoReturn


class Secret:
    """Holds a secret; only :meth:`reveal` gives it out.

    ``repr``, ``str``, formatting, JSON and pickle raise :class:`TypeError`, so that a secret that strays into
    a log line, a state or a job fails loudly instead of leaking.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the length of one call."""
        return self._value

    def ending(self) -> str:
        """Return the last four characters, or none of a value too short to spare them."""
        return self._value[-4:] if len(self._value) >= 12 else ""

    def __bool__(self) -> bool:
        return bool(self._value.strip())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return False
        own, theirs = (value.encode("utf-8", "surrogatepass") for value in (self._value, other._value))
        return hmac.compare_digest(own, theirs)

    def __hash__(self) -> NoReturn:
        raise TypeError("A secret cannot be a key.")

    def __repr__(self) -> NoReturn:
        raise TypeError("A secret cannot be shown; call reveal() where it is used.")

    __str__ = __repr__

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("A secret cannot be formatted; call reveal() where it is used.")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("A secret cannot be pickled; pass the id of the row that holds it.")

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Secret":
        return self
