"""The peer, described as data."""

from services.provider_kit.auth import OAuth2
from services.provider_kit.contract import ProviderManifest, Scope, Url

MANIFEST = ProviderManifest(
    slug="oidcmock",
    name="Peer",
    category="other",
    summary="Proves the OAuth machinery against a server that nobody here wrote.",
    docs_url="https://oidc-provider-mock.readthedocs.io/",
    capabilities=frozenset(),
    auth=(OAuth2(label="Connect", refresh=True, token_auth_method="client_secret_basic"),),
    urls={
        "api": Url(default="https://peer.invalid", sandbox="/oidcmock"),
        "authorize": Url(default="https://peer.invalid/oauth2/authorize", sandbox="/oidcmock/oauth2/authorize"),
        "token": Url(default="https://peer.invalid/oauth2/token", sandbox="/oidcmock/oauth2/token"),
    },
    scopes=(Scope(name="openid", reason="To learn whose account it is."),),
    disconnect_effects=("Nothing happens at the peer.",),
)
