"""What pages and the API show of health. Nothing here can hold a secret."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.connections import ConnectionView


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairView:
    """The one button that repairs a finding."""

    label: str
    act: str
    """``reconnect``, ``test``, ``open_log``, ``resume``, ``assign_number``"""
    address: str
    """Path of the page where it is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """One thing that needs a person."""

    connection_id: UUID
    provider: str
    provider_name: str
    account_name: str
    agent_id: UUID | None
    agent_name: str
    code: str
    severity: str
    """``error``: broken now; ``warning``: will break at ``worsens_at``; ``note``: as a person wished."""
    what: str
    since: datetime
    stops: str
    """What stops working because of it."""
    worsens_at: datetime | None
    repair: RepairView
    told_at: datetime | None
    """When the owners were told."""
    untold_reason: str
    """Why nobody could be told; empty if somebody was, or will be in a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSummary:
    """A tenant's health in numbers."""

    connections: int
    """That are in use; disconnected ones count only if something is wrong with them."""
    healthy: int
    errors: int
    """Connections with something broken now."""
    warnings: int
    """Connections with nothing broken yet, but something that will."""
    paused: int
    next_at: datetime | None
    """When the next thing gets worse, if nobody acts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewRow:
    """One connection among all of the tenant's."""

    connection: ConnectionView
    severity: str
    """Of its worst finding; empty if there is none."""
    findings: tuple[FindingView, ...]
    last_success_at: datetime | None
    """When the provider last reached us, or accepted a check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterOption:
    """A value to filter by, and how many connections have it."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewView:
    """All connections of a tenant. Options and summary are those of the whole list, whatever is filtered."""

    rows: tuple[OverviewRow, ...]
    total: int
    summary: HealthSummary
    providers: tuple[FilterOption, ...]
    statuses: tuple[FilterOption, ...]
    causes: tuple[FilterOption, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeTargetView:
    """Where owners are told."""

    id: UUID
    connection_id: UUID
    provider: str
    provider_name: str
    account_name: str
    channel_id: str
    label: str
    can_be_reached: bool
    """Whether the connection it lies behind works."""
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TestNoticeView:
    """What came of a test notice."""

    __test__ = False

    sent: bool
    message: str
