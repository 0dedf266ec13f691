"""Stores verified deliveries in one transaction, however many arrived together, and says whom to wake for them."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.kernel.db import Wake
from services.kernel.kernel import Kernel
from services.webhooks import inbox_repository

PATIENCE_SECONDS = 1.0
"""Providers want an answer within three seconds; what is not stored by then, they had better send again."""
LIMIT_SECONDS = 4.0
"""How long the database may take over a batch before it counts as away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A verified request, ready to be stored."""

    id: UUID
    tenant_id: UUID
    connection_id: UUID
    provider: str
    kind: str
    event_type: str
    dedupe_key: str
    headers: Mapping[str, str]
    query: str
    body: bytes


def store(kernel: Kernel, deliveries: Sequence[NewDelivery]) -> list[Wake]:
    """Store deliveries in one transaction; what the provider sent before is counted once more.

    When this returns, the rows are durable.

    Returns:
        Whom to wake, once for each tenant.

    Raises:
        SQLAlchemyError: nothing was stored. Whoever holds a lock is waited for no longer than a second.
    """
    rows = _rows(deliveries)
    with kernel.unscoped_session("webhooks.store", patience_seconds=PATIENCE_SECONDS) as session:
        stored = inbox_repository.add_deliveries(session, rows, received_at=kernel.clock.now())
    return _wakes(deliveries, {row_id.bytes for row_id in stored})


class DoorStore:
    """What :func:`store` does, on the event loop of a door and on a connection of its own.

    Args:
        kernel: the process's seams.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._clock = kernel.clock
        self._insert = kernel.database.unscoped_statement(
            "webhooks.store_together",
            statement=inbox_repository.PREPARED,
            patience_seconds=PATIENCE_SECONDS,
            limit_seconds=LIMIT_SECONDS,
        )

    async def store(self, deliveries: Sequence[NewDelivery]) -> list[Wake]:
        """Store deliveries as :func:`store` does; wait for one batch before the next.

        Raises:
            SQLAlchemyError: nothing was stored; or, if the database was away, that is not known.
        """
        values = inbox_repository.encode(_rows(deliveries), received_at=self._clock.now())
        return _wakes(deliveries, set(await self._insert.run(values)))


def _rows(deliveries: Sequence[NewDelivery]) -> list[dict[str, object]]:
    """Return a row for the first of those that are the same, with the number of its copies."""
    same: dict[tuple[int, str], list[NewDelivery]] = {}
    for item in deliveries:
        same.setdefault((item.connection_id.int, item.dedupe_key), []).append(item)
    return [_row(items[0], duplicates=len(items) - 1) for items in same.values()]


def _row(item: NewDelivery, *, duplicates: int) -> dict[str, object]:
    return {
        "tenant_id": item.tenant_id,
        "id": item.id,
        "connection_id": item.connection_id,
        "provider": item.provider,
        "kind": item.kind,
        "event_type": item.event_type,
        "dedupe_key": item.dedupe_key,
        "headers": json.dumps(dict(item.headers)),
        "query": item.query,
        "body": item.body,
        "duplicates": duplicates,
    }


def _wakes(tried: Sequence[NewDelivery], stored: Collection[bytes]) -> list[Wake]:
    """Return whom to wake for what is new: of a repeat, the row that was there before was returned."""
    new = {item.tenant_id.int: item for item in tried if item.id.bytes in stored}
    return [Wake("process_delivery", item.tenant_id, item.id) for item in new.values()]
