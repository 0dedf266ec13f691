"""The delivery log."""

from datetime import datetime, timedelta
from uuid import UUID

from models import Connection, FailedAttempt, Replay, ReplayedDelivery, WebhookDelivery
from services.kernel.errors import NotFound
from services.kernel.kernel import Kernel
from services.kernel.paging import Page, read_id
from services.tenants import Actor, Permission, require
from services.webhooks import log_repository, repository
from services.webhooks.bodies import masked_body, masked_headers
from services.webhooks.filters import DeliveryFilter, check_filter
from services.webhooks.reconciling import is_fetched
from services.webhooks.replaying import list_options
from services.webhooks.views import (
    DeliveryDetailView,
    DeliveryGroupView,
    DeliveryTimeView,
    DeliveryView,
    FailedAttemptView,
    RefusedView,
    ReplayOfDeliveryView,
)

MOST_COUNTED = 100
"""How many new deliveries are counted; beyond that "many" is all that anybody needs to know."""
_REFUSALS_SHOWN = timedelta(hours=24)


def list_deliveries(
    kernel: Kernel,
    *,
    actor: Actor,
    wanted: DeliveryFilter | None = None,
    connection_id: UUID | None = None,
    state: str = "",
    cursor: str = "",
    limit: int = 50,
) -> Page[DeliveryView]:
    """Return deliveries, latest first.

    Args:
        kernel: the process's seams.
        actor: who asks.
        wanted: only these.
        connection_id: in place of a filter: only this connection's.
        state: in place of a filter: only those in this state.
        cursor: ``next_cursor`` of the page before.
        limit: most items, 1 to 100.

    Raises:
        Forbidden, InvalidInput
    """
    require(actor, Permission.DELIVERIES_VIEW)
    asked = wanted or DeliveryFilter(connection_id=connection_id, state=state)
    check_filter(asked)
    size = max(1, min(limit, 100))
    with kernel.unit_of_work(actor.tenant_id) as work:
        rows = log_repository.list_matching(work, asked, before=read_id(cursor), limit=size + 1)
    views = tuple(_view(row) for row in rows[:size])
    return Page(views, str(views[-1].id) if len(rows) > size else "")


def count_newer(kernel: Kernel, *, actor: Actor, wanted: DeliveryFilter, than: UUID | None) -> int:
    """Return how many deliveries came after one that is shown, :data:`MOST_COUNTED` at most.

    Raises:
        Forbidden, InvalidInput
    """
    require(actor, Permission.DELIVERIES_VIEW)
    check_filter(wanted)
    with kernel.unit_of_work(actor.tenant_id) as work:
        return log_repository.count_newer(work, wanted, than=than, most=MOST_COUNTED)


def list_groups(kernel: Kernel, *, actor: Actor, wanted: DeliveryFilter | None = None) -> tuple[DeliveryGroupView, ...]:
    """Return what failed, by cause, the largest group first.

    Raises:
        Forbidden, InvalidInput
    """
    require(actor, Permission.DELIVERIES_VIEW)
    asked = wanted or DeliveryFilter()
    check_filter(asked)
    with kernel.unit_of_work(actor.tenant_id) as work:
        groups = log_repository.list_groups(work, asked)
    return tuple(
        DeliveryGroupView(
            provider=group.provider,
            cause=group.cause,
            reason=group.reason,
            count=group.count,
            dead=group.dead,
            first_at=group.first_at,
            last_at=group.last_at,
            next_attempt_at=group.next_attempt_at,
        )
        for group in groups
    )


def list_refused(kernel: Kernel, *, actor: Actor) -> tuple[RefusedView, ...]:
    """Return how many requests were turned away at the door in the last 24 hours, and why.

    Raises:
        Forbidden
    """
    require(actor, Permission.DELIVERIES_VIEW)
    since = kernel.clock.now() - _REFUSALS_SHOWN
    with kernel.unit_of_work(actor.tenant_id) as work:
        rows = log_repository.list_refusals(work, since=since)
    return tuple(
        RefusedView(
            connection_id=connection.id,
            connection_name=_name(connection),
            provider=connection.provider,
            reason=reason,
            count=count,
            last_at=last_at,
        )
        for connection, reason, count, last_at in rows
    )


def get_delivery(kernel: Kernel, *, actor: Actor, delivery_id: UUID) -> DeliveryDetailView:
    """Return one delivery with all that is known of it.

    Raises:
        Forbidden, NotFound
    """
    require(actor, Permission.DELIVERIES_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        found = log_repository.find_whole(work, delivery_id)
        if found is None:
            raise NotFound("There is no such delivery.")
        row, connection = found
        view = _view(row)
        return DeliveryDetailView(
            id=view.id,
            connection_id=view.connection_id,
            provider=view.provider,
            kind=view.kind,
            event_type=view.event_type,
            state=view.state,
            reason=view.reason,
            cause=view.cause,
            duplicates=view.duplicates,
            is_fetched=view.is_fetched,
            attempt=view.attempt,
            next_attempt_at=view.next_attempt_at,
            trace_id=view.trace_id,
            received_at=view.received_at,
            started_at=view.started_at,
            finished_at=view.finished_at,
            connection_name=_name(connection),
            dedupe_key=row.dedupe_key,
            times=_times(row),
            attempts=tuple(_attempt(failed) for failed in log_repository.list_attempts(work, row)),
            headers=masked_headers(row),
            body=masked_body(row),
            replays=tuple(_replay(act, part) for act, part in log_repository.list_replays(work, row.id)),
            options=list_options(work, row.id),
        )


def _view(row: WebhookDelivery) -> DeliveryView:
    return DeliveryView(
        id=row.id,
        connection_id=row.connection_id,
        provider=row.provider,
        kind=row.kind,
        event_type=row.event_type,
        state=row.state.value,
        reason=row.reason,
        cause=row.cause,
        duplicates=row.duplicates,
        is_fetched=is_fetched(row.headers),
        attempt=row.attempt,
        next_attempt_at=row.next_attempt_at if row.state in repository.OPEN else None,
        trace_id=row.trace_id,
        received_at=row.received_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def _times(row: WebhookDelivery) -> tuple[DeliveryTimeView, ...]:
    """Return the moments of a delivery in their order, though two clocks may have taken them."""
    moments = (
        ("received", row.received_at),
        ("acknowledged", row.stored_at),
        ("started", row.started_at),
        ("done", row.finished_at),
    )
    earliest = row.received_at
    views: list[DeliveryTimeView] = []
    for name, at in moments:
        earliest = max(earliest, at) if at else earliest
        views.append(DeliveryTimeView(name=name, at=earliest if at else None, offset_ms=_since(row, at and earliest)))
    return tuple(views)


def _since(row: WebhookDelivery, at: datetime | None) -> int:
    return (at - row.received_at) // timedelta(milliseconds=1) if at else 0


def _attempt(row: FailedAttempt) -> FailedAttemptView:
    return FailedAttemptView(
        number=row.attempt,
        at=row.created_at,
        error=row.error,
        code=row.code,
        provider=row.provider,
        message=row.message,
        next_attempt_at=row.next_attempt_at,
    )


def _replay(act: Replay, part: ReplayedDelivery) -> ReplayOfDeliveryView:
    return ReplayOfDeliveryView(
        replay_id=act.id,
        kind=act.kind.value,
        asked_by=act.asked_by,
        reason=act.reason,
        at=act.created_at,
        state_before=part.state,
        reason_before=part.reason,
    )


def _name(connection: Connection) -> str:
    return connection.name or connection.external_account_name
