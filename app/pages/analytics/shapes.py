"""What the analytics page is made of, as the page draws it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pill:
    """A filter to choose."""

    name: str
    path: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentChoice:
    """An agent to count alone."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number for the whole period."""

    title: str
    value: str
    note: str
    change: str
    """Against the period before, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """An hour or a day, the same one in all charts."""

    label: str
    tick: str
    """What stands below the chart; empty where there is no room."""
    query: str
    """What narrows a log's address to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A line across a chart."""

    at: float
    """Percent of the height."""
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What is drawn: its name, and how it looks."""

    name: str
    look: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a chart says of one moment."""

    heights: tuple[float | None, ...]
    """Percent, one for each series; None where there is nothing to draw, which is not zero."""
    cells: tuple[str, ...]
    said: str
    """In words: what a reader hears, and what stands below the chart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart with its table."""

    key: str
    title: str
    note: str
    """What exactly is counted."""
    kind: str
    """``bars`` or ``lines``"""
    series: tuple[Series, ...]
    ticks: tuple[Tick, ...]
    headers: tuple[str, ...]
    """Of the table's columns beside the moment."""
    points: tuple[Point, ...]
    log: str
    """The log that holds what is counted, to be narrowed to a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one channel or agent had of it."""

    name: str
    path: str
    """This page, with this part alone."""
    log: str
    """The log of it."""
    cells: tuple[str, ...]
