"""Analytics: what came in, what became of it, and how long answers took; in buckets of the tenant's own days."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from services.analytics import repository
from services.analytics.periods import DEFAULT_SPAN, SPANS, Period, period_of
from services.analytics.repository import Count, Counts, Wanted
from services.analytics.tallies import quantiles
from services.analytics.views import AnalyticsView, BucketView, NumbersView, PartView
from services.calendar.days import zone_of
from services.conversations.reading import CHANNEL_LABELS, CHANNELS
from services.kernel.errors import InvalidInput, NotFound
from services.kernel.kernel import Kernel
from services.tenants import Actor, Permission, read_time_zone, require

CHANNEL_NAMES: Mapping[str, str] = MappingProxyType(
    {name: CHANNEL_LABELS[kinds[-1]] for name, kinds in CHANNELS.items() if kinds}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What one look at the database brought."""

    time_zone: str
    period: Period
    agents: Mapping[UUID, str]
    now: Counts
    before: Count
    dead_letters: int | None


def get_analytics(
    kernel: Kernel, *, actor: Actor, span: str = DEFAULT_SPAN, agent_id: UUID | None = None, channel: str = ""
) -> AnalyticsView:
    """Return what became of the messages of a period that ends now, and of the period before.

    Args:
        kernel: the process's seams.
        actor: who asks.
        span: ``24h`` in hours; ``7d``, ``30d`` or ``90d`` in days of the tenant's zone.
        agent_id: only messages for this agent.
        channel: only messages in ``slack``, ``email``, ``sms`` or ``chat``; empty for all.

    Raises:
        InvalidInput: there is no such span or channel.
        NotFound: there is no such agent.
        Forbidden
    """
    require(actor, Permission.CONVERSATIONS_VIEW)
    if span not in SPANS:
        raise InvalidInput(f"Use one of {', '.join(SPANS)}.", field="span")
    if channel not in CHANNELS:
        raise InvalidInput(f"Use one of {', '.join(name for name in CHANNELS if name)}.", field="channel")
    now = kernel.clock.now()
    found = _look(kernel, actor, span, agent_id, channel, now)
    buckets = _buckets(found.period, found.now)
    period = found.period
    return AnalyticsView(
        span=span,
        unit=period.unit.value,
        time_zone=found.time_zone,
        as_of=now,
        agent_id=str(agent_id or ""),
        channel=channel,
        total=BucketView(since=period.since, until=period.until, numbers=_numbers(found.now.total)),
        before=BucketView(since=period.before_since, until=period.before_until, numbers=_numbers(found.before)),
        buckets=buckets,
        by_channel=_by_channel(found.now, channel),
        by_agent=_by_agent(found.now, found.agents, agent_id),
        dead_letters=found.dead_letters,
    )


def _look(kernel: Kernel, actor: Actor, span: str, agent_id: UUID | None, channel: str, now: datetime) -> _Found:
    with kernel.unit_of_work(actor.tenant_id) as work:
        agents = repository.list_agent_names(work)
        if agent_id and agent_id not in agents:
            raise NotFound("There is no such agent.")
        time_zone = read_time_zone(work)
        period = period_of(SPANS[span], now=now, zone=zone_of(time_zone))
        before = (period.before_since, period.before_until)
        is_whole = not agent_id and not channel
        return _Found(
            time_zone=time_zone,
            period=period,
            agents=agents,
            now=repository.count(work, Wanted(edges=period.edges, agent_id=agent_id, channel=channel)),
            before=repository.count(work, Wanted(edges=before, agent_id=agent_id, channel=channel)).total,
            dead_letters=repository.count_dead_letters(work, since=period.since, until=period.until)
            if is_whole
            else None,
        )


def _buckets(period: Period, counts: Counts) -> tuple[BucketView, ...]:
    starts = zip(period.edges, period.edges[1:], strict=False)
    return tuple(
        BucketView(since=since, until=until, numbers=_numbers(counts.by_bucket.get(place, Count())))
        for place, (since, until) in enumerate(starts)
    )


def _by_channel(counts: Counts, channel: str) -> tuple[PartView, ...]:
    """Return the channels in which something came in, or the one that was asked for."""
    return tuple(
        PartView(key=key, name=name, numbers=_numbers(counts.by_channel.get(key, Count())))
        for key, name in CHANNEL_NAMES.items()
        if key in counts.by_channel or key == channel
    )


def _by_agent(counts: Counts, agents: Mapping[UUID, str], agent_id: UUID | None) -> tuple[PartView, ...]:
    """Return the agents, or the one that was asked for."""
    return tuple(
        PartView(key=str(key), name=name, numbers=_numbers(counts.by_agent.get(key, Count())))
        for key, name in agents.items()
        if agent_id in (None, key)
    )


def _numbers(count: Count) -> NumbersView:
    half, most = quantiles(count.steps, 0.5, 0.95)
    return NumbersView(
        inbound=count.inbound,
        asked=count.asked,
        answered=count.answered,
        failed=count.failed,
        handed_over=count.handed_over,
        p50_ms=_milliseconds(half),
        p95_ms=_milliseconds(most),
        failure_rate=_rate(count.failed, count.asked),
        hand_over_rate=_rate(count.handed_over, count.asked),
    )


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None
