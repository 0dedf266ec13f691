"""What pages and the API see of analytics."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NumbersView:
    """What became of the messages that came in during a time."""

    inbound: int
    """Messages that contacts wrote to an agent."""
    asked: int
    """Of them: those that the agent was to answer. It is not while a person is in charge or the agent is paused."""
    answered: int
    """Of those: the agent's answer was sent, and nobody has said that it did not arrive."""
    failed: int
    """Of those: the agent could not answer, or its answer failed, or nobody knows whether it was sent."""
    handed_over: int
    """Of those: the conversation was handed over to a person."""
    p50_ms: int | None
    """Half of the answers were sent within this time of the message being stored; None without an answer."""
    p95_ms: int | None
    """The same for 95 of 100."""
    failure_rate: float | None
    """``failed`` of ``asked``, 0 to 1; None if the agent was not to answer anything."""
    hand_over_rate: float | None
    """``handed_over`` of ``asked``, 0 to 1; None likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketView:
    """An hour or a day: from ``since``, up to but without ``until``."""

    since: datetime
    until: datetime
    numbers: NumbersView


@dataclass(frozen=True, slots=True, kw_only=True)
class PartView:
    """What one agent, or one channel, had of it."""

    key: str
    """The agent's id; the channel: ``slack``, ``email``, ``sms`` or ``chat``."""
    name: str
    numbers: NumbersView


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyticsView:
    """A period in buckets and in parts, and the period before it."""

    span: str
    """``24h``, ``7d``, ``30d`` or ``90d``"""
    unit: str
    """How long a bucket is: ``hour`` or ``day``, as the tenant's zone has them."""
    time_zone: str
    as_of: datetime
    agent_id: str
    """The only agent that is counted; empty for all."""
    channel: str
    """The only channel that is counted; empty for all."""
    total: BucketView
    before: BucketView
    """The period before, cut at the time that it is now."""
    buckets: tuple[BucketView, ...]
    by_channel: tuple[PartView, ...]
    by_agent: tuple[PartView, ...]
    dead_letters: int | None
    """Requests that could not be processed; None if only an agent or a channel is counted, as nobody knows whose they
    are."""
