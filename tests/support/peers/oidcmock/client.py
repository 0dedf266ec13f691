"""The one call of the peer that needs a token."""

from dataclasses import dataclass

from services.kernel.errors import NeedsReauth
from services.kernel.http import OutboundClient
from services.kernel.secret import Secret
from services.provider_kit.contract import ExternalAccount, ProviderContext
from services.provider_kit.payloads import parse_json
from services.provider_kit.responses import check_status


@dataclass(frozen=True, slots=True)
class PeerClient:
    """Calls the peer with one token."""

    http: OutboundClient
    url: str
    token: Secret


def build_client(context: ProviderContext) -> PeerClient:
    """Return a client for one call's length."""
    return PeerClient(context.http, context.urls["api"], context.secrets["access_token"])


def verify_credentials(client: PeerClient) -> ExternalAccount:
    """Ask the peer whose token it is (OpenID Connect Core §5.3).

    Raises:
        NeedsReauth: the token is refused.
        RetryLater: the peer could not be reached.
    """
    headers = {"Authorization": f"Bearer {client.token.reveal()}"}
    response = client.http.request("GET", f"{client.url}/userinfo", headers=headers)
    if response.status in (400, 401, 403):
        raise NeedsReauth("The peer does not accept the token any more. Connect again.", provider="oidcmock")
    check_status(response, provider="oidcmock", name="Peer")
    subject = str(parse_json(response.body)["sub"])
    return ExternalAccount(id=subject, name=subject, identity=subject, proof="userinfo")
