"""What kind of trouble a failed attempt was, by what is kept of it."""

from collections.abc import Mapping
from types import MappingProxyType

from models import CauseClass
from services.connections import cause_of
from services.kernel.errors import NeedsReauth, PatchbayError, Refused, RetryLater

CRASH = "crash"
"""An error in Patchbay itself."""

_ERRORS: Mapping[str, type[PatchbayError]] = MappingProxyType(
    {kind.__name__: kind for kind in (NeedsReauth, Refused, RetryLater)}
)


def trouble_of(error: str, code: str) -> str:
    """Return the class of trouble, which decides who can mend it.

    Args:
        error: class of the error.
        code: its stable word; empty for a crash.
    """
    kind = _ERRORS.get(error)
    if kind:
        return cause_of(kind("", code=code)).value
    return CauseClass.CONFIGURATION.value if code else CRASH
