"""What one worker holds of a tenant's inbox, and what came of each delivery in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from models import Connection, DeliveryState, WebhookDelivery
from services.provider_kit.contract import InboundEvent


@dataclass(slots=True, eq=False)
class Item:
    """A delivery that this worker holds, as it was claimed, and what was read from it."""

    delivery: WebhookDelivery
    connection: Connection
    events: Sequence[InboundEvent] = ()
    error: Exception | None = None
    """Why it could not be read."""
    was_cut_off: bool = False
    """Whether it hung and was interrupted."""
    was_reached: bool = True
    """False if the batch's time was over before it: it goes back as it was."""

    @property
    def was_read(self) -> bool:
        """Whether its events are known, so that they can take effect."""
        return self.error is None and not self.was_cut_off and self.was_reached


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries of one tenant, held under one lease, by their arrival."""

    tenant_id: UUID
    token: UUID
    items: tuple[Item, ...]
    was_suspect: bool
    """Whether it is a delivery that was tried before, alone in its batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is written of a delivery; those with equal outcomes are written together."""

    state: DeliveryState
    reason: str = ""
    cause: str = ""
    retry_seconds: float | None = None
    """When it is due again; None if it has ended, or is due as before."""
    has_ended: bool = True
    attempts_given_back: int = 0
    cut_offs: int = 0
    """To add."""
