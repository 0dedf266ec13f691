"""The calendars in memory, described as data."""

from services.provider_kit.auth import OAuth2
from services.provider_kit.contract import Capability, ProviderManifest, Url, WebhookKind

MANIFEST = ProviderManifest(
    slug="planner",
    name="Planner",
    category="calendar",
    summary="Proves the calendar machinery against a source that can be questioned.",
    docs_url="https://planner.invalid/",
    capabilities=frozenset({Capability.CALENDAR}),
    auth=(OAuth2(label="Connect", refresh=True),),
    urls={
        "authorize": Url(default="https://planner.invalid/authorize", sandbox="/planner/authorize"),
        "token": Url(default="https://planner.invalid/token", sandbox="/planner/token"),
    },
    webhooks=(
        WebhookKind(
            name="changes", label="Changes", pasted_into="nowhere", content_types=(), shared=True, default=True
        ),
    ),
    webhook_proof="subscription",
    needs_agent=True,
)
