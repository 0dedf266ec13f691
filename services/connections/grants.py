"""OAuth 2 towards the provider: the consent address, the exchange of code for token, and the renewal, with Authlib.

Authlib builds the requests; the token request leaves through our outbound client, so that its deadline, its size
cap and its refusal of redirects hold here too.
"""

# Authlib ships no types; what it returns is given a type in this module and nowhere else.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc6749.parameters import prepare_token_request

from services.kernel.errors import InvalidInput, NeedsReauth, Refused, RetryLater
from services.kernel.http import OutboundClient, OutboundResponse
from services.kernel.secret import Secret
from services.provider_kit.auth import OAuth2
from services.provider_kit.contract import ProviderManifest
from services.provider_kit.payloads import parse_json
from services.provider_kit.responses import check_status

_BUSY = frozenset({"server_error", "slow_down", "temporarily_unavailable"})
"""Error words that some token endpoints send with a 4xx although they mean a 5xx (RFC 6749 §4.1.2.1, RFC 8628)."""
_APP_PROBLEMS = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAtProvider:
    """An app at one provider, the operator's or the tenant's own, with the addresses in force."""

    manifest: ProviderManifest
    scheme: OAuth2
    client_id: str
    client_secret: Secret = field(repr=False)
    urls: Mapping[str, str]


def issuer_of(scheme: OAuth2, urls: Mapping[str, str]) -> str:
    """Return how a provider names itself in authorization responses (``iss``, RFC 9207).

    It is the declared issuer, else the origin of the consent page.
    """
    parts = urlsplit(urls[scheme.authorize_url])
    return urls.get("issuer") or f"{parts.scheme}://{parts.netloc}"


def build_consent_url(place: AppAtProvider, *, redirect_uri: str, state: Secret, verifier: Secret) -> str:
    """Return the provider's consent page for one attempt (RFC 6749 §4.1.1; PKCE with S256, RFC 7636 §4.3).

    Args:
        place: the app and where it is registered.
        redirect_uri: our callback.
        state: what the provider hands back with the browser.
        verifier: the PKCE verifier; empty if the provider refuses PKCE.
    """
    client = OAuth2Client(
        None,
        client_id=place.client_id,
        scope=place.scheme.scope_separator.join(scope.name for scope in place.manifest.scopes),
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
    )
    url, _ = client.create_authorization_url(
        place.urls[place.scheme.authorize_url],
        state=state.reveal(),
        code_verifier=verifier.reveal() or None,
        **dict(place.scheme.authorize_params),
    )
    return str(url)


def exchange_code(
    http: OutboundClient, place: AppAtProvider, *, code: Secret, redirect_uri: str, verifier: Secret
) -> dict[str, object]:
    """Trade the code for the provider's token answer (RFC 6749 §4.1.3).

    The token address comes from the manifest and the settings, never from a parameter.

    Returns:
        The decoded answer of a success.

    Raises:
        Refused: the provider refuses the code or the app; ``exchange_refused``.
        RetryLater: the provider could not be reached.
    """
    body = prepare_token_request(
        "authorization_code", redirect_uri=redirect_uri, code=code.reveal(), code_verifier=verifier.reveal()
    )
    response, answer = _ask(http, place, body)
    if response.status >= 300 or not answer:
        raise Refused(
            f"{place.manifest.name} did not accept the consent. Start again.",
            code="exchange_refused",
            provider=place.manifest.slug,
            status=response.status,
        )
    return answer


def renew_token(http: OutboundClient, place: AppAtProvider, *, refresh_token: Secret) -> dict[str, object]:
    """Trade a refresh token for the provider's next token answer (RFC 6749 §6).

    Returns:
        The decoded answer of a success.

    Raises:
        NeedsReauth: the provider does not accept the refresh token any more; ``invalid_grant``.
        RetryLater: the provider could not be reached, is busy, or its answer was cut off.
        Refused: the provider refuses the app, or the request.
    """
    name, slug = place.manifest.name, place.manifest.slug
    response, answer = _ask(http, place, prepare_token_request("refresh_token", refresh_token=refresh_token.reveal()))
    if response.status < 300 and answer:
        return answer
    word = str(answer.get("error", ""))
    if word == "invalid_grant":
        raise NeedsReauth(
            f"{name} does not renew this access any more. Connect again.",
            code="invalid_grant",
            provider=slug,
            status=response.status,
        )
    if response.status < 300 or word in _BUSY:
        raise RetryLater(
            f"{name} could not renew the access just now.",
            code="unavailable",
            provider=slug,
            status=response.status,
            ambiguous=response.status < 300,
        )
    if word in _APP_PROBLEMS:
        raise Refused(
            f"{name} does not accept the app any more ({word}). Correct the app's client id and secret.",
            code="app_refused",
            provider=slug,
            status=response.status,
        )
    raise Refused(
        f"{name} refused to renew the access (HTTP {response.status}).",
        code="refresh_refused",
        provider=slug,
        status=response.status,
    )


def _ask(http: OutboundClient, place: AppAtProvider, body: object) -> tuple[OutboundResponse, dict[str, object]]:
    """Send a token request as our app; an answer that is no JSON object counts as empty."""
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    client_auth = ClientAuth(place.client_id, place.client_secret.reveal(), place.scheme.token_auth_method)
    url, headers, body = client_auth.prepare("POST", place.urls[place.scheme.token_url], headers, body)
    response = http.request("POST", str(url), headers=headers, content=str(body).encode())
    if response.status == 429 or response.status >= 500:
        check_status(response, provider=place.manifest.slug, name=place.manifest.name)
    try:
        return response, parse_json(response.body)
    except InvalidInput:
        return response, {}
