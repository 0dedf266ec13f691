"""What operators are shown: numbers about the whole installation, never about one tenant."""

from dataclasses import dataclass
from typing import Literal

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper bounds of the buckets that durations are counted in, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """How much work of one kind is open."""

    name: str
    open: int
    due: int
    oldest_seconds: float
    """How long the oldest due row has been waiting; 0 if none is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountView:
    """How many rows came up lately, by up to four words."""

    words: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationView:
    """How long something took lately: a histogram."""

    word: str
    """The provider, or who answered."""
    counts: tuple[int, ...]
    """How many took no longer than each of :data:`BOUNDS`, and how many took longer than the last."""
    seconds: float
    """All of them together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the database says about the line at this moment; cheap, however much is going on."""

    queues: tuple[QueueView, ...]
    dead_letters: tuple[CountView, ...]
    """By provider; all that wait for a person, however old."""
    circuits: tuple[CountView, ...]
    """By provider and ``open`` or ``held``: connections through which no calls are made now."""
    processes: tuple[CountView, ...]
    """By kind of process: those heard of lately."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What came up on the line lately; the more, the longer it takes to count."""

    deliveries: tuple[CountView, ...]
    """By provider and state."""
    messages: tuple[CountView, ...]
    """By provider, direction and state."""
    failures: tuple[CountView, ...]
    """By subject, provider, class of trouble and class of the error."""
    processing: tuple[DurationView, ...]
    """From received to done, by provider."""
    turns: tuple[DurationView, ...]
    """What agents took to answer, by who answered."""
    sending: tuple[DurationView, ...]
    """From written to accepted, by provider."""
    whole_way: tuple[DurationView, ...]
    """From the webhook to the provider's acceptance of the answer, by provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check of the installation came to."""

    name: str
    status: Literal["ok", "warn", "fail"]
    sentence: str
    remedy: str = ""
    """What to do; empty if nothing."""
