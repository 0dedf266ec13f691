"""The delivery log."""

from uuid import UUID

from models import DeliveryState, WebhookDelivery
from services.kernel.errors import InvalidInput, NotFound
from services.kernel.kernel import Kernel
from services.kernel.paging import Page
from services.tenants import Actor, Permission, require
from services.webhooks import repository
from services.webhooks.views import DeliveryView

_STATES = {state.value: (state,) for state in DeliveryState} | {"": ()}


def list_deliveries(
    kernel: Kernel,
    *,
    actor: Actor,
    connection_id: UUID | None = None,
    state: str = "",
    cursor: str = "",
    limit: int = 50,
) -> Page[DeliveryView]:
    """Return deliveries, latest first.

    Args:
        kernel: the process's seams.
        actor: who asks.
        connection_id: only this connection's.
        state: only those in this state.
        cursor: ``next_cursor`` of the page before.
        limit: most items, 1 to 100.

    Raises:
        Forbidden, InvalidInput
    """
    require(actor, Permission.DELIVERIES_VIEW)
    if state not in _STATES:
        raise InvalidInput(f"Use one of {', '.join(name for name in _STATES if name)}.", field="state")
    size = max(1, min(limit, 100))
    with kernel.unit_of_work(actor.tenant_id) as work:
        rows = repository.list_deliveries(
            work, connection_id=connection_id, states=_STATES[state], before=_read_cursor(cursor), limit=size + 1
        )
    views = tuple(_view(row) for row in rows[:size])
    return Page(views, str(views[-1].id) if len(rows) > size else "")


def get_delivery(kernel: Kernel, *, actor: Actor, delivery_id: UUID) -> DeliveryView:
    """Return one delivery.

    Raises:
        Forbidden, NotFound
    """
    require(actor, Permission.DELIVERIES_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        row = repository.find_delivery(work, delivery_id)
        if row is None:
            raise NotFound("There is no such delivery.")
        return _view(row)


def _read_cursor(cursor: str) -> UUID | None:
    try:
        return UUID(cursor) if cursor else None
    except ValueError as error:
        raise InvalidInput("Use the next_cursor of the page before, unchanged.", field="cursor") from error


def _view(row: WebhookDelivery) -> DeliveryView:
    return DeliveryView(
        id=row.id,
        connection_id=row.connection_id,
        provider=row.provider,
        kind=row.kind,
        event_type=row.event_type,
        state=row.state.value,
        reason=row.reason,
        duplicates=row.duplicates,
        attempt=row.attempt,
        next_attempt_at=row.next_attempt_at if row.state in repository.OPEN else None,
        trace_id=row.trace_id,
        received_at=row.received_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
