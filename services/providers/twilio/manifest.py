"""Twilio, described as data."""

from services.provider_kit.auth import Pasted
from services.provider_kit.contract import Capability, Pace, ProviderManifest, Url, WebhookKind
from services.provider_kit.fields import Field, FieldKind

_FORM = ("application/x-www-form-urlencoded",)

MANIFEST = ProviderManifest(
    slug="twilio",
    name="Twilio",
    category="phone",
    is_core=True,
    summary="The agent answers text messages on your phone numbers.",
    docs_url="https://www.twilio.com/docs/messaging",
    capabilities=frozenset(
        {Capability.WEBHOOKS, Capability.MESSAGING, Capability.CHANNELS, Capability.ACTIONS, Capability.RECONCILE}
    ),
    auth=(
        Pasted(
            label="Account SID and Auth Token",
            fields=(
                Field(
                    name="account_sid",
                    label="Account SID",
                    help="On the first page of console.twilio.com, under “Account Info”.",
                    placeholder="AC…",
                    pattern=r"AC[0-9a-f]{32}",
                    pattern_hint="It starts with AC and has 34 characters.",
                ),
                Field(
                    name="auth_token",
                    label="Auth Token",
                    kind=FieldKind.SECRET,
                    help="Beside the Account SID. Not an API key: Twilio signs its requests with the Auth Token.",
                    pattern=r"[0-9a-f]{32}",
                    pattern_hint="It has 32 characters, 0-9 and a-f.",
                ),
            ),
        ),
    ),
    urls={"api": Url(default="https://api.twilio.com", sandbox="/twilio")},
    webhooks=(
        WebhookKind(
            name="sms",
            label="Incoming messages",
            pasted_into="the phone number's settings, “A message comes in”; done for you when you assign a number",
            content_types=_FORM,
            shared=True,
        ),
        WebhookKind(
            name="status",
            label="Delivery receipts",
            pasted_into="nowhere: every message names this address itself",
            content_types=_FORM,
        ),
    ),
    handled_events={
        "received": "A text message is answered; STOP and START words change the contact's consent.",
        "sent": "The answer is on its way to the carrier.",
        "delivered": "The carrier confirmed the answer.",
        "undelivered": "The answer did not arrive; the reason is shown.",
        "failed": "Twilio could not send the answer; the reason is shown.",
    },
    account_noun="account",
    # https://www.twilio.com/docs/messaging/api/message-resource (body: up to 1,600 characters)
    message_limit=1600,
    # A long code sends one segment a second; Twilio queues what comes faster, but answers would then be late unseen.
    # https://www.twilio.com/docs/messaging/guides/understanding-twilio-rate-limits-and-queues
    paces=(Pace(per="channel", count=1, burst=60, unit="segment", unit_characters=153),),
    answers=(
        ("text messages", "answered"),
        ("STOP and START", "honoured, per number"),
        ("calls", "off"),
    ),
    disconnect_effects=(
        "The agent no longer reads or answers text messages on this account's numbers.",
        "The numbers keep our webhook address at Twilio until you change it there; what they send is refused.",
        "Twilio has no way to end the access from here: the Auth Token stays valid until you change it there.",
    ),
)
