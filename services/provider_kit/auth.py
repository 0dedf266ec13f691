"""The ways to connect to a provider. A manifest picks from these; the fields draw the form."""

from dataclasses import dataclass

from services.provider_kit.fields import Field

REFRESH_TOKEN = "refresh_token"
"""Name of the credential that renews the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2:
    """OAuth 2 authorization code grant (RFC 6749 §4.1) with PKCE (RFC 7636) unless the provider refuses it.

    The addresses are the manifest's ``urls`` named here. The app is the operator's (``PATCHBAY_PROVIDER_APPS``) or one
    that the tenant registered itself.
    """

    label: str
    authorize_url: str = "authorize"
    token_url: str = "token"
    pkce: bool = True
    scope_separator: str = " "
    token_auth_method: str = "client_secret_post"
    refresh: bool = False
    """Tokens may expire and can be renewed (RFC 6749 §6); ``oauth.py`` then also holds ``read_refresh``."""
    rotates_refresh_token: bool = False
    """Renewing spends the refresh token: the answer brings the next one."""
    default_lifetime_seconds: int = 0
    """How long a renewable token lives if the answer does not say; 0 if it then lives until it is revoked."""
    idle_lifetime_days: int = 0
    """Days after which the provider lets an unused grant die; 0 if it does not."""
    revoke_url: str = ""
    """Name, in ``urls``, of the address that ends a grant (RFC 7009); empty if there is none."""
    redirect_pasted_into: str = "your app's settings, redirect addresses"
    """Where our callback address goes at the provider, if the tenant registers an app itself."""
    sends_iss: bool = False
    """Names itself in every authorization response (``iss``, RFC 9207). Its issuer is ``urls["issuer"]``, else the
    origin of the consent page."""
    authorize_params: tuple[tuple[str, str], ...] = ()
    """Further parameters of the consent address, such as ``access_type=offline``."""
    fields: tuple[Field, ...] = ()
    id: str = "oauth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pasted:
    """The tenant pastes keys from the provider's console."""

    label: str
    fields: tuple[Field, ...]
    id: str = "keys"


AuthScheme = OAuth2 | Pasted
