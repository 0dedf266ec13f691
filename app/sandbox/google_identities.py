"""The operator's OAuth client at the sandbox's Google, and where Google is."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.sandbox.google_state import GoogleState

_CALLBACK_NAMES = ("google-calendar", "google_calendar", "google")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleIdentity:
    """An OAuth client's keys, and the people who may allow it something."""

    client_id: str
    client_secret: str
    accounts: tuple[str, ...]


def google_identity(google: GoogleState) -> GoogleIdentity:
    """Return the operator's client."""
    client = google.clients[0]
    return GoogleIdentity(
        client_id=client.client_id,
        client_secret=client.client_secret,
        accounts=tuple(account.email for account in google.accounts),
    )


def google_environment(base: str) -> Mapping[str, str]:
    """Return the environment that points Patchbay at the sandbox's Google.

    Args:
        base: the sandbox's address.
    """
    return {
        "PATCHBAY_GOOGLE_CALENDAR_API_URL": f"{base}/google/",
        "PATCHBAY_GOOGLE_CALENDAR_OAUTH_URL": f"{base}/google/o/oauth2/v2/auth",
        "PATCHBAY_GOOGLE_CALENDAR_TOKEN_URL": f"{base}/google/token",
        "PATCHBAY_GOOGLE_CALENDAR_REVOKE_URL": f"{base}/google/revoke",
        "PATCHBAY_GOOGLE_CALENDAR_USERINFO_URL": f"{base}/google/oauth2/v3/userinfo",
    }


def register_redirects(google: GoogleState, *, public_url: str) -> None:
    """Let the clients send browsers back to Patchbay."""
    for client in google.clients:
        client.redirect_uris = [
            f"{public_url}/api/admin/ai-agents/integrations/{name}/oauth/callback" for name in _CALLBACK_NAMES
        ]
