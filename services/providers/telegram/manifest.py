"""Telegram, described as data."""

from services.provider_kit.auth import Pasted
from services.provider_kit.contract import Capability, Pace, ProviderManifest, Url, WebhookKind
from services.provider_kit.fields import Field, FieldKind

MANIFEST = ProviderManifest(
    slug="telegram",
    name="Telegram",
    category="messaging",
    summary="The agent answers people who write to your Telegram bot.",
    docs_url="https://core.telegram.org/bots/api",
    capabilities=frozenset({Capability.WEBHOOKS, Capability.MESSAGING}),
    auth=(
        Pasted(
            label="Bot token and webhook secret",
            fields=(
                Field(
                    name="api_token",
                    label="Bot token",
                    kind=FieldKind.SECRET,
                    help="From @BotFather in Telegram: send it /newbot, or /token for a bot you have.",
                    # https://core.telegram.org/bots/api#authorizing-your-bot
                    pattern=r"[0-9]{5,20}:[0-9A-Za-z_-]{30,80}",
                    pattern_hint="It is a number, a colon, and about 35 letters and digits.",
                ),
                Field(
                    name="signing_secret",
                    label="Webhook secret",
                    kind=FieldKind.SECRET,
                    help="Make it up: the bot token's number, an underscore, and at least 24 letters and digits.",
                    # The number says which bot a request is for: Telegram's updates do not.
                    # At most 256 characters: https://core.telegram.org/bots/api#setwebhook
                    pattern=r"[0-9]{5,20}_[0-9A-Za-z_-]{24,200}",
                    pattern_hint="It is the bot token's number, an underscore, and at least 24 letters and digits.",
                ),
            ),
        ),
    ),
    urls={"api": Url(default="https://api.telegram.org", sandbox="/telegram")},
    webhooks=(
        WebhookKind(
            name="updates",
            label="Updates",
            pasted_into="the “setWebhook” call of the set-up guide, as “url”",
            content_types=("application/json",),
        ),
    ),
    handled_events={"message": "A text in a one-to-one chat is answered."},
    account_noun="bot",
    # https://core.telegram.org/bots/api#sendmessage
    message_limit=4096,
    # In a chat about one message a second, short bursts above it; 30 a second in all.
    # https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
    paces=(Pace(per="channel", count=1, burst=5), Pace(per="connection", count=30, burst=30)),
    # Flood control mostly means one chat. https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
    slow_down_means="call",
    disconnect_effects=(
        "The agent no longer reads or answers chats with this bot.",
        "Telegram keeps our webhook address until you change it there; what it sends is refused.",
        "The bot token still works: to end it, send /revoke to @BotFather.",
    ),
    answers=(("one-to-one chats", "answered"), ("groups and channels", "left alone")),
)
