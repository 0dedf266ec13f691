"""What becomes of a delivery: done, ignored, tried again, parked, given up."""

from datetime import datetime
from uuid import UUID

from models import DeliveryState, WebhookDelivery
from services import attempts, connections
from services.kernel.db import UnitOfWork
from services.kernel.errors import NeedsReauth, PatchbayError, RetryLater
from services.kernel.leases import backoff_seconds
from services.kernel.log import get_logger
from services.kernel.settings import Settings
from services.webhooks import repository
from services.webhooks.batches import Item, Outcome

logger = get_logger(__name__)

MOST_CUT_OFFS = 3
"""How often an attempt at a delivery may be cut off before it is given up."""
PARKED_SECONDS = 60.0
"""How often a delivery that waits for its connection to be repaired is looked at."""
_CUT_OFF = "Each attempt was cut off before it ended"


def failed(work: UnitOfWork, settings: Settings, item: Item, error: Exception, *, now: datetime) -> Outcome:
    """Note a failed attempt, and return what follows from it."""
    if isinstance(error, NeedsReauth):
        return _parked(work, item, error, now=now)
    if isinstance(error, RetryLater) and error.code == connections.WAITS_FOR_PROVIDER:
        return _waiting(error)
    seconds = attempts.seconds_until_retry(settings, error, attempt=item.delivery.attempt)
    attempts.record_failure(work, item.delivery, subject="delivery", error=error, retry_seconds=seconds, now=now)
    logger.info("webhooks.delivery.failed", code=error.code if isinstance(error, PatchbayError) else "crashed")
    return Outcome(
        state=DeliveryState.DEAD if seconds is None else DeliveryState.FAILED,
        reason=error.message if isinstance(error, PatchbayError) else "An error in Patchbay",
        cause=attempts.cause_of(error),
        retry_seconds=seconds,
        has_ended=seconds is None,
    )


def hung(settings: Settings, delivery: WebhookDelivery) -> Outcome:
    """Return what follows from an attempt that hung and was interrupted: it counts as cut off."""
    logger.warning("webhooks.delivery.hung", attempt=delivery.attempt)
    is_over = delivery.cut_offs + 1 >= MOST_CUT_OFFS
    return Outcome(
        state=DeliveryState.DEAD if is_over else DeliveryState.FAILED,
        reason=_CUT_OFF if is_over else "The attempt took too long and was ended",
        cause=attempts.CUT_OFF,
        retry_seconds=None if is_over else backoff_seconds(delivery.attempt, base=settings.retry_base_seconds),
        has_ended=is_over,
        cut_offs=1,
    )


GIVEN_BACK = Outcome(state=DeliveryState.RECEIVED, has_ended=False, attempts_given_back=1)
"""Of a delivery that was not reached: it is due as before, and has lost no attempt."""


def cut_off_for_good(work: UnitOfWork, delivery_id: UUID, *, now: datetime) -> None:
    """Give up a delivery that was cut off too often."""
    outcome = Outcome(state=DeliveryState.DEAD, reason=_CUT_OFF, cause=attempts.CUT_OFF, cut_offs=1)
    repository.write(work, [delivery_id], outcome, token=None, now=now)
    work.notify("delivery", delivery_id)
    logger.warning("webhooks.delivery.given_up", delivery_id=delivery_id)


def _waiting(error: RetryLater) -> Outcome:
    """Let a delivery wait until its provider is called again; that costs it no attempt either."""
    return Outcome(
        state=DeliveryState.FAILED,
        reason=error.message,
        cause=attempts.cause_of(error),
        retry_seconds=error.after.total_seconds() if error.after else PARKED_SECONDS,
        has_ended=False,
        attempts_given_back=1,
    )


def _parked(work: UnitOfWork, item: Item, error: NeedsReauth, *, now: datetime) -> Outcome:
    """Let a delivery wait until its connection is repaired; that costs it no attempt, so nothing is missed."""
    connections.note_failure(work, item.connection, error, now=now)
    logger.info("webhooks.delivery.parked", code=error.code)
    return Outcome(
        state=DeliveryState.FAILED,
        reason="Waits until the connection is repaired",
        cause=attempts.cause_of(error),
        retry_seconds=PARKED_SECONDS,
        has_ended=False,
        attempts_given_back=1,
    )
