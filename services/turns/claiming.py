"""Claims turns, many in one transaction: at most one of each conversation, the earliest that is open there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models import Agent, Conversation, Message, Turn, TurnState
from services import attempts
from services.agents import HistoryItem, TurnRequest, needs_history
from services.conversations import hand_over
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.turns import batch_repository as repository
from services.turns.batch_repository import DueTurn
from services.turns.machine import Step, Turning, begin
from services.turns.service import AUTHORS, HISTORY_MESSAGES

GAVE_UP = "The agent could not answer; a person is needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnClaim:
    """A turn that this worker holds, with what the agent needs to know."""

    turn_id: UUID
    conversation_id: UUID
    trace_id: UUID
    token: UUID
    agent: Agent
    reply_to: str
    """Where the answer goes, such as a Slack thread."""
    request: TurnRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnBatch:
    """What was claimed at once."""

    claims: Sequence[TurnClaim] = ()
    handled: int = 0
    """Turns that do not stand as they stood: those claimed, and those ended."""


def claim_turns(kernel: Kernel, tenant_id: UUID, *, limit: int) -> TurnBatch:
    """Hold turns that are due, and end those that nobody answers.

    A turn whose last attempt was cut off is claimed alone, so that what kills workers takes nothing along.
    """
    with kernel.unit_of_work(tenant_id) as work:
        found = repository.lock_due(work, limit=limit) or repository.lock_due(work, limit=1, waits=True)
        suspects = [item for item in found if item.turn.lease_token is not None]
        due = suspects[:1] or found
        if not due:
            return TurnBatch()
        now = kernel.clock.now()
        cut_off = [item.turn for item in due if item.turn.lease_token is not None]
        cut_offs = attempts.count_cut_offs(work, cut_off, subject="turn", now=now)
        held = [item for item in due if _begin(kernel, work, item, cut_offs.get(item.turn.id, 0), now=now)]
        token = new_id()
        repository.hold(work, held, token=token, seconds=kernel.settings.lease_seconds, now=now)
        known = _learn(kernel, work, held)
        claims = [_claim(work, item, token, known) for item in held]
        return TurnBatch(claims=claims, handled=len(due))


def put_back(kernel: Kernel, tenant_id: UUID, claims: Sequence[TurnClaim]) -> None:
    """Let turns go that were not begun."""
    if claims:
        with kernel.unit_of_work(tenant_id) as work:
            repository.put_back(work, {claim.turn_id: claim.conversation_id for claim in claims}, token=claims[0].token)


def _begin(kernel: Kernel, work: UnitOfWork, item: DueTurn, cut_offs: int, *, now: datetime) -> bool:
    """Return whether a turn is answered now; else end it."""
    step = begin(
        Turning(
            attempt=item.turn.attempt,
            cut_offs=cut_offs,
            conversation=item.conversation.state,
            agent=item.agent.status,
            agent_name=item.agent.name,
        ),
        kernel.settings,
    )
    if step.state is TurnState.RUNNING:
        return True
    end(work, item.turn, item.conversation, step, now)
    return False


def end(work: UnitOfWork, turn: Turn, conversation: Conversation, step: Step, now: datetime) -> None:
    """End a turn, and hand the conversation over if that leaves nobody to answer."""
    turn.state, turn.reason, turn.finished_at = step.state, step.reason, now
    turn.lease_token = turn.lease_until = None
    conversation.lease_token = conversation.lease_until = None
    if step.needs_person:
        hand_over(work, conversation, GAVE_UP, now, trace_id=turn.trace_id)
    work.notify("conversation", conversation.id)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known around turns, for those agents that look at it."""

    histories: Mapping[UUID, Sequence[Message]]
    """By the message that is answered."""
    names: Mapping[UUID, str]
    """By contact."""


def _learn(kernel: Kernel, work: UnitOfWork, held: Sequence[DueTurn]) -> _Known:
    wanted = [item for item in held if needs_history(kernel, item.agent)]
    if not wanted:
        return _Known({}, {})
    messages, contacts = [item.message for item in wanted], {item.conversation.contact_id for item in wanted}
    histories = repository.list_histories(work, messages, limit=HISTORY_MESSAGES)
    return _Known(histories, repository.list_names(work, contacts))


def _claim(work: UnitOfWork, item: DueTurn, token: UUID, known: _Known) -> TurnClaim:
    history = known.histories.get(item.message.id, ())
    return TurnClaim(
        turn_id=item.turn.id,
        conversation_id=item.conversation.id,
        trace_id=item.turn.trace_id,
        token=token,
        agent=item.agent,
        reply_to=item.message.reply_to,
        request=TurnRequest(
            tenant_id=work.tenant_id,
            agent_id=item.agent.id,
            agent_name=item.agent.name,
            instructions=item.agent.instructions,
            model=item.agent.model,
            text=item.message.text,
            history=tuple(HistoryItem(author=AUTHORS[row.author], text=row.text) for row in history),
            channel_kind=item.conversation.channel_kind,
            contact_name=known.names.get(item.conversation.contact_id, ""),
        ),
    )
