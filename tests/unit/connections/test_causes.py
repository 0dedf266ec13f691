"""What kind of trouble an error stands for."""

import pytest

from models import CauseClass
from services.connections.causes import cause_of
from services.kernel.errors import (
    ConfigurationError,
    Conflict,
    InvalidInput,
    NeedsReauth,
    NotFound,
    PatchbayError,
    Refused,
    RetryLater,
    Unauthenticated,
)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (NeedsReauth("x"), CauseClass.AUTHORISATION),
        (NeedsReauth("x", code="token_revoked"), CauseClass.AUTHORISATION),
        (Refused("x", code="other_account"), CauseClass.AUTHORISATION),
        (Refused("x", code="invalid_grant"), CauseClass.AUTHORISATION),
        (Refused("x", code="missing_scope"), CauseClass.PERMISSION),
        (Refused("x", code="team_access_not_granted"), CauseClass.PERMISSION),
        (RetryLater("x", status=429), CauseClass.RATE_LIMIT),
        (RetryLater("x", code="ratelimited", status=200), CauseClass.RATE_LIMIT),
        (RetryLater("x", status=503), CauseClass.PROVIDER_DOWN),
        (RetryLater("x", ambiguous=True), CauseClass.PROVIDER_DOWN),
        (Refused("x", code="channel_not_found"), CauseClass.CONFIGURATION),
        (Refused("x", status=403), CauseClass.CONFIGURATION),
        (InvalidInput("x", field="y"), CauseClass.CONFIGURATION),
        (Unauthenticated("x", code="no_secret"), CauseClass.CONFIGURATION),
        (NotFound("x"), CauseClass.CONFIGURATION),
        (Conflict("x"), CauseClass.CONFIGURATION),
        (ConfigurationError("x"), CauseClass.CONFIGURATION),
    ],
)
def test_every_error_has_a_class(error: PatchbayError | ConfigurationError, cause: CauseClass) -> None:
    assert cause_of(error) is cause


def test_a_refusal_about_one_channel_is_not_about_the_connection() -> None:
    for code in ("no_permission", "restricted_action", "not_in_channel", "is_archived"):
        assert cause_of(Refused("x", code=code)) is CauseClass.CONFIGURATION
