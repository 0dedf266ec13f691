"""Google's answers at the token endpoint: the grant, and its renewals.

https://developers.google.com/identity/protocols/oauth2/web-server
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from services.kernel.errors import InvalidInput, Refused
from services.kernel.secret import Secret
from services.provider_kit.auth import REFRESH_TOKEN
from services.provider_kit.contract import RefreshedToken, TokenGrant
from services.provider_kit.payloads import read_model
from services.providers.google_calendar.client import ACCESS_TOKEN

_SLUG = "google_calendar"
_LONGEST_LIFE = timedelta(days=3650).total_seconds()
# Google takes short names and answers with long ones.
_SHORT: Mapping[str, str] = {
    "https://www.googleapis.com/auth/userinfo.email": "email",
    "https://www.googleapis.com/auth/userinfo.profile": "profile",
}


class _Token(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    access_token: str = Field(min_length=1)
    token_type: str
    expires_in: float = Field(gt=0, le=_LONGEST_LIFE)
    scope: str = ""
    refresh_token: str = ""
    refresh_token_expires_in: float | None = Field(default=None, gt=0, le=_LONGEST_LIFE)
    """Given only if the refresh token ends by itself: after a week while the app is in testing."""

    def scopes(self) -> tuple[str, ...]:
        """Return what was granted, by the names that the manifest uses."""
        return tuple(dict.fromkeys(_SHORT.get(scope, scope) for scope in self.scope.split()))


def read_grant(token: Mapping[str, Any]) -> TokenGrant:
    """Turn the decoded token answer into a grant. It does not say whose it is.

    Raises:
        Refused: Google gave no token that lasts.
    """
    granted = _read(token)
    if not granted.refresh_token:
        raise Refused(
            "Google gave access for an hour only. Remove the app under myaccount.google.com/connections, then connect"
            " again and accept all rights.",
            code="no_refresh_token",
            provider=_SLUG,
        )
    return TokenGrant(
        account=None,
        scopes=granted.scopes(),
        secrets={
            ACCESS_TOKEN: Secret(granted.access_token),
            REFRESH_TOKEN: Secret(granted.refresh_token),
        },
        expires_in=timedelta(seconds=granted.expires_in),
        ends_in=None
        if granted.refresh_token_expires_in is None
        else timedelta(seconds=granted.refresh_token_expires_in),
    )


def read_refresh(token: Mapping[str, Any]) -> RefreshedToken:
    """Turn the decoded answer to a refresh token into the next access token; the refresh token stays as it is.

    Raises:
        Refused: the answer is no bearer token.
    """
    renewed = _read(token)
    secrets = {ACCESS_TOKEN: renewed.access_token, REFRESH_TOKEN: renewed.refresh_token}
    return RefreshedToken(
        secrets={name: Secret(value) for name, value in secrets.items() if value},
        expires_in=timedelta(seconds=renewed.expires_in),
        scopes=renewed.scopes(),
    )


def _read(token: Mapping[str, Any]) -> _Token:
    try:
        read = read_model(_Token, token)
    except InvalidInput:
        raise Refused("Google's answer is no token. Start again.", code="oauth", provider=_SLUG) from None
    if read.token_type.lower() != "bearer":
        raise Refused("Google gave a token of a kind we cannot use. Start again.", code="oauth", provider=_SLUG)
    return read
