"""A card of an agent's integrations, as data."""

from dataclasses import dataclass

from app.desk.view import Address, Finding
from app.desk.words import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A label with its value: text, a time, or both."""

    label: str
    text: str = ""
    at: str = ""
    mode: str = "ago"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Where the agent answers, and how."""

    place: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to connect: a link to the provider's consent page, or a form for keys."""

    scheme_id: str
    label: str
    provider: str
    provider_name: str
    link: str
    """Where consent begins; empty for keys."""
    kind: str
    """``primary`` for the recommended way, else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A sentence on the card, coloured by what it means."""

    kind: str
    text: str
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One service: whose account it is, what is true now, and what can be done."""

    key: str
    title: str
    subtitle: str
    logo: str
    monogram: str
    chip: str
    chip_kind: str
    connection_id: str = ""
    facts: tuple[Fact, ...] = ()
    rules: tuple[Rule, ...] = ()
    notices: tuple[Notice, ...] = ()
    hints: tuple[Fact, ...] = ()
    """That secrets are stored, and how they end."""
    addresses: tuple[Address, ...] = ()
    scopes: tuple[Fact, ...] = ()
    ways: tuple[Way, ...] = ()
    empty: tuple[str, ...] = ()
    """What a card without a connection says."""
    is_connected: bool = False
    is_paused: bool = False
    needs_reauth: bool = False
    provider: str = ""
    may_use_own_app: bool = False
    """Whether consent may be asked for an app of the company's own."""
    consent: str = ""
    """Where consent begins again; empty if it was connected by keys."""
    provider_name: str = ""
    has_numbers: bool = False
    calendar: str = ""
    """Address of the page with the meetings; empty if there are none to show."""
    configures: str = ""
    """What there is to choose: ``channels``, ``email``; empty for nothing."""
    needs_number: bool = False
    forecast: tuple[Finding, ...] = ()
    """What is broken or about to be, the worst first."""
    events: tuple[Event, ...] = ()
    """The latest changes of its state."""
    ended_by: str = ""
    ended_at: str = ""
    """Who ended the latest connection, and when; a card without a connection says so."""
