"""The sweeper: wakes workers for rows that are due and that nobody holds — lost wake-ups, dead workers, retries."""

from collections.abc import Callable, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import Select

from models import (
    Calendar,
    Connection,
    Conversation,
    DeliveryState,
    Direction,
    Ending,
    Message,
    Tenant,
    Turn,
    WebhookDelivery,
)
from services.actions.repository import list_due as list_due_runs
from services.channels.repository import list_due_listings
from services.connections import RENEWED, WORKING
from services.health.notice_repository import list_due as list_due_notices
from services.health.repository import list_unobserved
from services.kernel.db import Wake
from services.kernel.kernel import Kernel
from services.kernel.leases import is_due, is_free
from services.sending.repository import UNSENT
from services.tenants.repository import list_deletions
from services.turns.repository import OPEN as OPEN_TURNS
from services.turns.repository import list_due_rehearsals
from services.vault.repository import list_due_rotations
from services.webhooks import pruning, reconcile_repository, reconciling
from services.webhooks.repository import BEGUN as BEGUN_DELIVERIES

BATCH = 1000
"""Most rows of one kind that are woken at once; of what is drained, tenants are woken."""


def run(kernel: Kernel) -> int:
    """Wake workers for all due work that nobody holds; return how much there is."""
    with kernel.unscoped_session("sweep.find_due") as session:
        wakes = [Wake(job, tenant_id, row_id) for job, find in _DUE.items() for tenant_id, row_id in find(session)]
        wakes += [Wake(pruning.JOB, *ids) for ids in pruning.list_unpruned(kernel, session, limit=BATCH)]
    if wakes:
        kernel.queue.wake_again(wakes)
    return len(wakes)


def _due_deliveries(session: Session) -> Sequence[tuple[UUID, UUID]]:
    waiting = exists().where(col(WebhookDelivery.tenant_id) == col(Tenant.id), is_due(WebhookDelivery))
    new = waiting.where(col(WebhookDelivery.state) == DeliveryState.RECEIVED)
    begun = waiting.where(col(WebhookDelivery.state).in_(BEGUN_DELIVERIES), is_free(WebhookDelivery))
    return _tenants_with(session, or_(new, begun))


def _due_turns(session: Session) -> Sequence[tuple[UUID, UUID]]:
    is_behind = (col(Conversation.tenant_id) == col(Turn.tenant_id)) & (
        col(Conversation.id) == col(Turn.conversation_id)
    )
    due = select(Turn.id).join(Conversation, is_behind)
    return _tenants_with(
        session,
        due.where(
            col(Turn.tenant_id) == col(Tenant.id),
            col(Turn.state).in_(OPEN_TURNS),
            is_due(Turn),
            is_free(Conversation),
        ).exists(),
    )


def _due_messages(session: Session) -> Sequence[tuple[UUID, UUID]]:
    return _tenants_with(
        session,
        exists().where(
            col(Message.tenant_id) == col(Tenant.id),
            col(Message.direction) == Direction.OUTBOUND,
            col(Message.state).in_(UNSENT),
            is_due(Message),
            is_free(Message),
        ),
    )


def _tenants_with(session: Session, work: ColumnElement[bool]) -> Sequence[tuple[UUID, UUID]]:
    """Return the tenants that have such work, as ids of rows: a drained job asks for no row."""
    found = session.exec(select(Tenant.id).where(work)).all()
    return [(tenant_id, tenant_id) for tenant_id in found]


def _due_refreshes(session: Session) -> Sequence[tuple[UUID, UUID]]:
    return session.exec(
        select(Connection.tenant_id, Connection.id)
        .where(
            col(Connection.refresh_due_at) <= func.clock_timestamp(),
            col(Connection.status).in_(RENEWED),
            is_free(Connection),
        )
        .order_by(col(Connection.refresh_due_at))
        .limit(BATCH)
    ).all()


def _due_checks(session: Session) -> Sequence[tuple[UUID, UUID]]:
    return session.exec(
        select(Connection.tenant_id, Connection.id)
        .where(col(Connection.status).in_(WORKING), col(Connection.next_check_at) <= func.clock_timestamp())
        .order_by(col(Connection.next_check_at))
        .limit(BATCH)
    ).all()


def _due_syncs(session: Session) -> Sequence[tuple[UUID, UUID]]:
    return session.exec(
        _calendars_in_use().where(is_due(Calendar)).order_by(col(Calendar.next_attempt_at)).limit(BATCH)
    ).all()


def _due_renewals(session: Session) -> Sequence[tuple[UUID, UUID]]:
    return session.exec(
        _calendars_in_use()
        .where(col(Calendar.subscribe_due_at) <= func.clock_timestamp())
        .order_by(col(Calendar.subscribe_due_at))
        .limit(BATCH)
    ).all()


def _calendars_in_use() -> Select[UUID, UUID]:
    is_behind = (col(Connection.tenant_id) == col(Calendar.tenant_id)) & (
        col(Connection.id) == col(Calendar.connection_id)
    )
    statement = select(Calendar.tenant_id, Calendar.id).join(Connection, is_behind)
    return statement.where(col(Connection.status).in_(WORKING), is_free(Calendar))


def _due_endings(session: Session) -> Sequence[tuple[UUID, UUID]]:
    return session.exec(
        select(Connection.tenant_id, Connection.id)
        .where(col(Connection.ending) != Ending.NONE, is_free(Connection))
        .limit(BATCH)
    ).all()


def _due_rotations(session: Session) -> Sequence[tuple[UUID, UUID]]:
    return list_due_rotations(session, limit=BATCH)


def _due_observations(session: Session) -> Sequence[tuple[UUID, UUID]]:
    return list_unobserved(session, limit=BATCH)


def _due_notices(session: Session) -> Sequence[tuple[UUID, UUID]]:
    return list_due_notices(session, limit=BATCH)


def _due_deletions(session: Session) -> Sequence[tuple[UUID, UUID]]:
    return list_deletions(session, limit=BATCH)


def _due_listings(session: Session) -> Sequence[tuple[UUID, UUID]]:
    return list_due_listings(session, limit=BATCH)


def _due_runs(session: Session) -> Sequence[tuple[UUID, UUID]]:
    return list_due_runs(session, limit=BATCH)


def _due_rehearsals(session: Session) -> Sequence[tuple[UUID, UUID]]:
    return list_due_rehearsals(session, limit=BATCH)


def _due_reconciliations(session: Session) -> Sequence[tuple[UUID, UUID]]:
    return reconcile_repository.list_due(session, providers=reconciling.reconciled_providers(), limit=BATCH)


_DUE: dict[str, Callable[[Session], Sequence[tuple[UUID, UUID]]]] = {
    "process_delivery": _due_deliveries,
    "run_turn": _due_turns,
    "rehearse_turn": _due_rehearsals,
    "send_message": _due_messages,
    "run_action": _due_runs,
    "check_connection": _due_checks,
    "end_connection": _due_endings,
    "refresh_connection": _due_refreshes,
    "sync_calendar": _due_syncs,
    "renew_subscription": _due_renewals,
    "list_channels": _due_listings,
    "rotate_keys": _due_rotations,
    "delete_tenant": _due_deletions,
    "observe_health": _due_observations,
    reconciling.JOB: _due_reconciliations,
    "send_notice": _due_notices,
}
