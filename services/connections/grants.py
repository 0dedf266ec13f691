"""OAuth 2 towards the provider: the consent address and the exchange of code for token, with Authlib.

Authlib builds the requests; the token request leaves through our outbound client, so that its deadline, its size
cap and its refusal of redirects hold here too.
"""

# Authlib ships no types; what it returns is given a type in this module and nowhere else.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Mapping
from dataclasses import dataclass

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc6749.parameters import prepare_token_request

from services.kernel.errors import InvalidInput, Refused
from services.kernel.http import OutboundClient
from services.kernel.secret import Secret
from services.kernel.settings import ProviderApp
from services.provider_kit.auth import OAuth2
from services.provider_kit.contract import ProviderManifest
from services.provider_kit.payloads import parse_json
from services.provider_kit.responses import check_status


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAtProvider:
    """The operator's app at one provider, with the addresses in force."""

    manifest: ProviderManifest
    scheme: OAuth2
    app: ProviderApp
    urls: Mapping[str, str]


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
        client_id=place.app.client_id,
        scope=place.scheme.scope_separator.join(scope.name for scope in place.manifest.scopes),
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
    )
    url, _ = client.create_authorization_url(
        place.urls[place.scheme.authorize_url], state=state.reveal(), code_verifier=verifier.reveal() or None
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
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    client_auth = ClientAuth(
        place.app.client_id, place.app.client_secret.get_secret_value(), place.scheme.token_auth_method
    )
    url, headers, body = client_auth.prepare("POST", place.urls[place.scheme.token_url], headers, body)
    response = http.request("POST", str(url), headers=headers, content=str(body).encode())
    try:
        answer = parse_json(response.body)
    except InvalidInput:
        answer = {}
    if response.status == 429 or response.status >= 500:
        check_status(response, provider=place.manifest.slug, name=place.manifest.name)
    if response.status >= 300 or not answer:
        raise Refused(
            f"{place.manifest.name} did not accept the consent. Start again.",
            code="exchange_refused",
            provider=place.manifest.slug,
            status=response.status,
        )
    return answer
