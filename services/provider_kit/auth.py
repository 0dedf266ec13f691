"""The ways to connect to a provider. A manifest picks from these; the fields draw the form."""

from dataclasses import dataclass

from services.provider_kit.fields import Field


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2:
    """OAuth 2 authorization code grant (RFC 6749 §4.1) with PKCE (RFC 7636) unless the provider refuses it.

    The addresses are the manifest's ``urls`` named here. The app is the operator's (``PATCHBAY_PROVIDER_APPS``).
    """

    label: str
    authorize_url: str = "authorize"
    token_url: str = "token"
    pkce: bool = True
    scope_separator: str = " "
    token_auth_method: str = "client_secret_post"
    fields: tuple[Field, ...] = ()
    id: str = "oauth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pasted:
    """The tenant pastes keys from the provider's console."""

    label: str
    fields: tuple[Field, ...]
    id: str = "keys"


AuthScheme = OAuth2 | Pasted
