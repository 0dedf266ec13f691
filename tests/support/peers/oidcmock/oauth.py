"""The peer's token answers."""

import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from services.kernel.secret import Secret
from services.provider_kit.auth import REFRESH_TOKEN
from services.provider_kit.contract import ExternalAccount, RefreshedToken, TokenGrant


def read_grant(token: Mapping[str, Any]) -> TokenGrant:
    """Turn the decoded token answer into a grant."""
    # Straight from the token endpoint, so its signature says nothing more (OpenID Connect Core §3.1.3.7, point 6).
    payload = str(token["id_token"]).split(".")[1]
    subject = str(json.loads(base64.urlsafe_b64decode(payload + "=="))["sub"])
    return TokenGrant(
        account=ExternalAccount(id=subject, name=subject, scopes=tuple(str(token.get("scope", "")).split())),
        secrets=_secrets(token),
        expires_in=timedelta(seconds=float(token["expires_in"])),
    )


def read_refresh(token: Mapping[str, Any]) -> RefreshedToken:
    """Turn the decoded answer to a refresh token into the next token."""
    return RefreshedToken(secrets=_secrets(token), expires_in=timedelta(seconds=float(token["expires_in"])))


def _secrets(token: Mapping[str, Any]) -> dict[str, Secret]:
    names = ("access_token", REFRESH_TOKEN)
    return {name: Secret(str(token[name])) for name in names if token.get(name)}
