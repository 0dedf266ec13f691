"""Answers a tenant's turns: many are claimed at once, thought about outside any transaction, and settled at once.

Who answers at once, such as the playbook, answers the whole batch in the worker's own thread; a model's answers are
waited for in the bounded threads, and what takes longer than the slice is settled when it comes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services import actions
from services.agents import AgentRunner, TurnReply, asks_models, runner_for
from services.kernel.db import Wake, is_outage
from services.kernel.draining import SLICE_SECONDS, drain_tenant
from services.kernel.errors import PatchbayError
from services.kernel.kernel import Kernel
from services.kernel.log import bind_context, get_logger
from services.turns.claiming import TurnClaim, claim_turns, put_back
from services.turns.settling import Answer, settle_turns

logger = get_logger(__name__)

BATCH = 100
"""How many turns are claimed at once; where models are asked, no more than there are threads for them."""
_BUSY_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class _Asked:
    """A claimed turn, and who answers it."""

    claim: TurnClaim
    runner: AgentRunner


def drain_turns(kernel: Kernel, wake: Wake) -> None:
    """Answer what is due in a tenant's conversations. Doing it twice does no harm."""
    drain_tenant(kernel, wake, partial(_take, kernel, wake))


def run_due(kernel: Kernel, *, tenant_id: UUID) -> None:
    """Answer what is due in a tenant's conversations, as a worker would that was woken for it."""
    drain_turns(kernel, Wake("run_turn", tenant_id, tenant_id))


def _take(kernel: Kernel, wake: Wake) -> int:
    """Answer one batch; return how many turns do not stand as they stood."""
    batch = claim_turns(kernel, wake.tenant_id, limit=_limit(kernel, wake.tenant_id))
    asked = [_Asked(claim, runner_for(kernel, wake.tenant_id, claim.agent)) for claim in batch.claims]
    at_once = [item for item in asked if item.runner.answers_at_once]
    _settle(kernel, wake.tenant_id, _answer_at_once(at_once))
    return batch.handled - _ask_models(kernel, wake, [item for item in asked if not item.runner.answers_at_once])


def _limit(kernel: Kernel, tenant_id: UUID) -> int:
    """A model takes seconds: what is claimed for it and has no thread is only put back."""
    return max(1, min(BATCH, kernel.slow.free_for(tenant_id))) if asks_models(kernel) else BATCH


def _answer_at_once(asked: Sequence[_Asked]) -> list[Answer]:
    """Answer a batch in this thread; if that fails, one after the other."""
    if not asked:
        return []
    try:
        replies = asked[0].runner.answer_many([item.claim.request for item in asked])
    except Exception as error:
        if is_outage(error):
            raise  # nothing can be noted now; the leases run out, and the sweeper wakes the turns again
        return [_answer(item) for item in asked] if len(asked) > 1 else [_failed(asked[0].claim, error)]
    logger.info("turns.batch.answered", count=len(replies), handed_over=sum(reply.hand_over for reply in replies))
    return [Answer(claim=item.claim, reply=reply) for item, reply in zip(asked, replies, strict=True)]


def _ask_models(kernel: Kernel, wake: Wake, asked: Sequence[_Asked]) -> int:
    """Ask models for as many answers as there are threads; return how many turns were put back for want of them."""
    if not asked:
        return 0

    def settle_late(answer: Answer) -> None:
        _settle(kernel, wake.tenant_id, [answer])
        kernel.queue.wake([wake])

    done = kernel.slow.run(
        wake.tenant_id,
        asked,
        partial(_answer_with_tools, kernel, wake.tenant_id),
        settle_late=settle_late,
        seconds=SLICE_SECONDS,
    )
    _settle(kernel, wake.tenant_id, done.results)
    put_back(kernel, wake.tenant_id, [item.claim for item in done.left])
    if done.left:
        kernel.later.wake_in(_BUSY_SECONDS, wake, lambda due: kernel.queue.wake([due]))
    return len(done.left)


def _answer_with_tools(kernel: Kernel, tenant_id: UUID, asked: _Asked) -> Answer:
    claim = asked.claim
    with bind_context(tenant_id=tenant_id, trace_id=claim.trace_id):
        toolbox = actions.AgentToolbox(kernel, tenant_id=tenant_id, turn_id=claim.turn_id, lease_token=claim.token)
        try:
            return _answered(claim, asked.runner.answer(claim.request, toolbox))
        except Exception as error:
            return _failed(claim, error)


def _answer(asked: _Asked) -> Answer:
    try:
        return _answered(asked.claim, asked.runner.answer(asked.claim.request))
    except Exception as error:
        return _failed(asked.claim, error)


def _answered(claim: TurnClaim, reply: TurnReply) -> Answer:
    with bind_context(trace_id=claim.trace_id):
        logger.info("turns.turn.answered", runner=reply.runner, hands_over=reply.hand_over)
    return Answer(claim=claim, reply=reply)


def _failed(claim: TurnClaim, error: Exception) -> Answer:
    with bind_context(trace_id=claim.trace_id):
        if is_outage(error):
            logger.info("turns.turn.cut_off")
        elif isinstance(error, PatchbayError):
            logger.info("turns.turn.failed", code=error.code)
        else:
            logger.error("turns.turn.crashed", exc_info=error)
    return Answer(claim=claim, error=error)


def _settle(kernel: Kernel, tenant_id: UUID, answers: Sequence[Answer]) -> None:
    """Write answers down, all at once; if that fails, one after the other."""
    answers = [answer for answer in answers if not (answer.error and is_outage(answer.error))]
    if not answers:
        return
    try:
        settle_turns(kernel, tenant_id, answers)
    except Exception as error:
        if is_outage(error):
            raise
        if len(answers) == 1:
            settle_turns(kernel, tenant_id, [_failed(answers[0].claim, error)])
            return
        for answer in answers:
            _settle(kernel, tenant_id, [answer])
