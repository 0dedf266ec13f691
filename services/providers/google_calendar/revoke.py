"""Ends our access to an account. Google forgets the whole grant, and with it its notification channels.

https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke
"""

from services.provider_kit.contract import RevokeOutcome
from services.providers.google_calendar.client import GoogleClient


def revoke(client: GoogleClient) -> RevokeOutcome:
    """Revoke the refresh token, and with it every token of the grant.

    Raises:
        NeedsReauth: it had ended before.
        RetryLater, Refused
    """
    client.revoke()
    return RevokeOutcome(done=True, said="Google Calendar ended the access (oauth2/revoke).")
