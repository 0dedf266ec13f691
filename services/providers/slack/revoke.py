"""Ends our access in a workspace (``auth.revoke``).

The bot user is deactivated and leaves its channels; the app itself stays installed.
https://docs.slack.dev/reference/methods/auth.revoke (read 2026-11-20)
"""

from services.provider_kit.contract import RevokeOutcome
from services.providers.slack.client import SlackClient


def revoke(client: SlackClient) -> RevokeOutcome:
    """Revoke the bot token.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    if client.auth_revoke().get("revoked") is True:
        return RevokeOutcome(done=True, said="Slack revoked the access (auth.revoke).")
    return RevokeOutcome(done=False, said="Slack kept the access. Remove the app in the workspace's settings.")
