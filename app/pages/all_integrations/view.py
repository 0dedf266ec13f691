"""What the list of all connections shows, computed from the health service's views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app import routes
from app.components.words import counted
from app.desk.view import Finding, account_of, finding_of
from app.desk.words import cause_words, status_chip
from services.connections import ConnectionView, UsageView
from services.health import FilterOption, HealthSummary, NoticeTargetView, OverviewRow, OverviewView

FILTERS = ("provider", "status", "cause", "agent", "q")
"""Names of the filters in the address."""
_WHOLE_COMPANY = "company"
"""The value of the filter ``agent`` for connections that belong to no single agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One connection: whose account it is, who works through it, and how it is."""

    id: str
    provider_name: str
    account: str
    logo: str
    monogram: str
    agent: str
    agent_path: str
    used_by: str
    last_success_at: str
    chip: str
    chip_kind: str
    cause: str
    """Its cause class in words, where the chip does not say it."""
    is_open: bool
    """Whether it can be tested, paused and disconnected."""
    is_paused: bool
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFilter:
    """A state to filter by, with its count, as a link that keeps the other filters."""

    label: str
    count: int
    path: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A value to choose in a filter or a form."""

    value: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where owners are told."""

    id: str
    label: str
    place: str
    trouble: str
    """Why nothing arrives there now; empty if it does."""


def keep_agent(rows: Sequence[OverviewRow], agent: str) -> tuple[OverviewRow, ...]:
    """Return the rows of one agent, or of those that belong to the whole company; all if none is named."""
    if not agent:
        return tuple(rows)
    return tuple(row for row in rows if (str(row.connection.agent_id or "") or _WHOLE_COMPANY) == agent)


def rows_of(rows: Sequence[OverviewRow], *, fallback_agent: UUID | None) -> tuple[Row, ...]:
    """Return the rows as shown.

    Args:
        rows: from the health service.
        fallback_agent: on whose page a connection of the whole company is shown.
    """
    return tuple(_row(row, fallback_agent) for row in rows)


def needs_of(rows: Sequence[OverviewRow]) -> tuple[Finding, ...]:
    """Return what needs a person across the company, broken things first, then by date."""
    views = [view for row in rows for view in row.findings if view.severity != "note"]
    ordered = sorted(views, key=lambda view: (view.severity != "error", view.worsens_at or view.since))
    return tuple(finding_of(view) for view in ordered)


def summary_words(summary: HealthSummary) -> str:
    """Return the company's health in one sentence."""
    if not summary.connections:
        return "Nothing is connected yet."
    connections = counted(summary.connections, "connection")
    if summary.healthy == summary.connections:
        return f"{connections}, {'working' if summary.connections == 1 else 'all working'}."
    parts = [f"{summary.healthy or 'none'} working"]
    if summary.errors:
        parts.append(f"{summary.errors} broken")
    if summary.warnings:
        parts.append(f"{summary.warnings} about to break")
    if summary.paused:
        parts.append(f"{summary.paused} paused")
    return f"{connections}: {', '.join(parts)}."


def state_filters(overview: OverviewView, current: Mapping[str, str]) -> tuple[StateFilter, ...]:
    """Return one link per state there is, after one for all that are in use."""
    chosen = current.get("status", "")
    in_use = sum(option.count for option in overview.statuses if option.value != "disconnected")
    return (
        _state_filter(FilterOption(value="", label="In use", count=in_use), current, chosen),
        *(_state_filter(option, current, chosen) for option in overview.statuses),
    )


def options(found: Sequence[FilterOption]) -> tuple[Option, ...]:
    """Return choices with their counts."""
    return tuple(Option(value=item.value, label=f"{item.label} ({item.count})") for item in found)


def agent_options(agents: Sequence[tuple[UUID, str]]) -> tuple[Option, ...]:
    """Return the agents to filter by, and the whole company."""
    return (
        *(Option(value=str(agent_id), label=name) for agent_id, name in agents),
        Option(value=_WHOLE_COMPANY, label="Whole company"),
    )


def senders(rows: Sequence[ConnectionView]) -> tuple[Option, ...]:
    """Return the connections that a notice may go through."""
    return tuple(
        Option(value=str(item.id), label=f"{item.provider_name} · {account_of(item)}")
        for item in rows
        if item.status != "disconnected" and item.category in {"messaging", "phone", "email"}
    )


def targets_of(views: Sequence[NoticeTargetView]) -> tuple[Target, ...]:
    """Return where owners are told."""
    return tuple(
        Target(
            id=str(view.id),
            label=view.label,
            place=f"{view.provider_name} · {view.account_name}",
            trouble="" if view.can_be_reached else "Its own connection does not work: nothing arrives there.",
        )
        for view in views
    )


def _row(row: OverviewRow, fallback_agent: UUID | None) -> Row:
    connection = row.connection
    chip, kind = status_chip(connection.status, connection.cause)
    home = connection.agent_id or fallback_agent
    return Row(
        id=str(connection.id),
        provider_name=connection.provider_name,
        account=account_of(connection),
        logo=f"/providers/{connection.provider}.svg",
        monogram=connection.provider_name[:1],
        agent=connection.agent_name or "Whole company",
        agent_path=routes.agent_integrations(home) if home else routes.TEAM,
        used_by=_usage_words(connection.used_by),
        last_success_at=row.last_success_at.isoformat() if row.last_success_at else "",
        chip=chip,
        chip_kind=kind,
        cause=cause_words(connection.cause) if connection.status in {"needs_reauth", "paused"} else "",
        is_open=connection.status != "disconnected",
        is_paused=connection.status == "paused",
        findings=tuple(finding_of(view) for view in row.findings),
    )


def _usage_words(usage: UsageView) -> str:
    if not usage.agents and not usage.channels:
        return "used by nobody yet"
    return f"{counted(len(usage.agents), 'agent')}, {counted(usage.channels, 'channel')}"


def _state_filter(option: FilterOption, current: Mapping[str, str], chosen: str) -> StateFilter:
    return StateFilter(
        label=option.label,
        count=option.count,
        path=routes.all_integrations(**{**current, "status": option.value}),
        current=option.value == chosen,
    )
