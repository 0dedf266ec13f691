"""What kind of trouble an error stands for: one table, without effects.

It decides who can repair a connection and how: a person who connects again (authorisation), one who grants a right
(permission), time (provider down, rate limit), or whoever set something up (configuration).
"""

from models import CauseClass
from services.kernel.errors import ConfigurationError, NeedsReauth, PatchbayError, Refused, RetryLater

_RATE_LIMIT_CODES = frozenset({"rate_limited", "ratelimited", "too_many_requests"})
_AUTHORISATION_CODES = frozenset({"invalid_auth", "invalid_grant", "other_account"})
_PERMISSION_CODES = frozenset(
    {
        "access_denied",
        "ekm_access_denied",
        "insufficient_permissions",
        "insufficient_scope",
        "missing_scope",
        "not_allowed_token_type",
        "team_access_not_granted",
    }
)
"""Refusals that are about what the account granted, whatever was asked. A refusal about one channel or one message
(``no_permission``, ``restricted_action``) says nothing about the connection and is not here."""


NETWORK_CODES = frozenset({"cannot_connect", "certificate_not_trusted", "no_answer"})
"""What the outbound client says of a provider that it did not reach, or that gave no whole answer in time."""


def cause_of(error: PatchbayError | ConfigurationError) -> CauseClass:
    """Return the class of trouble that an error of a provider call stands for."""
    if isinstance(error, NeedsReauth):
        return CauseClass.AUTHORISATION
    if isinstance(error, RetryLater):
        is_limit = error.status == 429 or error.code in _RATE_LIMIT_CODES
        return CauseClass.RATE_LIMIT if is_limit else CauseClass.PROVIDER_DOWN
    if isinstance(error, Refused) and error.code in _PERMISSION_CODES:
        return CauseClass.PERMISSION
    if isinstance(error, Refused) and error.code in _AUTHORISATION_CODES:
        return CauseClass.AUTHORISATION
    return CauseClass.CONFIGURATION


def is_about_connection(error: PatchbayError) -> bool:
    """Return whether a failed call says something about the connection, not about what it was asked to do.

    A provider that asks for a slower pace is not in trouble; the retry keeps to it. An error without a provider is
    our own, unless it says that the provider was not reached.
    """
    is_theirs = bool(error.provider) or error.code in NETWORK_CODES
    return is_theirs and cause_of(error) not in (CauseClass.CONFIGURATION, CauseClass.RATE_LIMIT)
