"""Google Calendar, described as data."""

from services.provider_kit.auth import OAuth2
from services.provider_kit.contract import Capability, ProviderManifest, Scope, Url, WebhookKind

MANIFEST = ProviderManifest(
    slug="google_calendar",
    name="Google Calendar",
    category="calendar",
    is_core=True,
    summary="The agent sees what is coming up in its calendar, and books meetings with a Meet link.",
    docs_url="https://developers.google.com/workspace/calendar/api/guides/overview",
    capabilities=frozenset({Capability.WEBHOOKS, Capability.CALENDAR, Capability.REVOKE, Capability.ACTIONS}),
    auth=(
        OAuth2(
            label="Sign in with Google",
            authorize_url="oauth",
            # Access tokens live an hour. The refresh token stays the same, dies after six months without use, and is
            # given only to whoever asks for offline access and is consented to anew.
            # https://developers.google.com/identity/protocols/oauth2/web-server (read 2026-11-20)
            refresh=True,
            idle_lifetime_days=180,
            default_lifetime_seconds=3600,
            authorize_params=(
                ("access_type", "offline"),
                ("prompt", "consent"),
                ("include_granted_scopes", "true"),
            ),
            revoke_url="revoke",
            redirect_pasted_into="Google Cloud console, “Clients”, your client, “Authorised redirect URIs”",
        ),
    ),
    urls={
        "api": Url(default="https://www.googleapis.com/", sandbox="/google/"),
        "oauth": Url(default="https://accounts.google.com/o/oauth2/v2/auth", sandbox="/google/o/oauth2/v2/auth"),
        "token": Url(default="https://oauth2.googleapis.com/token", sandbox="/google/token"),
        "revoke": Url(default="https://oauth2.googleapis.com/revoke", sandbox="/google/revoke"),
        "userinfo": Url(
            default="https://openidconnect.googleapis.com/v1/userinfo", sandbox="/google/oauth2/v3/userinfo"
        ),
    },
    scopes=(
        Scope(name="openid", reason="To recognise the account when it is connected again."),
        Scope(name="email", reason="To show whose calendar it is."),
        Scope(
            name="https://www.googleapis.com/auth/calendar.events",
            reason="To read the calendar's meetings, be told of changes, and book meetings.",
        ),
    ),
    webhooks=(
        WebhookKind(
            name="push",
            label="Change notifications",
            pasted_into="nowhere: each subscription names this address itself",
            # The documentation shows a JSON type on a body of no bytes; a body of no bytes may also have none.
            # https://developers.google.com/workspace/calendar/api/guides/push#understanding-the-notification-message-format
            content_types=("application/json", ""),
            shared=True,
            default=True,
            # Not the token, which proves the sender, nor the resource's address, which names the account.
            kept_headers=(
                "x-goog-channel-id",
                "x-goog-channel-expiration",
                "x-goog-message-number",
                "x-goog-resource-id",
                "x-goog-resource-state",
            ),
        ),
    ),
    handled_events={
        "exists": "Something in the calendar changed: the calendar is synced.",
        "not_exists": "Something is gone from the calendar: the calendar is synced.",
        "sync": "The first notification of a subscription: it works, and nothing has changed.",
    },
    account_noun="calendar",
    disconnect_effects=(
        "The agent no longer sees this calendar, and no longer books meetings in it.",
        "Meetings that were booked stay in the calendar, and their guests stay invited.",
        "Google ends the access; the app disappears from the account's connected apps.",
    ),
    needs_agent=True,
    aliases=("google",),
    webhook_proof="subscription",
)
