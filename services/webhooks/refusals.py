"""Counts refused requests where the admin sees it. Nothing of the request is kept."""

import threading
from collections import Counter
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from models import WebhookRefusal
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.webhooks.endpoints import Endpoint


class RefusalCounter:
    """Adds refusals up in memory and writes the sums, so that a flood of bad requests costs few statements."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._lock = threading.Lock()
        self._counts: Counter[tuple[UUID, UUID, str]] = Counter()

    def count(self, endpoint: Endpoint, reason: str) -> None:
        """Remember one refusal."""
        with self._lock:
            self._counts[endpoint.tenant_id, endpoint.connection_id, reason] += 1

    def flush(self) -> None:
        """Add what was counted to the rows of the current hour."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        now = self._kernel.clock.now()
        hour = now.replace(minute=0, second=0, microsecond=0)
        for (tenant_id, connection_id, reason), count in counts.items():
            with self._kernel.unit_of_work(tenant_id) as work:
                statement = insert(WebhookRefusal).values(
                    tenant_id=tenant_id,
                    id=new_id(),
                    connection_id=connection_id,
                    reason=reason,
                    hour=hour,
                    count=count,
                    last_at=now,
                )
                work.session.exec(
                    statement.on_conflict_do_update(
                        index_elements=["tenant_id", "connection_id", "reason", "hour"],
                        set_={"count": col(WebhookRefusal.count) + count, "last_at": now},
                    )
                )
                work.notify("connection", connection_id)
