"""Slack's answers to ``oauth.v2.access``: the grant, and with token rotation its renewals.

https://docs.slack.dev/reference/methods/oauth.v2.access
https://docs.slack.dev/authentication/using-token-rotation
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from services.kernel.errors import InvalidInput, NeedsReauth, Refused, RetryLater
from services.kernel.secret import Secret
from services.provider_kit.auth import REFRESH_TOKEN
from services.provider_kit.contract import ExternalAccount, RefreshedToken, TokenGrant
from services.provider_kit.payloads import read_model

_REFUSALS: Mapping[str, str] = {
    "bad_client_secret": "Slack does not accept the app's client secret. Correct it where the app is set up.",
    "bad_redirect_uri": "The return address is not registered with the Slack app. Add it under “OAuth & Permissions”.",
    "code_already_used": "This consent was used already. Start again.",
    "code_expired": "The consent took too long. Start again.",
    "invalid_client_id": "Slack does not know the app's client id. Correct it where the app is set up.",
    "invalid_code": "Slack does not accept this consent. Start again.",
    "invalid_team_for_non_distributed_app": "The Slack app is not distributed: it only installs in its own workspace.",
}
# What Slack says of a refresh token that will never work again.
_ENDED = frozenset(
    {"account_inactive", "invalid_grant", "invalid_refresh_token", "token_expired", "token_revoked", "team_not_found"}
)
_BUSY = frozenset({"fatal_error", "internal_error", "ratelimited", "request_timeout", "service_unavailable"})
_LONGEST_LIFE = timedelta(days=3650).total_seconds()


class _Team(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    id: str
    name: str = ""


class _Token(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    access_token: str
    token_type: str = ""
    scope: str = ""
    bot_user_id: str
    app_id: str = ""
    team: _Team | None = None
    is_enterprise_install: bool = False
    refresh_token: str = ""
    expires_in: float | None = Field(default=None, gt=0, le=_LONGEST_LIFE)


class _Renewed(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    access_token: str = Field(min_length=1)
    refresh_token: str = Field(min_length=1)
    token_type: str = ""
    scope: str = ""
    expires_in: float = Field(gt=0, le=_LONGEST_LIFE)


def read_grant(token: Mapping[str, Any]) -> TokenGrant:
    """Turn the decoded token answer into a grant.

    Raises:
        Refused: Slack gave no bot token for one workspace.
    """
    if token.get("ok") is not True:
        word = str(token.get("error", ""))[:80]
        raise Refused(_REFUSALS.get(word, "Slack did not grant access. Start again."), code="oauth", provider="slack")
    try:
        grant = read_model(_Token, token)
    except InvalidInput:
        raise Refused("Slack's answer names no bot. Give the app a bot user.", code="oauth", provider="slack") from None
    if grant.is_enterprise_install or grant.team is None:
        raise Refused(
            "The app was installed for a whole organisation. Install it in one workspace.",
            code="oauth",
            provider="slack",
        )
    if grant.token_type != "bot":
        raise Refused("Slack granted a person's token, not a bot's. Start again.", code="oauth", provider="slack")
    if grant.expires_in is not None and not grant.refresh_token:
        raise Refused("Slack gave a token that ends, and no way to renew it.", code="oauth", provider="slack")
    secrets = {"bot_token": grant.access_token, REFRESH_TOKEN: grant.refresh_token}
    details = {"bot_user_id": grant.bot_user_id, "app_id": grant.app_id}
    return TokenGrant(
        account=ExternalAccount(
            id=grant.team.id,
            name=grant.team.name or grant.team.id,
            details={name: value for name, value in details.items() if value},
            scopes=tuple(scope for scope in grant.scope.split(",") if scope),
        ),
        secrets={name: Secret(value) for name, value in secrets.items() if value},
        expires_in=None if grant.expires_in is None else timedelta(seconds=grant.expires_in),
    )


def read_refresh(token: Mapping[str, Any]) -> RefreshedToken:
    """Turn the decoded answer to a refresh token into the next bot token and the next refresh token.

    Raises:
        NeedsReauth: Slack does not accept the refresh token any more.
        RetryLater: Slack cannot answer now.
        Refused: the app is refused, or the answer is not a bot's token.
    """
    if token.get("ok") is not True:
        raise _refresh_error(str(token.get("error", ""))[:80])
    try:
        renewed = read_model(_Renewed, token)
    except InvalidInput:
        raise Refused("Slack's renewed token is incomplete.", code="unexpected_answer", provider="slack") from None
    if renewed.token_type != "bot":
        raise Refused("Slack renewed a person's token, not a bot's.", code="unexpected_answer", provider="slack")
    return RefreshedToken(
        secrets={"bot_token": Secret(renewed.access_token), REFRESH_TOKEN: Secret(renewed.refresh_token)},
        expires_in=timedelta(seconds=renewed.expires_in),
        scopes=tuple(scope for scope in renewed.scope.split(",") if scope),
    )


def _refresh_error(word: str) -> NeedsReauth | RetryLater | Refused:
    if word in _ENDED:
        return NeedsReauth("Slack does not renew this access any more. Connect again.", code=word, provider="slack")
    if word in _BUSY:
        return RetryLater("Slack could not renew the access just now.", code=word, provider="slack")
    return Refused(_REFUSALS.get(word, "Slack refused to renew the access."), code="refresh_refused", provider="slack")
