"""Sends what a tenant has in its outbox, each message once.

What becomes of a message is decided by :mod:`services.sending.machine`, the steps are those of
:mod:`services.sending.outbox`; here they meet providers, threads and the queue.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.kernel.db import Wake
from services.kernel.draining import SLICE_SECONDS, drain_tenant
from services.kernel.errors import PatchbayError, RetryLater
from services.kernel.kernel import Kernel
from services.kernel.log import bind_context, get_logger
from services.sending.machine import Accepted, Act, Failed, NotBegun, NotFound, Outcome
from services.sending.outbox import Claim, Outbox, Result, RunAll, Transport, send_some
from services.sending.stored import StoredOutbox

logger = get_logger(__name__)

FIRST_BATCH, BATCH = 32, 96
"""How many messages are claimed at once, at first and at most."""
_PER_THREAD = 12
"""How many of them at most for each thread that is free: quick providers keep it busy."""
_BUSY_SECONDS = 0.25
"""When to look again if all threads were taken."""


def drain_messages(kernel: Kernel, wake: Wake) -> None:
    """Send what a tenant has in its outbox. Doing it twice does no harm."""
    outbox, size = StoredOutbox(kernel, wake.tenant_id), _Size()
    begin_within = kernel.settings.lease_seconds - kernel.settings.outbound_deadline_seconds

    def take() -> int:
        free = kernel.slow.free_for(wake.tenant_id)
        if free <= 0:
            kernel.later.wake_in(_BUSY_SECONDS, wake, lambda due: kernel.queue.wake([due]))
            return 0
        limit = min(size.most, free * _PER_THREAD)
        run_all = _side_by_side(kernel, wake, outbox, size)
        return send_some(outbox, call_provider, run_all, limit=limit, begin_within=begin_within)

    drain_tenant(kernel, wake, take)


def send_due(kernel: Kernel, *, tenant_id: UUID) -> None:
    """Send what a tenant has in its outbox, as a worker would that was woken for it."""
    drain_messages(kernel, Wake("send_message", tenant_id, tenant_id))


def call_provider(claim: Claim) -> Outcome:
    """Send a message, or look up what became of an attempt at it."""
    with bind_context(trace_id=claim.trace_id, connection_id=claim.connection_id):
        outcome = _call(claim)
        if not (claim.act is Act.SEND and isinstance(outcome, Accepted)):  # the rest is counted, batch by batch
            logger.info("sending.message.attempted", outcome=_name(outcome), looked_up=claim.act is Act.LOOK_UP)
        return outcome


def _call(claim: Claim) -> Outcome:
    try:
        if claim.act is Act.SEND:
            return Accepted(sent=claim.module.send_message(claim.client, claim.outbound))
        found = claim.module.find_sent(claim.client, claim.outbound)
        return Accepted(sent=found) if found else NotFound()
    except PatchbayError as error:
        return Failed(error=error)
    except Exception:
        logger.exception("sending.message.crashed")
        return Failed(error=RetryLater("An error in Patchbay; see the server's log.", ambiguous=True))


def _name(outcome: Outcome) -> str:
    match outcome:
        case Failed(error=error):
            return error.code
        case Accepted():
            return "sent"
        case _:
            return "not_found"


@dataclass(slots=True)
class _Size:
    """How large a batch is: larger as long as the provider is quick enough for it, or what is not begun is put back."""

    most: int = FIRST_BATCH

    def note(self, *, is_enough: bool) -> None:
        self.most = max(1, self.most // 2) if is_enough else min(BATCH, self.most * 2)


def _side_by_side(kernel: Kernel, wake: Wake, outbox: Outbox, size: _Size) -> RunAll:
    """Return what makes the calls of a batch in threads: what takes longer than a slice is settled when it ends."""

    def settle_late(result: Result) -> None:
        outbox.settle([result])
        kernel.queue.wake([wake])

    def run_all(claims: Sequence[Claim], transport: Transport) -> Sequence[Result]:
        done = kernel.slow.run(
            wake.tenant_id,
            claims,
            lambda claim: Result(claim=claim, outcome=transport(claim)),
            settle_late=settle_late,
            seconds=SLICE_SECONDS,
        )
        size.note(is_enough=bool(done.left))
        sent = sum(isinstance(result.outcome, Accepted) for result in done.results)
        logger.info("sending.batch.ended", sent=sent, others=len(done.results) - sent, left=len(done.left))
        return [*done.results, *(Result(claim=claim, outcome=NotBegun()) for claim in done.left)]

    return run_all
