"""Counts refused requests where the admin sees it. Nothing of the request is kept."""

import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
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
            row = {
                "tenant_id": tenant_id,
                "id": new_id(),
                "connection_id": connection_id,
                "reason": reason,
                "hour": hour,
                "count": count,
                "last_at": now,
            }
            with suppress(IntegrityError):  # the connection was deleted meanwhile; nobody is left to be told
                self._add(row)

    def _add(self, row: Mapping[str, Any]) -> None:
        with self._kernel.unit_of_work(row["tenant_id"]) as work:
            work.session.exec(
                insert(WebhookRefusal)
                .values(row)
                .on_conflict_do_update(
                    index_elements=["tenant_id", "connection_id", "reason", "hour"],
                    set_={"count": col(WebhookRefusal.count) + row["count"], "last_at": row["last_at"]},
                )
            )
            work.notify("connection", row["connection_id"])
