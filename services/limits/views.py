"""What pages and scripts see of limits."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitWindowView:
    """One window: how much it takes, what is used of it, and when it begins anew."""

    span: str
    """``minute``, ``hour`` or ``day``"""
    most: int | None
    """None: no limit."""
    used: int
    left: int | None
    resets_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitView:
    """The limits of one group, or of all agents together."""

    group: str
    """``slack``, ``email``, ``sms``, ``chat``, ``actions``; ``all`` for all agents together."""
    label: str
    excess: str
    """What happens to the rest: ``wait``, ``hand_over`` or ``drop``."""
    is_default: bool
    """Whether nobody has set anything."""
    windows: tuple[LimitWindowView, ...]
    """Minute, hour and day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLimitsView:
    """An agent's limits, and what holds for all agents together."""

    agent_id: UUID
    limits: tuple[LimitView, ...]
    company: LimitView


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitDraft:
    """What a person sets for one group."""

    group: str
    per_minute: int | None = None
    """None: no limit."""
    per_hour: int | None = None
    per_day: int | None = None
    excess: str = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmView:
    """A window that is used to four fifths, or wholly."""

    agent_name: str
    """Empty: all agents together."""
    limit: str
    """In words: "60 an hour for Bri on SMS"."""
    used: int
    """When it was raised; more may have left since."""
    most: int
    excess: str
    began_at: datetime
    """When the window began."""
    raised_at: datetime
    resets_at: datetime
