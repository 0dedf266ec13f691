"""The token answers."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from services.kernel.secret import Secret
from services.provider_kit.contract import RefreshedToken, TokenGrant


def read_grant(token: Mapping[str, Any]) -> TokenGrant:
    """Turn the answer into a grant."""
    return TokenGrant(account=None, secrets=_secrets(token), expires_in=_lifetime(token))


def read_refresh(token: Mapping[str, Any]) -> RefreshedToken:
    """Turn the answer to a refresh token into the next token."""
    return RefreshedToken(secrets=_secrets(token), expires_in=_lifetime(token))


def _secrets(token: Mapping[str, Any]) -> dict[str, Secret]:
    return {"access_token": Secret(str(token["access_token"]))}


def _lifetime(token: Mapping[str, Any]) -> timedelta:
    return timedelta(seconds=float(token["expires_in"]))
