"""What webhook doors count: how long providers waited for us, and what was refused.

Each process adds up in memory, so that a flood of bad requests costs nothing, and adds its sums to those of all others
in Redis once a second. Whichever process is scraped tells of all.
"""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from itertools import accumulate
from typing import cast

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from redis import Redis
from redis.exceptions import RedisError

from services.kernel.errors import NotFound
from services.provider_kit.registry import get_manifest, slug_of

BOUNDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)
_KEY = "patchbay:metrics:door:1"
"""A hash in Redis; the number changes with the bounds. If Redis forgets it, the counters begin anew."""
_UNKNOWN = "unknown"
_MICROSECONDS = 1_000_000

_Word = tuple[str, str, str, str]
"""What is counted: its kind, the provider, the status or reason, and the bucket."""


class DoorCounts:
    """Counts the answers of one process, and reads those of all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._own: Counter[_Word] = Counter()
        self._all: Counter[_Word] = Counter()

    def note_answer(self, address: str, *, status: int, refused: str, seconds: float) -> None:
        """Count one answer.

        Args:
            address: what the request called the provider; anybody can make one up.
            status: what it was answered with.
            refused: why it was refused, as a stable word; empty if it was not.
            seconds: how long the provider waited.
        """
        provider, answer = _provider(address), str(status)
        with self._lock:
            self._own["bucket", provider, answer, str(bisect_left(BOUNDS, seconds))] += 1
            self._own["sum", provider, answer, ""] += round(seconds * _MICROSECONDS)
            if refused:
                self._own["refused", provider, refused, ""] += 1

    def flush(self, redis: Redis) -> None:
        """Add our sums to those of all processes. If Redis is away, they are kept for the next time."""
        with self._lock:
            taken, self._own = self._own, Counter()
        try:
            with redis.pipeline(transaction=True) as pipeline:
                for word, count in taken.items():
                    pipeline.hincrby(_KEY, "|".join(word), count)
                pipeline.execute()
        except (RedisError, OSError):
            with self._lock:
                self._own.update(taken)

    def read(self, redis: Redis) -> tuple[Metric, ...]:
        """Return what all processes have counted; if Redis is away, what was last known of them, and our own since."""
        self.flush(redis)
        try:
            found = cast(Mapping[bytes, bytes], redis.hgetall(_KEY))
        except (RedisError, OSError):
            pass
        else:
            self._all = Counter({_word(name): int(count) for name, count in found.items()})
        with self._lock:
            counts = self._all + self._own
        return _answers(counts), _refusals(counts)


door = DoorCounts()
"""One per process, like the door."""


def _word(name: bytes) -> _Word:
    kind, provider, answer, bucket = name.decode().split("|")
    return kind, provider, answer, bucket


def _answers(counts: Counter[_Word]) -> Metric:
    family = HistogramMetricFamily(
        "patchbay_webhook_answer_seconds",
        "From a webhook's first byte to our answer, by provider and status.",
        labels=("provider", "status"),
    )
    bounds = (*(str(bound) for bound in BOUNDS), "+Inf")
    for labels in sorted({(provider, answer) for kind, provider, answer, _ in counts if kind == "bucket"}):
        totals = accumulate(counts["bucket", *labels, str(bucket)] for bucket in range(len(bounds)))
        family.add_metric(labels, list(zip(bounds, totals, strict=True)), counts["sum", *labels, ""] / _MICROSECONDS)
    return family


def _refusals(counts: Counter[_Word]) -> Metric:
    family = CounterMetricFamily(
        "patchbay_webhook_refused", "Webhooks that were refused, by provider and reason.", labels=("provider", "reason")
    )
    for (kind, *labels, _), count in sorted(counts.items()):
        if kind == "refused":
            family.add_metric(labels, count)
    return family


def _provider(address: str) -> str:
    """Return a word of ours, so that made-up addresses do not fill the memory."""
    try:
        return _known_provider(address)
    except NotFound:
        return _UNKNOWN


@lru_cache(maxsize=256)
def _known_provider(address: str) -> str:
    return get_manifest(slug_of(address)).slug
