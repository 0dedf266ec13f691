"""Health for the pages and the API: always judged afresh, so that a page is right after a plain reload."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from models import ConnectionStatus, HealthFinding
from services import connections
from services.connections import ConnectionView
from services.health import notice_repository
from services.health.findings import group_of, judge
from services.health.gathering import Case, gather, with_incidents
from services.health.kinds import LABELS, Finding, Severity
from services.health.views import (
    FilterOption,
    FindingView,
    HealthSummary,
    OverviewRow,
    OverviewView,
    RepairView,
)
from services.health.words import repair_path
from services.kernel.errors import NotFound
from services.kernel.kernel import Kernel
from services.provider_kit import registry
from services.tenants import Actor, Permission, require

_STATUS_LABELS: Mapping[str, str] = {
    "pending": "Setup unfinished",
    "active": "Connected",
    "degraded": "Degraded",
    "needs_reauth": "Reconnect needed",
    "paused": "Paused",
    "disconnected": "Disconnected",
}
_CAUSE_LABELS: Mapping[str, str] = {
    "authorisation": "Access refused",
    "permission": "Right missing",
    "provider_down": "Provider down",
    "rate_limit": "Rate limit",
    "configuration": "Set-up",
}
_SEVERITIES = tuple(severity.value for severity in Severity)

Found = Sequence[tuple[Case, tuple[FindingView, ...]]]


def list_findings(
    kernel: Kernel, *, actor: Actor, agent_id: UUID | None = None, connection_id: UUID | None = None
) -> tuple[FindingView, ...]:
    """Return what needs a person: what is broken first, then what will break, by when.

    Args:
        kernel: the process's seams.
        actor: who asks.
        agent_id: only about this agent's connections, and those of the whole tenant that give it a number.
        connection_id: only about this connection.

    Raises:
        Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    found = _look(kernel, actor, agent_id=agent_id, connection_id=connection_id)
    return _sorted(view for _, views in found for view in views)


def get_health(kernel: Kernel, *, actor: Actor, connection_id: UUID) -> tuple[FindingView, ...]:
    """Return what needs a person on one connection.

    Raises:
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    found = _look(kernel, actor, connection_id=connection_id)
    if not found:
        raise NotFound("There is no such connection.", code="unknown_connection")
    return _sorted(found[0][1])


def summarise(kernel: Kernel, *, actor: Actor) -> HealthSummary:
    """Return a tenant's health in numbers.

    Raises:
        Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    return _summary(_look(kernel, actor))


def list_overview(
    kernel: Kernel, *, actor: Actor, provider: str = "", status: str = "", cause: str = "", query: str = ""
) -> OverviewView:
    """Return all connections with their health, those that need a person first.

    Args:
        kernel: the process's seams.
        actor: who asks.
        provider: only of this provider.
        status: only in this status; disconnected ones are left out unless asked for, or the provider ended them.
        cause: only with this kind of trouble.
        query: only those whose provider, account, name or agent contains it.

    Raises:
        Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    seen = _look(kernel, actor)
    found = {case.connection.id: views for case, views in seen}
    rows = [
        _row(connection, found.get(connection.id, ()))
        for connection in connections.list_connections(kernel, actor=actor)
    ]
    shown = [
        row
        for row in rows
        if provider in ("", row.connection.provider)
        and _has_status(row, status)
        and cause in ("", row.connection.cause)
        and _matches(row.connection, query)
    ]
    return OverviewView(
        rows=tuple(sorted(shown, key=_rank)),
        total=len(rows),
        summary=_summary(seen),
        providers=_providers(rows),
        statuses=_options(rows, _STATUS_LABELS, lambda row: row.connection.status),
        causes=_options(rows, _CAUSE_LABELS, lambda row: row.connection.cause),
    )


def _look(kernel: Kernel, actor: Actor, *, agent_id: UUID | None = None, connection_id: UUID | None = None) -> Found:
    with kernel.unit_of_work(actor.tenant_id) as work:
        cases = gather(kernel, work, agent_id=agent_id, connection_id=connection_id)
        rows = notice_repository.list_open(
            work.session, tenant_id=work.tenant_id, connection_ids=[case.connection.id for case in cases]
        )
    kept = {(row.connection_id, group_of(row.code)): row for row in rows}
    return [
        (case, tuple(_view(case, finding, kept) for finding in judge(case.facts)))
        for case in with_incidents(kernel, cases)
    ]


def _view(case: Case, finding: Finding, kept: Mapping[tuple[UUID, str], HealthFinding]) -> FindingView:
    connection = case.connection
    row = kept.get((connection.id, group_of(finding.code)))
    return FindingView(
        connection_id=connection.id,
        provider=connection.provider,
        provider_name=case.facts.provider,
        account_name=case.facts.account,
        agent_id=connection.agent_id,
        agent_name=case.agent_name,
        code=finding.code,
        severity=finding.severity.value,
        what=finding.what,
        since=min(finding.since, row.since) if row else finding.since,
        stops=finding.stops,
        worsens_at=finding.worsens_at,
        repair=RepairView(
            label=LABELS[finding.act],
            act=finding.act.value,
            address=repair_path(connection.id, finding.act),
        ),
        told_at=row.told_at if row else None,
        untold_reason=row.untold_reason if row else "",
    )


def _sorted(views: Iterable[FindingView]) -> tuple[FindingView, ...]:
    def rank(view: FindingView) -> tuple[int, datetime]:
        return _SEVERITIES.index(view.severity), view.worsens_at or view.since

    return tuple(sorted(views, key=rank))


def _worst(views: Sequence[FindingView]) -> str:
    return min((view.severity for view in views), key=_SEVERITIES.index, default="")


def _summary(found: Found) -> HealthSummary:
    in_use = [
        (case, _worst(views))
        for case, views in found
        if views or case.connection.status is not ConnectionStatus.DISCONNECTED
    ]
    worst = Counter(severity for _, severity in in_use)
    times = [view.worsens_at for _, views in found for view in views if view.worsens_at]
    return HealthSummary(
        connections=len(in_use),
        healthy=worst[""],
        errors=worst[Severity.ERROR.value],
        warnings=worst[Severity.WARNING.value],
        paused=sum(1 for case, _ in in_use if case.connection.status is ConnectionStatus.PAUSED),
        next_at=min(times, default=None),
    )


def _row(connection: ConnectionView, views: tuple[FindingView, ...]) -> OverviewRow:
    check = connection.last_check
    times = [connection.last_event_at, check.created_at if check and check.succeeded else None]
    return OverviewRow(
        connection=connection,
        severity=_worst(views),
        findings=_sorted(views),
        last_success_at=max((at for at in times if at), default=None),
    )


def _rank(row: OverviewRow) -> tuple[int, str, str]:
    severity = _SEVERITIES.index(row.severity) if row.severity else len(_SEVERITIES)
    return severity, row.connection.provider_name.casefold(), str(row.connection.id)


def _has_status(row: OverviewRow, status: str) -> bool:
    if status:
        return row.connection.status == status
    return row.connection.status != ConnectionStatus.DISCONNECTED.value or bool(row.findings)


def _matches(connection: ConnectionView, query: str) -> bool:
    words = (connection.provider_name, connection.external_account_name, connection.name, connection.agent_name)
    return query.strip().casefold() in " ".join(words).casefold()


def _options(
    rows: Sequence[OverviewRow], labels: Mapping[str, str], value_of: Callable[[OverviewRow], str]
) -> tuple[FilterOption, ...]:
    counts = Counter(value_of(row) for row in rows)
    return tuple(
        FilterOption(value=value, label=label, count=counts[value]) for value, label in labels.items() if counts[value]
    )


def _providers(rows: Sequence[OverviewRow]) -> tuple[FilterOption, ...]:
    labels = {manifest.slug: manifest.name for manifest in registry.list_manifests()}
    return _options(rows, labels, lambda row: row.connection.provider)
