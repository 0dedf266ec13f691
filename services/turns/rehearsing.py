"""Rehearsals: the agent answers a message once more, by today's rules, into a draft. Nothing is sent or carried out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models import Rehearsal, RehearsalState
from services import actions, attempts
from services.agents import Exchange, Tool, Toolbox, TurnReply, TurnRequest, runner_for
from services.kernel.db import UnitOfWork, is_outage
from services.kernel.errors import PatchbayError
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.leases import in_seconds
from services.kernel.log import bind_context, get_logger
from services.turns import repository
from services.turns.service import request_for

logger = get_logger(__name__)

_NOT_DONE = json.dumps(
    {"status": "rehearsed", "said": "This is a rehearsal: nothing was done. Go on as if it had been done."}
)


class RehearsalToolbox:
    """An agent's actions, none of which is carried out.

    Args:
        granted: what the agent might really do.
    """

    def __init__(self, granted: Toolbox) -> None:
        self._granted = granted
        self.called: list[str] = []

    def list_tools(self) -> Sequence[Tool]:
        """Return what the agent was granted."""
        return self._granted.list_tools()

    def list_earlier(self) -> Sequence[Exchange]:
        """Return nothing: what was done in the turn itself is not to be told apart from what would be."""
        return ()

    def describe_now(self) -> str:
        """Return date and time."""
        return self._granted.describe_now()

    def call(self, name: str, arguments: str) -> str:
        """Note what would have been called."""
        self.called.append(name[:100])
        return _NOT_DONE


@dataclass(frozen=True, slots=True)
class _Claim:
    """A rehearsal that this worker holds, with what the agent needs to know."""

    rehearsal: Rehearsal
    request: TurnRequest


def add_rehearsals(
    work: UnitOfWork, turns: Sequence[tuple[UUID, UUID]], *, asked_by: str, now: datetime
) -> frozenset[UUID]:
    """Let agents answer again without sending; return the turns that this holds for.

    A turn that is being rehearsed already is left alone.

    Args:
        work: the unit of work.
        turns: (turn id, trace id) of turns that have ended.
        asked_by: label of who wants to see it.
        now: the time.
    """
    rows = [
        Rehearsal(
            tenant_id=work.tenant_id,
            id=new_id(),
            turn_id=turn_id,
            trace_id=trace_id,
            state=RehearsalState.DUE,
            asked_by=asked_by,
            created_at=now,
            next_attempt_at=now,
        )
        for turn_id, trace_id in turns
    ]
    added = [row for row in rows if repository.add_rehearsal(work, row)]
    for row in added:
        work.wake("rehearse_turn", row.id)
    return frozenset(row.turn_id for row in added)


def run_rehearsal(kernel: Kernel, *, tenant_id: UUID, rehearsal_id: UUID) -> None:
    """Write a draft. Running it twice does no harm."""
    token = new_id()
    claim = _claim(kernel, tenant_id, rehearsal_id, token)
    if claim is None:
        return
    with bind_context(tenant_id=tenant_id, trace_id=claim.rehearsal.trace_id):
        try:
            reply, called = _answer(kernel, tenant_id, claim)
        except PatchbayError as error:
            logger.info("turns.rehearsal.failed", code=error.code)
            _record_failure(kernel, tenant_id, rehearsal_id, token, error)
        except Exception as error:
            if is_outage(error):
                raise  # nothing can be noted now; the lease runs out, and the sweeper wakes the rehearsal again
            logger.exception("turns.rehearsal.crashed")
            _record_failure(kernel, tenant_id, rehearsal_id, token, error)
        else:
            _finish(kernel, tenant_id, rehearsal_id, token, reply, called)


def _claim(kernel: Kernel, tenant_id: UUID, rehearsal_id: UUID, token: UUID) -> _Claim | None:
    with kernel.unit_of_work(tenant_id) as work:
        rehearsal = repository.lock_due_rehearsal(work, rehearsal_id)
        if rehearsal is None:
            return None
        if rehearsal.attempt >= kernel.settings.max_attempts:
            _end(work, rehearsal, RehearsalState.DEAD, kernel.clock.now())
            rehearsal.reason = "Each attempt was cut off before it ended"
            return None
        turn = repository.get_turn(work, rehearsal.turn_id)
        agent = repository.get_agent(work, turn.agent_id)
        conversation = repository.get_conversation(work, turn.conversation_id)
        request = request_for(work, agent, conversation, repository.get_message(work, turn.message_id))
        rehearsal.state = RehearsalState.RUNNING
        rehearsal.attempt += 1
        rehearsal.started_at = kernel.clock.now()
        rehearsal.lease_token = token
        rehearsal.lease_until = in_seconds(kernel.settings.lease_seconds)
        return _Claim(rehearsal, request)


def _answer(kernel: Kernel, tenant_id: UUID, claim: _Claim) -> tuple[TurnReply, Sequence[str]]:
    with kernel.unit_of_work(tenant_id) as work:
        agent = repository.get_agent(work, claim.request.agent_id)
    # A token that holds no turn: even if the toolbox were asked to act, it would refuse.
    granted = actions.AgentToolbox(kernel, tenant_id=tenant_id, turn_id=claim.rehearsal.turn_id, lease_token=new_id())
    toolbox = RehearsalToolbox(granted)
    return runner_for(kernel, tenant_id, agent).answer(claim.request, toolbox), toolbox.called


def _finish(
    kernel: Kernel, tenant_id: UUID, rehearsal_id: UUID, token: UUID, reply: TurnReply, called: Sequence[str]
) -> None:
    with kernel.unit_of_work(tenant_id) as work:
        rehearsal = repository.lock_held_rehearsal(work, rehearsal_id, token)
        if rehearsal is None:
            return
        rehearsal.text, rehearsal.actions = reply.text, list(called)
        rehearsal.runner, rehearsal.model, rehearsal.reason = reply.runner, reply.model, reply.reason
        rehearsal.input_tokens, rehearsal.output_tokens = reply.input_tokens, reply.output_tokens
        rehearsal.would_hand_over = reply.hand_over
        _end(work, rehearsal, RehearsalState.DONE, kernel.clock.now())


def _record_failure(kernel: Kernel, tenant_id: UUID, rehearsal_id: UUID, token: UUID, error: Exception) -> None:
    now = kernel.clock.now()
    with kernel.unit_of_work(tenant_id) as work:
        rehearsal = repository.lock_held_rehearsal(work, rehearsal_id, token)
        if rehearsal is None:
            return
        seconds = attempts.seconds_until_retry(kernel.settings, error, attempt=rehearsal.attempt)
        if seconds is None:
            _end(work, rehearsal, RehearsalState.DEAD, now)
            rehearsal.reason = "The agent could not answer"
        else:
            rehearsal.state = RehearsalState.DUE
            rehearsal.next_attempt_at = in_seconds(seconds)
            rehearsal.lease_token = rehearsal.lease_until = None
        attempts.record_failure(work, rehearsal, subject="rehearsal", error=error, retry_seconds=seconds, now=now)


def _end(work: UnitOfWork, rehearsal: Rehearsal, state: RehearsalState, now: datetime) -> None:
    rehearsal.state = state
    rehearsal.finished_at = now
    rehearsal.lease_token = rehearsal.lease_until = None
    work.notify("delivery", rehearsal.trace_id)
