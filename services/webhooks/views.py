"""What pages and the API see of deliveries. Bodies and signatures are not among it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """One webhook delivery."""

    id: UUID
    connection_id: UUID
    provider: str
    kind: str
    event_type: str
    state: str
    reason: str
    duplicates: int
    attempt: int
    next_attempt_at: datetime | None
    trace_id: UUID
    received_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
