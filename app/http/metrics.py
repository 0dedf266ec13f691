"""``/metrics`` for Prometheus: numbers about the whole installation. No label says anything about a tenant.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import hmac
import ipaddress
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib import metadata
from itertools import accumulate
from typing import TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from app.http.door_metrics import door
from services.kernel.kernel import Kernel, connect_redis
from services.kernel.queue import count_waiting
from services.operations import BOUNDS, Activity, CountView, DurationView, Standing, measure, measure_lately

KEPT_FOR = timedelta(seconds=5)
"""However often it is scraped, the database is asked no more often than that."""

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
_FORWARDING = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


_Read = TypeVar("_Read", Standing, Activity)


class MetricsPage:
    """The text that is scraped, kept for a few seconds.

    Args:
        kernel: the process's seams.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._redis = connect_redis(kernel.settings)
        self._lock = threading.Lock()
        self._text = b""
        self._read_at: datetime | None = None

    def text(self) -> bytes:
        """Return the metrics, read afresh if the last reading is too old; those who come meanwhile wait for it."""
        with self._lock:
            now = self._kernel.clock.now()
            if self._read_at is None or not timedelta(0) <= now - self._read_at < KEPT_FOR:
                self._text = self._read()
                self._read_at = now
            return self._text

    def _read(self) -> bytes:
        registry = CollectorRegistry()
        registry.register(_Collected((*_collect(self._kernel, self._redis), *door.read(self._redis))))
        return generate_latest(registry)


def create_metrics_router(kernel: Kernel) -> APIRouter:
    """Return the route that Prometheus scrapes."""
    router = APIRouter()
    page = MetricsPage(kernel)

    @router.get("/metrics")
    def metrics(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        token = kernel.settings.metrics_token.get_secret_value()
        peer = request.client.host if request.client else ""
        if token and not _brings(request.headers, token=token):
            return PlainTextResponse(
                "Send PATCHBAY_METRICS_TOKEN as a bearer token.\n", 401, {"WWW-Authenticate": "Bearer"}
            )
        if not token and not is_local(peer, request.headers):
            return PlainTextResponse("Not found.\n", 404)
        return Response(page.text(), media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})

    return router


def is_local(peer: str, headers: Mapping[str, str]) -> bool:
    """Return whether a request began on this machine.

    A proxy beside us connects from the loopback, too: what it passes on names the public host, or whom it is for.
    """
    try:
        is_loopback = ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False
    host = headers.get("host", "").lower()
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    return is_loopback and name in _LOOPBACK_NAMES and not any(header in headers for header in _FORWARDING)


def _brings(headers: Mapping[str, str], *, token: str) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


class _Collected:
    """Metrics that were read, in the shape in which the library wants them."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = tuple(metrics)

    def collect(self) -> Iterable[Metric]:
        """Return them."""
        return self._metrics


def _collect(kernel: Kernel, redis: Redis) -> Generator[Metric]:
    yield _gauge("patchbay_build_info", "The version that runs.", ("version",), [((_version(),), 1)])
    yield from _pool_metrics(kernel)
    standing = _unless_away(measure, kernel)
    yield _gauge("patchbay_database_up", "1 if PostgreSQL answers in time.", (), [((), standing is not None)])
    if standing is not None:
        yield from _standing_metrics(standing)
        activity = _unless_away(measure_lately, kernel)
        yield _gauge(
            "patchbay_lately_counted", "1 if the last 5 minutes were counted in time.", (), [((), activity is not None)]
        )
        yield from _activity_metrics(activity) if activity else ()
    try:
        waiting = count_waiting(redis)
    except (RedisError, OSError):
        waiting = None
    yield _gauge("patchbay_redis_up", "1 if Redis answers in time.", (), [((), waiting is not None)])
    if waiting is not None:
        yield _gauge("patchbay_rq_waiting", "Wake-ups that wait in the RQ queue.", (), [((), waiting)])


def _unless_away(read: Callable[[Kernel], _Read], kernel: Kernel) -> _Read | None:
    try:
        return read(kernel)
    except SQLAlchemyError:
        return None


def _pool_metrics(kernel: Kernel) -> Generator[Metric]:
    use = kernel.database.pool_use()
    yield _gauge(
        "patchbay_database_connections",
        "Database connections of this process: in use, open, and the most it may open.",
        ("which",),
        [(("in_use",), use.in_use), (("open",), use.open), (("limit",), use.limit)],
    )


def _standing_metrics(standing: Standing) -> Generator[Metric]:
    queues = standing.queues
    yield _gauge("patchbay_open", "Open rows of work.", ("work",), [((item.name,), item.open) for item in queues])
    yield _gauge("patchbay_due", "Open rows that are due.", ("work",), [((item.name,), item.due) for item in queues])
    yield _gauge(
        "patchbay_oldest_due_seconds",
        "How long the oldest due row has been waiting.",
        ("work",),
        [((item.name,), item.oldest_seconds) for item in queues],
    )
    yield _counts("patchbay_dead_letters", "Deliveries that wait for a person.", ("provider",), standing.dead_letters)
    yield _counts(
        "patchbay_circuits",
        "Connections through which no calls are made now.",
        ("provider", "state"),
        standing.circuits,
    )
    yield _counts("patchbay_processes", "Processes heard of in 60 s.", ("process",), standing.processes)


def _activity_metrics(activity: Activity) -> Generator[Metric]:
    yield _counts("patchbay_deliveries_5m", "Received in 5 minutes.", ("provider", "state"), activity.deliveries)
    yield _counts(
        "patchbay_messages_5m", "Written in 5 minutes.", ("provider", "direction", "state"), activity.messages
    )
    yield _counts(
        "patchbay_failed_attempts_5m",
        "Attempts failed in 5 minutes.",
        ("subject", "provider", "cause", "error"),
        activity.failures,
    )
    for name, label, help_text, durations in (
        ("processing", "provider", "From received to done", activity.processing),
        ("turn", "runner", "What agents took to answer", activity.turns),
        ("sending", "provider", "From written to accepted by the provider", activity.sending),
        ("whole_way", "provider", "From the webhook to the acceptance of the answer", activity.whole_way),
    ):
        yield _durations(f"patchbay_{name}_seconds_5m", f"{help_text}, of the last 5 minutes.", label, durations)


def _gauge(
    name: str, help_text: str, labels: tuple[str, ...], samples: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for words, value in samples:
        family.add_metric(words, float(value))
    return family


def _counts(name: str, help_text: str, labels: tuple[str, ...], counts: Iterable[CountView]) -> Metric:
    return _gauge(name, help_text, labels, [(item.words, item.count) for item in counts])


def _durations(name: str, help_text: str, label: str, durations: Iterable[DurationView]) -> Metric:
    """Return a histogram that slides: it holds the last minutes, so there is no counter to be lost or reset."""
    family = HistogramMetricFamily(name, help_text, labels=(label,))
    for item in durations:
        totals = accumulate(item.counts)
        bounds = (*(str(bound) for bound in BOUNDS), "+Inf")
        family.add_metric((item.word,), list(zip(bounds, totals, strict=True)), item.seconds)
    return family


@cache
def _version() -> str:
    return metadata.version("patchbay")
