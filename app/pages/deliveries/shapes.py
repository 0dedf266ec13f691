"""What the delivery log is made of, as the page draws it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pill:
    """A filter to choose."""

    name: str
    path: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Something to select."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One delivery in the list."""

    id: str
    title: str
    where: str
    chip: str
    chip_kind: str
    at: str
    took: str
    note: str
    """Why it stands so, what comes next, and that it came more than once."""
    path: str
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Deliveries that failed of the same."""

    provider: str
    provider_name: str
    cause: str
    reason: str
    count: str
    at: str
    path: str
    refusal: str
    """Why it cannot be replayed as a whole; empty if it can."""
    repair: str
    """Where the cause itself is mended, if a person can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A step in a delivery's life."""

    title: str
    detail: str
    status: str
    at: str
    offset: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A name and a value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A kind of replay, or why it is not possible."""

    kind: str
    label: str
    refusal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """The open delivery."""

    id: str = ""
    title: str = ""
    chip: str = ""
    chip_kind: str = "off"
    reason: str = ""
    trace: str = ""
    duplicates: str = ""
    facts: tuple[Fact, ...] = ()
    moments: tuple[Moment, ...] = ()
    attempts: tuple[Moment, ...] = ()
    replays: tuple[Moment, ...] = ()
    headers: tuple[Fact, ...] = ()
    body: str = ""
    body_note: str = ""
    is_pruned: bool = False
    choices: tuple[Choice, ...] = ()
