"""What the webhook door of this process counts by itself: how long providers waited for us, and what was refused.

In memory, so that a flood of bad requests costs no statement; each process is scraped for its own.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram

from services.kernel.errors import NotFound
from services.provider_kit.registry import get_manifest, slug_of

_UNKNOWN = "unknown"

registry = CollectorRegistry()
"""One per process, like the door."""

_answered = Histogram(
    "patchbay_webhook_answer_seconds",
    "From a webhook's first byte to our answer, by provider and status.",
    ("provider", "status"),
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 3, 5, 10),
    registry=registry,
)
_refused = Counter(
    "patchbay_webhook_refused",
    "Webhooks that were refused, by provider and reason.",
    ("provider", "reason"),
    registry=registry,
)


def note_answer(address: str, *, status: int, refused: str, seconds: float) -> None:
    """Count one answer.

    Args:
        address: what the request called the provider; anybody can make one up.
        status: what it was answered with.
        refused: why it was refused, as a stable word; empty if it was not.
        seconds: how long the provider waited.
    """
    provider = _provider(address)
    _answered.labels(provider, str(status)).observe(seconds)
    if refused:
        _refused.labels(provider, refused).inc()


def _provider(address: str) -> str:
    """Return a word of ours, so that made-up addresses do not fill the memory."""
    try:
        return get_manifest(slug_of(address)).slug
    except NotFound:
        return _UNKNOWN
