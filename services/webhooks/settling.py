"""Settles a batch: effects, turns and what became of each delivery, all in one transaction.

Plain messages share what was read for the batch; other events stand alone behind a savepoint, so that one that comes
too early takes nothing else with it. If the transaction fails, each delivery is settled in one of its own.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from uuid import UUID

from services import connections
from services.conversations import learn
from services.kernel.db import is_outage
from services.kernel.errors import PatchbayError
from services.kernel.kernel import Kernel
from services.kernel.log import bind_context, get_logger
from services.kernel.settings import Settings
from services.kernel.time_limit import TookTooLong, time_limit
from services.provider_kit.contract import MessageReceived
from services.routing import read_directory
from services.turns import store_turns
from services.webhooks import outcomes, repository
from services.webhooks.batches import Batch, Item, Outcome
from services.webhooks.effects import Stage, is_plain, take_effect

logger = get_logger(__name__)

SETTLE_SECONDS = 10.0
"""How long the effects of a batch may take."""

_Ended = list[tuple[Item, Outcome]]


def settle(kernel: Kernel, batch: Batch, items: Sequence[Item]) -> None:
    """Write what came of deliveries, unless the lease was lost. What fails in company is settled alone.

    Raises:
        OperationalError: the database is away; the leases run out, and the sweeper wakes the tenant again.
    """
    try:
        with time_limit(SETTLE_SECONDS):
            _settle(kernel, batch, items)
    except (Exception, TookTooLong) as error:
        if is_outage(error):
            raise
        if len(items) > 1:
            logger.info("webhooks.batch.split", size=len(items), error=type(error).__name__)
            for item in items:
                settle(kernel, batch, [item])
        elif items[0].error or items[0].was_cut_off:
            raise  # its failure cannot be noted; the lease runs out
        else:
            _note(kernel, batch, items[0], error)
            settle(kernel, batch, items)


def _note(kernel: Kernel, batch: Batch, item: Item, error: BaseException) -> None:
    """Keep on an item why its effects failed."""
    if isinstance(error, Exception):
        item.error = error
    else:
        item.was_cut_off = True
    if not isinstance(error, PatchbayError | TookTooLong):
        with bind_context(tenant_id=batch.tenant_id, trace_id=item.delivery.trace_id):
            logger.error("webhooks.delivery.crashed", exc_info=error)


def _settle(kernel: Kernel, batch: Batch, items: Sequence[Item]) -> None:
    with kernel.unit_of_work(batch.tenant_id) as work:
        held, due_at = repository.lock_held(work, [item.delivery.id for item in items], batch.token)
        ours = [item for item in items if item.delivery.id in held]
        if not ours or due_at is None:
            logger.warning("webhooks.lease.was_lost")
            return
        now_connections = repository.list_connections(work, {item.connection.id for item in ours})
        stage = Stage(work, now_connections, kernel.clock.now(), due_at)
        ended = _act(kernel.settings, stage, ours)
        for connection_id in {item.connection.id for item, _ in ended if not item.error}:
            connections.note_event(work, stage.connections[connection_id], now=stage.now)
        _write(stage, ended, token=batch.token)
    logger.info("webhooks.batch.ended", **Counter(outcome.state.value for _, outcome in ended))


def _act(settings: Settings, stage: Stage, items: Sequence[Item]) -> _Ended:
    """Give deliveries their effects: first the plain ones together, then the others one by one."""
    unread = [item for item in items if not item.was_read]
    plain = [item for item in items if item.was_read and is_plain(item)]
    alone = [item for item in items if item.was_read and not is_plain(item)]
    ended = _act_together(stage, plain)
    ended += [(item, _act_alone(settings, stage, item)) for item in alone]
    ended += [(item, _outcome_of_unread(settings, stage, item)) for item in unread]
    return ended


def _act_together(stage: Stage, items: Sequence[Item]) -> _Ended:
    messages = [
        (stage.connections[item.connection.id], event)
        for item in items
        for event in item.events
        if isinstance(event, MessageReceived)
    ]
    known = learn(stage.work, messages, delivery_ids=[item.delivery.id for item in items])
    directory = read_directory(stage.work, messages)
    ended = [(item, take_effect(stage, item, directory=directory, known=known)) for item in items]
    known.store(stage.work)
    store_turns(stage.work, stage.turns)
    stage.work.session.flush()
    return ended


def _act_alone(settings: Settings, stage: Stage, item: Item) -> Outcome:
    """Give one delivery its effects; if they fail, nothing of them is left, and its failure is noted."""
    work = stage.work
    wakes, notices = len(work.wakes), len(work.notices)
    try:
        with work.session.begin_nested():
            return take_effect(stage, item)
    except PatchbayError as error:
        del work.wakes[wakes:], work.notices[notices:]
        return outcomes.failed(work, settings, item, error, now=stage.now)


def _outcome_of_unread(settings: Settings, stage: Stage, item: Item) -> Outcome:
    if item.error:
        return outcomes.failed(stage.work, settings, item, item.error, now=stage.now)
    return outcomes.hung(settings, item.delivery) if item.was_cut_off else outcomes.GIVEN_BACK


def _write(stage: Stage, ended: _Ended, *, token: UUID) -> None:
    alike: dict[Outcome, list[UUID]] = defaultdict(list)
    for item, outcome in ended:
        alike[outcome].append(item.delivery.id)
        stage.work.notify("delivery", item.delivery.id)
        if outcome.retry_seconds is not None:
            stage.work.wake_in(outcome.retry_seconds, "process_delivery", item.delivery.id)
    for outcome, ids in alike.items():
        repository.write(stage.work, ids, outcome, token=token, now=stage.now)
