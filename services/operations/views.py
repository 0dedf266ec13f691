"""What operators are shown: numbers about the whole installation, never about one tenant."""

from dataclasses import dataclass
from typing import Literal


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
    """How many rows came up lately, by up to three words."""

    words: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationView:
    """How long something took lately, at one provider."""

    provider: str
    count: int
    quantiles: tuple[tuple[float, float], ...]
    """(share, seconds): half of all took no longer than the seconds beside 0.5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What the database says about the line as a whole."""

    queues: tuple[QueueView, ...]
    deliveries: tuple[CountView, ...]
    """By provider and state."""
    messages: tuple[CountView, ...]
    """By provider, direction and state."""
    failures: tuple[CountView, ...]
    """By subject and class of the error."""
    dead_letters: tuple[CountView, ...]
    """By provider; all that wait for a person, however old."""
    processing: tuple[DurationView, ...]
    """From received to done."""
    sending: tuple[DurationView, ...]
    """From written to accepted by the provider."""
    processes: tuple[CountView, ...]
    """By kind of process: those heard of lately."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check of the installation came to."""

    name: str
    status: Literal["ok", "warn", "fail"]
    sentence: str
    remedy: str = ""
    """What to do; empty if nothing."""
