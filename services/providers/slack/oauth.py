"""Slack's answer to ``oauth.v2.access``. https://docs.slack.dev/reference/methods/oauth.v2.access"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.kernel.errors import InvalidInput, Refused
from services.kernel.secret import Secret
from services.provider_kit.contract import ExternalAccount, TokenGrant
from services.provider_kit.payloads import read_model

_REFUSALS: Mapping[str, str] = {
    "bad_client_secret": "Slack does not accept the app's client secret. Correct it in PATCHBAY_PROVIDER_APPS.",
    "bad_redirect_uri": "The return address is not registered with the Slack app. Add it under “OAuth & Permissions”.",
    "code_already_used": "This consent was used already. Start again.",
    "code_expired": "The consent took too long. Start again.",
    "invalid_client_id": "Slack does not know the app's client id. Correct it in PATCHBAY_PROVIDER_APPS.",
    "invalid_code": "Slack does not accept this consent. Start again.",
    "invalid_team_for_non_distributed_app": "The Slack app is not distributed: it only installs in its own workspace.",
}


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
    expires_at: float | None = None


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
    secrets = {"bot_token": grant.access_token, "refresh_token": grant.refresh_token}
    details = {"bot_user_id": grant.bot_user_id, "app_id": grant.app_id}
    return TokenGrant(
        account=ExternalAccount(
            id=grant.team.id,
            name=grant.team.name or grant.team.id,
            details={name: value for name, value in details.items() if value},
            scopes=tuple(scope for scope in grant.scope.split(",") if scope),
        ),
        secrets={name: Secret(value) for name, value in secrets.items() if value},
        expires_at=None if grant.expires_at is None else datetime.fromtimestamp(grant.expires_at, UTC),
    )
