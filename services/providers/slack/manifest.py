"""Slack, described as data."""

from services.provider_kit.auth import OAuth2, Pasted
from services.provider_kit.contract import Capability, Pace, ProviderManifest, Scope, Url, WebhookKind
from services.provider_kit.fields import Field, FieldKind

MANIFEST = ProviderManifest(
    slug="slack",
    name="Slack",
    category="messaging",
    is_core=True,
    summary="The agent answers direct messages, and in channels as you choose: mentions or all messages.",
    docs_url="https://docs.slack.dev/",
    capabilities=frozenset(
        {
            Capability.WEBHOOKS,
            Capability.MESSAGING,
            Capability.ACTIONS,
            Capability.DIRECTORY,
            Capability.SHARED,
            Capability.APP_MANIFEST,
            Capability.REVOKE,
        }
    ),
    auth=(
        OAuth2(
            label="Add to Slack",
            # Turning PKCE on makes a Slack app a public client, for good. Ours has a secret and keeps it on the
            # server. https://docs.slack.dev/changelog/2026/03/30/pkce (read 2026-11-20)
            pkce=False,
            scope_separator=",",
            # Apps with token rotation get bot tokens that live 12 hours, and refresh tokens that work once; the
            # others get tokens without an end. https://docs.slack.dev/authentication/using-token-rotation
            refresh=True,
            rotates_refresh_token=True,
            default_lifetime_seconds=43_200,
            redirect_pasted_into="your app's settings, “OAuth & Permissions”, “Redirect URLs”",
        ),
        Pasted(
            label="Use your own app",
            fields=(
                Field(
                    name="bot_token",
                    label="Bot User OAuth Token",
                    kind=FieldKind.SECRET,
                    help="In your app's settings at api.slack.com/apps, under “OAuth & Permissions”.",
                    placeholder="xoxb-…",
                    pattern=r"xoxb-[0-9A-Za-z-]{10,}",
                    pattern_hint="It starts with xoxb-.",
                ),
                Field(
                    name="signing_secret",
                    label="Signing Secret",
                    kind=FieldKind.SECRET,
                    help="In your app's settings, under “Basic Information”, “App Credentials”.",
                    pattern=r"[0-9a-f]{32}",
                    pattern_hint="It has 32 characters, 0-9 and a-f.",
                ),
            ),
        ),
    ),
    urls={
        "api": Url(default="https://slack.com/api/", sandbox="/slack/api/"),
        "authorize": Url(default="https://slack.com/oauth/v2/authorize", sandbox="/slack/oauth/v2/authorize"),
        "token": Url(default="https://slack.com/api/oauth.v2.access", sandbox="/slack/api/oauth.v2.access"),
    },
    scopes=(
        Scope(name="chat:write", reason="To send the agent's answers."),
        Scope(name="app_mentions:read", reason="To see when somebody mentions the agent in a channel."),
        Scope(name="im:history", reason="To read direct messages to the agent, and to check that an answer arrived."),
        Scope(name="channels:history", reason="To hear public channels it was invited to, and check answers there."),
        Scope(name="groups:history", reason="To hear private channels it was invited to, and check answers there."),
        Scope(name="channels:read", reason="To list public channels, so that you choose where the agent answers."),
        Scope(name="groups:read", reason="To list the private channels it was invited to."),
        Scope(name="users:read", reason="To show who wrote by name instead of by a Slack id."),
        Scope(name="mpim:history", reason="To check in a group conversation's thread that an answer arrived."),
    ),
    webhooks=(
        WebhookKind(
            name="events",
            label="Events",
            pasted_into="your app's settings, “Event Subscriptions”, “Request URL”",
            content_types=("application/json",),
            shared=True,
        ),
    ),
    handled_events={
        "message": "A direct message is answered; a message in a channel as the channel's policy says.",
        "app_mention": "A mention in a channel is answered in its thread.",
        "app_uninstalled": "The connection is marked as revoked.",
        "tokens_revoked": "The connection is marked as revoked.",
        "app_rate_limited": "Shown in the delivery log: Slack held events back.",
    },
    account_noun="workspace",
    # Slack asks for at most 4,000 characters and cuts at 40,000.
    # https://docs.slack.dev/reference/methods/chat.postMessage
    message_limit=4000,
    # One message a second and channel, short bursts above it. https://docs.slack.dev/apis/web-api/rate-limits
    paces=(Pace(per="channel", count=1, burst=20),),
    # Rate limits hold per method and workspace. https://docs.slack.dev/apis/web-api/rate-limits/
    slow_down_means="method",
    answers=(("direct messages", "answered"),),
    disconnect_effects=(
        "The agent no longer reads or answers in this workspace.",
        "Slack takes the agent out of its channels; invite it again after connecting again.",
        "The app stays installed in Slack until a workspace admin removes it there.",
    ),
)
