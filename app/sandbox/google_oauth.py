"""Google's OAuth 2.0 as the sandbox plays it: what the consent page checks, and tokens given, renewed and revoked.

https://developers.google.com/identity/protocols/oauth2/web-server
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from app.sandbox.google_call import Answer, find_account
from app.sandbox.google_scopes import IDENTITY_SCOPES, SCOPES, full_scope
from app.sandbox.google_state import (
    GoogleAccessToken,
    GoogleClient,
    GoogleCode,
    GoogleGrant,
    GoogleRefreshToken,
    GoogleState,
)

TOKEN_SECONDS = 3599
_CODE_SECONDS = 600
_TESTING_SECONDS = 7 * 86_400
_REFRESH_TOKENS_EACH = 100
"""As many live at once; the oldest gives way without a warning."""


class OAuthError(Exception):
    """Google's authorization server says no.

    Args:
        code: the value of ``error``.
        description: the value of ``error_description``.
        status: the HTTP status.
    """

    def __init__(self, code: str, description: str = "Bad Request", *, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.description, self.status = code, description, status


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A checked authorization request."""

    client: GoogleClient
    scopes: tuple[str, ...]
    redirect_uri: str
    state: str
    login_hint: str
    offline: bool
    consented: bool
    includes_granted: bool
    code_challenge: str
    code_challenge_method: str


def check_request(google: GoogleState, query: Mapping[str, str]) -> Consent:
    """Check an authorization request as Google does before it shows the consent page.

    Raises:
        OAuthError: shown to the person; nobody is redirected to an address that is not the client's.
    """
    for name in ("client_id", "redirect_uri", "response_type", "scope"):
        if not query.get(name):
            raise OAuthError("invalid_request", f"Missing required parameter: {name}")
    client = next((item for item in google.clients if item.client_id == query["client_id"]), None)
    if client is None:
        raise OAuthError("invalid_client", "The OAuth client was not found.", status=401)
    if query["redirect_uri"] not in client.redirect_uris:
        raise OAuthError("redirect_uri_mismatch", "The redirect address is not one of those registered for the client.")
    if query["response_type"] != "code":
        raise OAuthError("unsupported_response_type", "Only the authorization code flow is played here.")
    scopes = tuple(dict.fromkeys(full_scope(scope) for scope in query["scope"].split()))
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise OAuthError("invalid_scope", f"Some requested scopes were invalid: {unknown[0]}")
    method = query.get("code_challenge_method", "plain")
    if query.get("code_challenge") and method not in _CHALLENGES:
        raise OAuthError("invalid_request", "Invalid code_challenge_method.")
    access_type = query.get("access_type", "online")
    if access_type not in {"online", "offline"}:
        raise OAuthError("invalid_request", "Invalid parameter value for access_type.")
    return Consent(
        client=client,
        scopes=scopes,
        redirect_uri=query["redirect_uri"],
        state=query.get("state", ""),
        login_hint=query.get("login_hint", ""),
        offline=access_type == "offline",
        consented="consent" in query.get("prompt", "").split(),
        includes_granted=query.get("include_granted_scopes", "false") == "true",
        code_challenge=query.get("code_challenge", ""),
        code_challenge_method=method,
    )


def allow(google: GoogleState, consent: Consent, *, email: str, scopes: Sequence[str], now: float) -> str:
    """Issue a code for what the person ticked, and return the address the browser goes back to.

    Args:
        scopes: the ticked ones; who the person is, is not for ticking.

    Raises:
        OAuthError: there is no such person.
    """
    account = next((item for item in google.accounts if item.email == email), None)
    if account is None:
        raise OAuthError("invalid_request", "There is no such account.")
    granted = [scope for scope in consent.scopes if scope in scopes or scope in IDENTITY_SCOPES]
    if not granted:
        return deny(consent)
    grant = _find_grant(google, consent.client.client_id, account.sub)
    if grant is not None and consent.includes_granted:
        granted = list(dict.fromkeys([*granted, *grant.scopes]))
    code = f"4/0A{secrets.token_urlsafe(54)}"
    google.codes = {key: value for key, value in google.codes.items() if value.expires_at > now - _CODE_SECONDS}
    google.codes[code] = GoogleCode(
        client_id=consent.client.client_id,
        sub=account.sub,
        scopes=granted,
        redirect_uri=consent.redirect_uri,
        code_challenge=consent.code_challenge,
        code_challenge_method=consent.code_challenge_method,
        offline=consent.offline,
        consented=consent.consented,
        expires_at=now + _CODE_SECONDS,
    )
    return _back(consent, {"code": code, "scope": " ".join(granted), "authuser": "0", "prompt": "consent"})


def deny(consent: Consent) -> str:
    """Return the address the browser goes back to when the person says no."""
    return _back(consent, {"error": "access_denied"})


def answer_token(google: GoogleState, form: Mapping[str, str], *, authorization: str, now: float) -> Answer:
    """Answer the token endpoint.

    Args:
        form: the form fields.
        authorization: the header, for client credentials by HTTP Basic.

    Raises:
        OAuthError: as Google would refuse.
    """
    client = _authenticate(google, form, authorization)
    match form.get("grant_type", ""):
        case "authorization_code":
            return _exchange(google, _spend(google, form, client=client, now=now), client=client, now=now)
        case "refresh_token":
            return _refresh(google, form.get("refresh_token", ""), client=client, now=now)
        case "":
            raise OAuthError("invalid_request", "Required parameter is missing: grant_type")
        case other:
            raise OAuthError("unsupported_grant_type", f"Invalid grant_type: {other}")


def revoke(google: GoogleState, token: str) -> None:
    """End what a token, of either kind, belongs to.

    Raises:
        OAuthError: it belongs to nothing.
    """
    for grant in google.grants:
        shown = [*(item.token for item in grant.refresh_tokens), *(item.token for item in grant.access_tokens)]
        if any(hmac.compare_digest(item.encode(), token.encode()) for item in shown):
            end_grant(google, grant)
            return
    raise OAuthError("invalid_token", "Token expired or revoked")


def end_grant(google: GoogleState, grant: GoogleGrant) -> None:
    """Forget what a person allowed, its tokens and its watches."""
    google.grants.remove(grant)
    for channel in google.channels:
        if (channel.sub, channel.client_id) == (grant.sub, grant.client_id):
            channel.is_stopped = True


def _authenticate(google: GoogleState, form: Mapping[str, str], authorization: str) -> GoogleClient:
    client_id, client_secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, client_secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError as error:
            raise OAuthError("invalid_client", "Unauthorized", status=401) from error
    client = next((item for item in google.clients if item.client_id == client_id), None)
    if client is None:
        raise OAuthError("invalid_client", "The OAuth client was not found.", status=401)
    if not hmac.compare_digest(client.client_secret.encode(), client_secret.encode()):
        raise OAuthError("invalid_client", "Unauthorized", status=401)
    return client


def _spend(google: GoogleState, form: Mapping[str, str], *, client: GoogleClient, now: float) -> GoogleCode:
    code = google.codes.get(form.get("code", ""))
    if code is None or code.client_id != client.client_id or code.expires_at <= now or code.used:
        raise OAuthError("invalid_grant")
    if form.get("redirect_uri", "") != code.redirect_uri:
        raise OAuthError("redirect_uri_mismatch")
    if code.code_challenge:
        verifier = form.get("code_verifier", "")
        if not verifier:
            raise OAuthError("invalid_grant", "Missing code verifier.")
        if not hmac.compare_digest(_CHALLENGES[code.code_challenge_method](verifier), code.code_challenge):
            raise OAuthError("invalid_grant", "Invalid code verifier.")
    code.used = True
    return code


def _exchange(google: GoogleState, code: GoogleCode, *, client: GoogleClient, now: float) -> Answer:
    """Give tokens: a refresh token the first time, or when the person was asked anew."""
    grant = _find_grant(google, code.client_id, code.sub)
    if grant is None:
        grant = GoogleGrant(client_id=code.client_id, sub=code.sub)
        google.grants.append(grant)
    grant.scopes = list(dict.fromkeys([*grant.scopes, *code.scopes]))
    answer = _access(grant, code.scopes, now=now)
    if code.offline and (code.consented or not grant.refresh_tokens):
        ends = now + _TESTING_SECONDS if client.is_testing else 0.0
        token = GoogleRefreshToken(token=f"1//0{secrets.token_urlsafe(72)}", scopes=code.scopes, expires_at=ends)
        grant.refresh_tokens = [*grant.refresh_tokens, token][-_REFRESH_TOKENS_EACH:]
        answer["refresh_token"] = token.token
        if client.is_testing:
            answer["refresh_token_expires_in"] = _TESTING_SECONDS - 1
    return answer


def _find_grant(google: GoogleState, client_id: str, sub: str) -> GoogleGrant | None:
    return next((item for item in google.grants if (item.client_id, item.sub) == (client_id, sub)), None)


def _refresh(google: GoogleState, shown: str, *, client: GoogleClient, now: float) -> Answer:
    for grant in google.grants:
        for token in grant.refresh_tokens:
            is_it = hmac.compare_digest(token.token.encode(), shown.encode())
            if is_it and grant.client_id == client.client_id and (not token.expires_at or token.expires_at > now):
                return _access(grant, token.scopes, now=now)
    raise OAuthError("invalid_grant", "Token has been expired or revoked.")


def _access(grant: GoogleGrant, scopes: Sequence[str], *, now: float) -> Answer:
    token = GoogleAccessToken(
        token=f"ya29.a0{secrets.token_urlsafe(96)}", scopes=list(scopes), expires_at=now + TOKEN_SECONDS
    )
    grant.access_tokens = [*(item for item in grant.access_tokens if item.expires_at > now), token]
    return {
        "access_token": token.token,
        "expires_in": TOKEN_SECONDS,
        "scope": " ".join(scopes),
        "token_type": "Bearer",
    }


def userinfo(google: GoogleState, grant: GoogleGrant, scopes: frozenset[str]) -> Answer:
    """Answer who the person is, as far as the token may tell.

    https://developers.google.com/identity/openid-connect/openid-connect#obtaininguserprofileinformation
    """
    account = find_account(google, grant.sub)
    answer: Answer = {"sub": account.sub}
    if full_scope("email") in scopes:
        answer |= {"email": account.email, "email_verified": True, "hd": account.email.partition("@")[2]}
    if full_scope("profile") in scopes:
        answer |= {"name": account.name, "given_name": account.name.partition(" ")[0]}
    return answer


def _s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _plain(verifier: str) -> str:
    return verifier


_CHALLENGES = {"S256": _s256, "plain": _plain}


def _back(consent: Consent, answer: Mapping[str, str]) -> str:
    query = urlencode({**answer, **({"state": consent.state} if consent.state else {})})
    return f"{consent.redirect_uri}{'&' if urlsplit(consent.redirect_uri).query else '?'}{query}"
