"""The shapes of what the calendar page shows; all of it words, addresses and places."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A meeting among the hours of a day."""

    key: str
    event_id: str
    title: str
    time: str
    notes: str
    """What else is so: ``booked by Bri, tentative``."""
    look: str
    top: str
    height: str
    left: str
    width: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What takes a day or more, above the hours."""

    key: str
    event_id: str
    title: str
    time: str
    notes: str
    look: str
    column: str
    row: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One column of the week."""

    key: str
    name: str
    number: str
    label: str
    is_today: bool
    now: str
    """How far down the line for now lies; empty on other days."""
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Somebody who is invited, with the answer in words."""

    email: str
    answer: str
    look: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A meeting in the agenda."""

    key: str
    event_id: str
    title: str
    time: str
    is_off: bool
    booked: str
    status: str
    status_kind: str
    location: str
    guests: tuple[Guest, ...]
    more_guests: str
    meet_url: str
    html_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgendaDay:
    """A day of the agenda that has something, or is today."""

    key: str
    label: str
    is_today: bool
    meetings: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """Everything about one meeting."""

    id: str = ""
    title: str = ""
    when: str = ""
    elsewhere: str = ""
    booked: str = ""
    status: str = ""
    status_kind: str = ""
    repeats: bool = False
    location: str = ""
    organizer: str = ""
    account: str = ""
    description: str = ""
    guests: tuple[Guest, ...] = ()
    meet_url: str = ""
    html_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A connected calendar: whose, how we hear of changes, and when it was read."""

    id: str
    account: str
    watch: str
    watch_kind: str
    means: str
    synced_at: str
    note: str
    is_failing: bool
    is_reading: bool
    """Whether somebody asked for a sync that has not ended."""
    not_now: str
    """Why it cannot be read now; empty if it can."""
    today: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of the filters, or a way to look; it lives in the address."""

    name: str
    path: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where the buttons above the week lead."""

    before: str = ""
    today: str = ""
    after: str = ""
    week: str = ""
    agenda: str = ""
