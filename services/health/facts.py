"""What is known about a connection when its health is judged. Nothing here reads or writes anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from models import CauseClass, ConnectionStatus

INCIDENT_WINDOW = timedelta(minutes=15)
"""How close together connections of several tenants must go down to count as the provider's incident."""
INCIDENT_TENANTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """Webhook requests of the last day that were refused for one reason."""

    reason: str
    count: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTrouble:
    """Accepted deliveries that could not be given their effects."""

    dead: int = 0
    """Used up their attempts within the last day."""
    dead_since: datetime | None = None
    failing: int = 0
    """Failed, and are tried again."""
    failing_since: datetime | None = None
    next_attempt_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendTrouble:
    """Answers of the last day that did not leave, or of which nobody knows."""

    failed: int = 0
    tried: int = 0
    """All that were settled, the failed ones included."""
    first_at: datetime | None = None
    last_at: datetime | None = None
    last_sent_at: datetime | None = None
    words: str = ""
    """What was last said about a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarTrouble:
    """What goes wrong with keeping a calendar up to date."""

    failed_syncs: int = 0
    """In a row."""
    synced_at: datetime | None = None
    sync_words: str = ""
    failed_subscriptions: int = 0
    """Requests in a row that failed, while there is no subscription."""
    subscribe_words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUse:
    """A limit of which four fifths were used, or all, by what leaves through the connection."""

    limit: str
    """In words: "60 an hour for Bri on SMS"."""
    used: int
    most: int
    excess: str
    """What happens to the rest."""
    began_at: datetime
    """When the window began."""
    since: datetime
    resets_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One connection, of whichever tenant, that waits for its provider. The tenant is a number that means nothing."""

    provider: str
    tenant_number: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A provider is in trouble with several tenants at once."""

    connections: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A connection as it stands at ``now``."""

    now: datetime
    provider: str
    """Its name, as people know it."""
    account: str
    agents: tuple[str, ...] = ()
    """Names of those who answer through it."""
    status: ConnectionStatus
    cause: CauseClass = CauseClass.NONE
    status_since: datetime
    status_reason: str = ""
    """Why it came to this status, in words."""
    is_by_person: bool = False
    """Whether a person brought it there."""
    connected_at: datetime
    wanted_scopes: tuple[tuple[str, str], ...] = ()
    """Name and reason of each right that the manifest asks for."""
    granted_scopes: frozenset[str] = frozenset()
    """Empty if the provider does not say."""
    token_expires_at: datetime | None = None
    is_renewed: bool = False
    """Whether the token is renewed by itself."""
    token_dies_at: datetime | None = None
    """When the whole grant ends although it is renewed, such as that of an app in testing."""
    watch_expires_at: datetime | None = None
    can_check_webhooks: bool = True
    """Whether there is a secret to check signatures with, or nothing to check."""
    refusals: tuple[Refusals, ...] = ()
    accepted: int = 0
    """Webhooks accepted within the last day; counted only if some were refused."""
    last_event_at: datetime | None = None
    events_per_day: tuple[int, ...] = ()
    """Events on each of the days before the last one; counted only if it is silent."""
    deliveries: DeliveryTrouble = DeliveryTrouble()
    sends: SendTrouble = SendTrouble()
    waiting: int = 0
    """Answers that wait until the connection is repaired."""
    numbers: int | None = None
    """How many it has; none if its provider knows no such thing."""
    assigned_numbers: int = 0
    calendar: CalendarTrouble | None = None
    """None if it has no calendar."""
    limits: tuple[LimitUse, ...] = ()
    incident: Incident | None = None
    next_call_at: datetime | None = None
    """When the next call is made, if the provider did not answer the last ones."""


def find_incidents(outages: Iterable[Outage]) -> Mapping[str, Incident]:
    """Return the providers that fail for several tenants at once: provider → its incident.

    An incident is the largest group of connections, of at least two tenants, that went down within a quarter of an
    hour.
    """
    found: dict[str, Incident] = {}
    for provider, group in _by_provider(outages).items():
        for first in group:
            window = [item for item in group if first.since <= item.since <= first.since + INCIDENT_WINDOW]
            if len({item.tenant_number for item in window}) < INCIDENT_TENANTS:
                continue
            known = found.get(provider)
            if known is None or len(window) > known.connections:
                found[provider] = Incident(connections=len(window), since=first.since)
    return found


def _by_provider(outages: Iterable[Outage]) -> dict[str, list[Outage]]:
    groups: dict[str, list[Outage]] = {}
    for outage in sorted(outages, key=lambda item: item.since):
        groups.setdefault(outage.provider, []).append(outage)
    return groups
