"""Resend, described as data."""

from services.provider_kit.auth import Pasted
from services.provider_kit.contract import Capability, Pace, ProviderManifest, Url, WebhookKind
from services.provider_kit.fields import Field, FieldKind

MANIFEST = ProviderManifest(
    slug="resend",
    name="Resend",
    category="email",
    is_core=True,
    summary="The agent reads and answers e-mail on your own domain.",
    docs_url="https://resend.com/docs",
    capabilities=frozenset(
        {
            Capability.WEBHOOKS,
            Capability.MESSAGING,
            Capability.INBOX,
            Capability.DOMAINS,
            Capability.ACTIONS,
        }
    ),
    auth=(
        Pasted(
            label="Connect your domain",
            fields=(
                Field(
                    name="api_key",
                    label="API key",
                    kind=FieldKind.SECRET,
                    help="On resend.com/api-keys. It needs “Full access”: a key that may only send cannot read e-mail.",
                    placeholder="re_…",
                    pattern=r"re_[0-9A-Za-z_-]{8,200}",
                    pattern_hint="It starts with re_.",
                ),
                Field(
                    name="signing_secret",
                    label="Signing secret",
                    kind=FieldKind.SECRET,
                    help="On resend.com/webhooks, on the page of the webhook that calls Patchbay.",
                    placeholder="whsec_…",
                    pattern=r"whsec_[0-9A-Za-z+/]{20,200}={0,2}",
                    pattern_hint="It starts with whsec_.",
                ),
                Field(
                    name="domain",
                    label="Domain",
                    help="Which of the account's domains; empty for its first verified one.",
                    placeholder="northwind.example",
                    pattern=r"(?:[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.)+[0-9A-Za-z-]{2,63}",
                    pattern_hint="It looks like northwind.example, without @ and without https://.",
                    required=False,
                    max_length=253,
                ),
            ),
        ),
    ),
    urls={"api": Url(default="https://api.resend.com", sandbox="/resend")},
    webhooks=(
        WebhookKind(
            name="events",
            label="Events",
            pasted_into="resend.com/webhooks, “Endpoint URL”, with all events that begin with “email.”",
            content_types=("application/json",),
            shared=True,
            default=True,
        ),
    ),
    handled_events={
        "email.received": "A letter to one of the agents' addresses is fetched and answered.",
        "email.sent": "The answer is on its way.",
        "email.delivered": "The recipient's mail server took the answer.",
        "email.bounced": "The answer came back; the reason is shown.",
        "email.complained": "The contact called the answer spam and gets no more letters.",
        "email.failed": "Resend could not send the answer; the reason is shown.",
        "email.suppressed": "Resend sends nothing to this address any more, and neither do we.",
    },
    account_noun="domain",
    message_limit=100_000,
    # Five requests a second and account. https://resend.com/docs/api-reference/rate-limit
    paces=(Pace(per="connection", count=5, burst=5),),
    disconnect_effects=(
        "The agents no longer read or answer e-mail on this domain.",
        "Resend keeps our webhook address until you delete the webhook there; what it sends is refused.",
        "The API key stays valid until you delete it on resend.com/api-keys.",
    ),
)
