"""Slack's OAuth v2 as the sandbox plays it: what the consent page checks, and the exchange of code for token.

https://docs.slack.dev/authentication/installing-with-oauth
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from app.sandbox.identities import (
    SCOPES,
    join_default_channels,
    new_bot_token,
    new_refresh_token,
    new_rotating_token,
)
from app.sandbox.slack_call import Answer, SlackError, find_team
from app.sandbox.state import SlackApp, SlackCode, SlackInstallation, SlackState

_CODE_SECONDS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A checked authorization request."""

    app: SlackApp
    scopes: tuple[str, ...]
    redirect_uri: str
    """Where the browser goes back to."""
    named_redirect_uri: str
    """As the request named it; empty if it relied on the app's first one."""
    state: str
    code_challenge: str


def check_request(slack: SlackState, query: Mapping[str, str]) -> Consent:
    """Check an authorization request as Slack does before it shows the consent page.

    Raises:
        SlackError: shown to the person; nobody is redirected to an address that is not the app's.
    """
    app = next((app for app in slack.apps if app.client_id == query.get("client_id")), None)
    if app is None:
        raise SlackError("invalid_client_id")
    named = query.get("redirect_uri", "")
    redirect_uri = named or next(iter(app.redirect_uris), "")
    if not _is_registered(app, redirect_uri):
        raise SlackError("bad_redirect_uri")
    scopes = tuple(scope for scope in query.get("scope", "").replace(" ", ",").split(",") if scope)
    if not scopes:
        raise SlackError("no_scopes")
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise SlackError("invalid_scope", scope=unknown[0])
    if query.get("code_challenge") and query.get("code_challenge_method") != "S256":
        raise SlackError("invalid_code_challenge_method")
    return Consent(
        app=app,
        scopes=scopes,
        redirect_uri=redirect_uri,
        named_redirect_uri=named,
        state=query.get("state", ""),
        code_challenge=query.get("code_challenge", ""),
    )


def allow(slack: SlackState, consent: Consent, *, team_id: str, user_id: str, now: float) -> str:
    """Issue a code and return the address the browser goes back to.

    Raises:
        SlackError: there is no such workspace or person.
    """
    team = next((team for team in slack.teams if team.id == team_id), None)
    is_home = not consent.app.home_team_id or consent.app.home_team_id == team_id
    if team is None or not is_home or all(user.id != user_id for user in team.users):
        raise SlackError("invalid_team_for_non_distributed_app")
    code = f"{secrets.randbelow(10**10)}.{secrets.randbelow(10**13)}.{secrets.token_hex(32)}"
    slack.codes = {key: value for key, value in slack.codes.items() if value.expires_at > now - _CODE_SECONDS}
    slack.codes[code] = SlackCode(
        app_id=consent.app.id,
        team_id=team_id,
        user_id=user_id,
        scopes=list(consent.scopes),
        redirect_uri=consent.named_redirect_uri,
        code_challenge=consent.code_challenge,
        expires_at=now + _CODE_SECONDS,
    )
    return _back(consent, {"code": code})


def cancel(consent: Consent) -> str:
    """Return the address the browser goes back to when the person says no."""
    return _back(consent, {"error": "access_denied"})


def exchange_code(slack: SlackState, form: Mapping[str, str], *, authorization: str, now: float) -> Answer:
    """Answer ``oauth.v2.access``.

    Args:
        form: the form fields.
        authorization: the header, for client credentials by HTTP Basic.

    Raises:
        SlackError: as Slack would refuse.
    """
    client_id, client_secret = _client_credentials(form, authorization)
    app = next((app for app in slack.apps if app.client_id == client_id), None)
    if app is None:
        raise SlackError("invalid_client_id")
    if not hmac.compare_digest(app.client_secret.encode(), client_secret.encode()):
        raise SlackError("bad_client_secret")
    grant_type = form.get("grant_type", "authorization_code")
    if grant_type == "refresh_token":
        return _answer(slack, app, _renew(slack, form, app=app, now=now), now=now)
    if grant_type != "authorization_code":
        raise SlackError("invalid_grant_type")
    code = _spend(slack, form, app=app, now=now)
    installation = _install(slack, code, app=app, now=now)
    return {**_answer(slack, app, installation, now=now), "authed_user": {"id": code.user_id}}


def _answer(slack: SlackState, app: SlackApp, installation: SlackInstallation, *, now: float) -> Answer:
    team = find_team(slack, installation.team_id)
    rotation = {"refresh_token": installation.refresh_token, "expires_in": round(installation.expires_at - now)}
    return {
        "ok": True,
        "app_id": app.id,
        "scope": ",".join(installation.scopes),
        "token_type": "bot",
        "access_token": installation.token,
        "bot_user_id": app.bot_user_id,
        "team": {"id": team.id, "name": team.name},
        "enterprise": None,
        "is_enterprise_install": False,
        **(rotation if installation.refresh_token else {}),
    }


def _renew(slack: SlackState, form: Mapping[str, str], *, app: SlackApp, now: float) -> SlackInstallation:
    """Spend a refresh token: it works once, and the token before lives to its own end.

    https://docs.slack.dev/authentication/using-token-rotation
    """
    given = form.get("refresh_token", "").encode()
    for installation in slack.installations:
        own = installation.refresh_token
        is_it = installation.app_id == app.id and own and hmac.compare_digest(own.encode(), given)
        if is_it and not installation.revoked:
            _rotate(installation, app=app, now=now)
            return installation
    raise SlackError("invalid_refresh_token")


def _rotate(installation: SlackInstallation, *, app: SlackApp, now: float) -> None:
    installation.previous_token, installation.previous_expires_at = installation.token, installation.expires_at
    installation.token, installation.refresh_token = new_rotating_token(), new_refresh_token()
    installation.expires_at = now + app.token_seconds


def _spend(slack: SlackState, form: Mapping[str, str], *, app: SlackApp, now: float) -> SlackCode:
    code = slack.codes.get(form.get("code", ""))
    if code is None or code.app_id != app.id or code.expires_at <= now:
        raise SlackError("invalid_code")
    if code.used:
        raise SlackError("code_already_used")
    if form.get("redirect_uri", "") != code.redirect_uri:
        raise SlackError("bad_redirect_uri")
    if code.code_challenge and not hmac.compare_digest(
        _challenge_of(form.get("code_verifier", "")), code.code_challenge
    ):
        raise SlackError("invalid_code_verifier")
    code.used = True
    return code


def _challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _install(slack: SlackState, code: SlackCode, *, app: SlackApp, now: float) -> SlackInstallation:
    """Install the app; as at Slack, installing again only ever adds scopes, and keeps a token that does not end."""
    existing = next(
        (
            item
            for item in slack.installations
            if (item.app_id, item.team_id, item.revoked) == (code.app_id, code.team_id, False)
        ),
        None,
    )
    if existing is not None:
        existing.scopes = sorted({*existing.scopes, *code.scopes})
        if app.token_seconds:
            _rotate(existing, app=app, now=now)
        return existing
    installation = SlackInstallation(
        app_id=code.app_id,
        team_id=code.team_id,
        token=new_bot_token(),
        scopes=sorted(set(code.scopes)),
        installed_by=code.user_id,
    )
    if app.token_seconds:
        _rotate(installation, app=app, now=now)
        installation.previous_token = ""
    slack.installations.append(installation)
    join_default_channels(slack, installation)
    return installation


def _client_credentials(form: Mapping[str, str], authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, client_secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError as error:
            raise SlackError("invalid_client_id") from error
        return client_id, client_secret
    return form.get("client_id", ""), form.get("client_secret", "")


def _is_registered(app: SlackApp, redirect_uri: str) -> bool:
    return any(redirect_uri == known or redirect_uri.startswith(f"{known.rstrip('/')}/") for known in app.redirect_uris)


def _back(consent: Consent, answer: Mapping[str, str]) -> str:
    query = urlencode({**answer, "state": consent.state})
    return f"{consent.redirect_uri}{'&' if urlsplit(consent.redirect_uri).query else '?'}{query}"
