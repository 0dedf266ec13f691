"""Reads what deliveries say, outside any transaction: parses them, and fetches what was only announced."""

import time
from collections.abc import Callable, Sequence

from services.kernel.db import is_outage
from services.kernel.errors import PatchbayError
from services.kernel.kernel import Kernel
from services.kernel.log import bind_context, get_logger
from services.kernel.time_limit import TookTooLong, time_limit
from services.provider_kit.contract import InboundEvent, WebhookRequest
from services.provider_kit.registry import webhooks
from services.webhooks.batches import Batch, Item
from services.webhooks.fetching import fetch

logger = get_logger(__name__)

PARSE_SECONDS = 5.0
"""How long reading one delivery may take: a thousand times what it takes."""
BATCH_SECONDS = 5.0
"""After that long no further delivery of a batch is begun: leases must not run out, nor a deploy wait."""


def read(kernel: Kernel, batch: Batch, *, monotonic: Callable[[], float] = time.monotonic) -> None:
    """Read all deliveries of a batch, as far as its time goes; the first is always read.

    Raises:
        OperationalError: the database is away.
    """
    ends_at = monotonic() + BATCH_SECONDS
    for position, item in enumerate(batch.items):
        if position and monotonic() >= ends_at:
            item.was_reached = False
            continue
        trace_id = item.delivery.trace_id
        with bind_context(tenant_id=batch.tenant_id, trace_id=trace_id, connection_id=item.connection.id):
            _read_one(kernel, item)


def _read_one(kernel: Kernel, item: Item) -> None:
    try:
        with time_limit(PARSE_SECONDS):
            events = _parse(kernel, item)
        item.events = [fetch(kernel, item.connection, event) for event in events]
    except TookTooLong:
        item.was_cut_off = True
    except PatchbayError as error:
        item.error = error
    except Exception as error:
        if is_outage(error):
            raise  # nothing can be noted now; the lease runs out, and the sweeper wakes the tenant again
        logger.exception("webhooks.delivery.crashed")
        item.error = error


def _parse(kernel: Kernel, item: Item) -> Sequence[InboundEvent]:
    delivery = item.delivery
    request = WebhookRequest(
        kind=delivery.kind,
        url=kernel.settings.public_url,
        headers=delivery.headers,
        body=delivery.body,
        query=delivery.query,
    )
    return webhooks(delivery.provider).parse(request, settings=item.connection.settings)
