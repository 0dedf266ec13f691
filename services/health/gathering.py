"""Reads the facts of a tenant's connections: one statement per kind of fact, however many connections there are."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from models import CauseClass, Connection, ConnectionStatus, ConnectionTransition
from services import connections, limits
from services.connections.clients import OPERATOR_SECRET
from services.connections.token_times import DIES_AT
from services.health import repository
from services.health import traffic_repository as traffic
from services.health.calendar_repository import list_calendar_states
from services.health.facts import DeliveryTrouble, Facts, Incident, LimitUse, SendTrouble, find_incidents
from services.health.traffic_rules import SILENCE
from services.kernel.db import UnitOfWork
from services.kernel.errors import Unauthenticated
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret
from services.provider_kit import registry
from services.provider_kit.contract import Capability, ProviderManifest, WebhookRequest

WATCH_EXPIRES_AT = "watch_expires_at"
"""Setting of a connection: when the provider stops notifying us. ISO 8601."""

_RECENT = timedelta(hours=24)
_USUAL_DAYS = 14
_STANDS_IN = Secret("present")


@dataclass(frozen=True, slots=True)
class Case:
    """A connection, and what is known about it."""

    connection: Connection
    agent_name: str
    facts: Facts


def gather(
    kernel: Kernel,
    work: UnitOfWork,
    *,
    agent_id: UUID | None = None,
    connection_id: UUID | None = None,
    incidents: Mapping[str, Incident] | None = None,
) -> tuple[Case, ...]:
    """Return the connections with their facts, the oldest first.

    Args:
        kernel: the process's seams.
        work: the tenant's unit of work.
        agent_id: only this agent's.
        connection_id: only this one.
        incidents: what :func:`read_incidents` found before, by provider's slug.
    """
    rows = repository.list_connections(
        work.session, tenant_id=work.tenant_id, agent_id=agent_id, connection_id=connection_id
    )
    beside = _Beside(kernel, work, [connection for connection, _ in rows])
    return tuple(
        Case(connection, name or "", beside.facts(connection, name or "", (incidents or {}).get(connection.provider)))
        for connection, name in rows
    )


def read_incidents(kernel: Kernel) -> Mapping[str, Incident]:
    """Return the providers that fail for several tenants at once, by slug. Counts are all that leaves."""
    with kernel.unscoped_session("health.count_outages") as session:
        return find_incidents(repository.list_outages(session))


def waits_for_provider(connection: Connection) -> bool:
    """Return whether a provider's incident would explain the connection's state."""
    return connection.status is ConnectionStatus.DEGRADED and connection.cause is CauseClass.PROVIDER_DOWN


def with_incidents(kernel: Kernel, cases: Sequence[Case]) -> tuple[Case, ...]:
    """Add what is known about the providers' incidents; looks across tenants only if one of the cases asks for it.

    Runs outside the tenant's unit of work.
    """
    if not any(waits_for_provider(case.connection) for case in cases):
        return tuple(cases)
    incidents = read_incidents(kernel)
    return tuple(
        replace(case, facts=replace(case.facts, incident=incidents.get(case.connection.provider))) for case in cases
    )


class _Beside:
    """What stands beside some connections' rows, read once."""

    def __init__(self, kernel: Kernel, work: UnitOfWork, rows: Sequence[Connection]) -> None:
        self._kernel, self._work = kernel, work
        self._now = kernel.clock.now()
        session, tenant_id = work.session, work.tenant_id
        ids, recent = [row.id for row in rows], self._now - _RECENT
        self._transitions = repository.list_last_transitions(session, tenant_id=tenant_id, connection_ids=ids)
        self._names = repository.list_credential_names(session, tenant_id=tenant_id, connection_ids=ids)
        self._apps = repository.list_signing_apps(session, tenant_id=tenant_id)
        self._numbers = repository.count_numbers(session, tenant_id=tenant_id, connection_ids=ids)
        self._refusals = traffic.list_refusals(session, tenant_id=tenant_id, connection_ids=ids, since=recent)
        self._accepted = self._count_accepted(since=recent)
        self._deliveries = traffic.list_delivery_trouble(session, tenant_id=tenant_id, connection_ids=ids, since=recent)
        self._sends = traffic.list_send_trouble(session, tenant_id=tenant_id, connection_ids=ids, since=recent)
        self._calendars = list_calendar_states(session, tenant_id=tenant_id, connection_ids=ids, now=self._now)
        self._limits = limits.list_alarms(work, ids, now=self._now)
        self._waiting = traffic.count_waiting(session, tenant_id=tenant_id, connection_ids=ids)

    def facts(self, connection: Connection, agent_name: str, incident: Incident | None) -> Facts:
        """Return one connection's facts."""
        manifest = registry.get_manifest(connection.provider)
        transition = self._transitions.get(connection.id)
        numbers = self._numbers.get(connection.id, repository.Numbers())
        names = self._names.get(connection.id, frozenset[str]())
        calendar = self._calendars.get(connection.id)
        noted = _time(connection.settings.get(WATCH_EXPIRES_AT, ""))
        return Facts(
            now=self._now,
            provider=manifest.name,
            account=connection.name or connection.external_account_name or manifest.name,
            agents=tuple(sorted({*numbers.agents, *([agent_name] if agent_name else [])})),
            status=connection.status,
            cause=connection.cause,
            status_since=transition.created_at if transition else connection.updated_at,
            status_reason=_reason(connection, transition),
            is_by_person=transition is not None and transition.actor_kind != "system",
            connected_at=connection.connected_at or connection.created_at,
            wanted_scopes=tuple((scope.name, scope.reason) for scope in manifest.scopes),
            granted_scopes=frozenset(connection.scopes),
            token_expires_at=connection.token_expires_at,
            is_renewed=connection.refresh_due_at is not None,
            token_dies_at=_time(connection.settings.get(DIES_AT, "")),
            watch_expires_at=calendar.watch_expires_at if calendar else noted,
            can_check_webhooks=self._can_check_webhooks(connection, manifest, names),
            refusals=self._refusals.get(connection.id, ()),
            accepted=self._accepted.get(connection.id, 0),
            last_event_at=connection.last_event_at,
            events_per_day=self._events_per_day(connection),
            deliveries=self._deliveries.get(connection.id, DeliveryTrouble()),
            sends=self._sends.get(connection.id, SendTrouble()),
            waiting=self._waiting.get(connection.id, 0),
            numbers=numbers.total if Capability.CHANNELS in manifest.capabilities else None,
            assigned_numbers=numbers.assigned,
            calendar=calendar.trouble if calendar else None,
            limits=tuple(_limit_use(alarm) for alarm in self._limits.get(connection.id, ())),
            incident=incident,
            next_call_at=connection.circuit_next_at if connection.circuit_opened_at else None,
        )

    def _count_accepted(self, *, since: datetime) -> Mapping[UUID, int]:
        if not self._refusals:
            return {}
        return traffic.count_accepted(
            self._work.session, tenant_id=self._work.tenant_id, connection_ids=list(self._refusals), since=since
        )

    def _events_per_day(self, connection: Connection) -> tuple[int, ...]:
        """Count only where silence is in question: elsewhere the days are many rows for nothing."""
        last_at = connection.last_event_at
        if last_at is None or self._now - last_at < SILENCE or connection.status is not ConnectionStatus.ACTIVE:
            return ()
        until = _midnight(last_at)
        since = max(until - timedelta(days=_USUAL_DAYS), _midnight(connection.connected_at or connection.created_at))
        return traffic.count_events_per_day(
            self._work.session,
            tenant_id=self._work.tenant_id,
            connection_id=connection.id,
            since=since,
            until=until,
        )

    def _can_check_webhooks(self, connection: Connection, manifest: ProviderManifest, names: Collection[str]) -> bool:
        if connection.provider_app_id is not None:
            names = [OPERATOR_SECRET] if connection.provider_app_id in self._apps else []
        elif connection.uses_operator_app:
            app = connections.find_operator_app(self._kernel.settings, connection.provider)
            names = list(connections.operator_secrets(app)) if app else []
        return _is_checkable(self._kernel, manifest, names)


def _is_checkable(kernel: Kernel, manifest: ProviderManifest, names: Collection[str]) -> bool:
    """Ask the provider's own module whether secrets of these names are enough; their values do not matter for that."""
    if Capability.WEBHOOKS not in manifest.capabilities:
        return True
    secrets = dict.fromkeys(names, _STANDS_IN)
    for kind in manifest.webhooks:
        request = WebhookRequest(kind=kind.name, url=kernel.settings.public_url, headers={}, body=b"")
        try:
            registry.webhooks(manifest.slug).authenticate(request, secrets=secrets, now=kernel.clock.now())
        except Unauthenticated as error:
            if error.code == "no_secret":
                return False
    return True


def _limit_use(alarm: limits.AlarmView) -> LimitUse:
    return LimitUse(
        limit=alarm.limit,
        used=alarm.used,
        most=alarm.most,
        excess=alarm.excess,
        began_at=alarm.began_at,
        since=alarm.raised_at,
        resets_at=alarm.resets_at,
    )


def _reason(connection: Connection, transition: ConnectionTransition | None) -> str:
    return transition.reason if transition else connection.last_error


def _time(text: str) -> datetime | None:
    """Return a time that a provider's module noted; what cannot be read is no forecast."""
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
