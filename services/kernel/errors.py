"""The errors services raise. Names say what the reader must do.

::

    PatchbayError
    ├── RetryLater(after)     the other side is busy or away; try again after that long
    ├── NeedsReauth           the credential was refused; a person must connect again
    ├── Refused               the request is not allowed or not acceptable to the other side; do not repeat
    │   └── Forbidden         the actor lacks the right
    ├── Unauthenticated       who asks is not proven
    ├── InvalidInput(field)   a value is wrong; the message names the fix
    ├── NotFound
    └── Conflict              the thing exists already or has changed meanwhile

    ConfigurationError        outside the tree, so that nothing swallows it
"""

from datetime import timedelta


class PatchbayError(Exception):
    """Base of what services raise.

    Args:
        message: for people; never contains a secret, a body or an address.
        code: stable identifier, for the API and for catalogues of texts.
        provider: slug of the provider concerned, if any.
        status: the provider's HTTP status, if any.
        request_id: the provider's request id, if any.
    """

    default_code = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        provider: str = "",
        status: int | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.provider = provider
        self.status = status
        self.request_id = request_id


class RetryLater(PatchbayError):
    """The other side is busy or away: try again ``after`` that long (``None``: our own backoff decides)."""

    default_code = "retry_later"

    def __init__(
        self,
        message: str,
        *,
        after: timedelta | None = None,
        code: str = "",
        provider: str = "",
        status: int | None = None,
        request_id: str = "",
        ambiguous: bool = False,
    ) -> None:
        super().__init__(message, code=code, provider=provider, status=status, request_id=request_id)
        self.after = after
        self.ambiguous = ambiguous
        """True if the other side may have acted on the request although no answer was received."""


class NeedsReauth(PatchbayError):
    """The credential was refused: a person must connect again."""

    default_code = "needs_reauth"


class Refused(PatchbayError):
    """Not allowed, or not acceptable to the other side: repeating it will not help."""

    default_code = "refused"


class Forbidden(Refused):
    """The actor lacks the right."""

    default_code = "forbidden"


class Unauthenticated(PatchbayError):
    """Who asks is not proven."""

    default_code = "unauthenticated"


class InvalidInput(PatchbayError):
    """A value is wrong; ``field`` names it, the message says the fix."""

    default_code = "invalid_input"

    def __init__(self, message: str, *, field: str, code: str = "", provider: str = "") -> None:
        super().__init__(message, code=code, provider=provider)
        self.field = field


class NotFound(PatchbayError):
    """There is no such thing for this tenant."""

    default_code = "not_found"


class Conflict(PatchbayError):
    """The thing exists already, or has changed meanwhile."""

    default_code = "conflict"


class ConfigurationError(Exception):
    """The installation is not set up as it must be; the message names the setting and the fix."""
