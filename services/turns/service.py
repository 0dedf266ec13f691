"""Runs an agent's turns.

The conversation is leased, the agent thinks outside any transaction, and the reply is stored once.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models import (
    Agent,
    AgentStatus,
    Author,
    Conversation,
    ConversationState,
    Message,
    Turn,
    TurnState,
)
from services import actions, attempts
from services.agents import HistoryItem, Speaker, TurnReply, TurnRequest, runner_for
from services.conversations import add_reply, change_state
from services.kernel.db import UnitOfWork, is_outage
from services.kernel.errors import PatchbayError
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.leases import in_seconds
from services.kernel.log import bind_context, get_logger
from services.provider_kit.registry import get_manifest
from services.sending import split_text
from services.turns import repository

logger = get_logger(__name__)

HISTORY_MESSAGES = 20
TURNS_PER_JOB = 50
_AUTHORS: dict[Author, Speaker] = {Author.CONTACT: "contact", Author.AGENT: "agent", Author.USER: "user"}


@dataclass(frozen=True, slots=True)
class _Claim:
    """A turn that this worker holds, with what the agent needs to know."""

    turn_id: UUID
    trace_id: UUID
    lease_token: UUID
    agent: Agent
    request: TurnRequest


def add_turn(
    work: UnitOfWork, *, conversation: Conversation, agent: Agent, message: Message, now: datetime, silent: str = ""
) -> Turn:
    """Note that a message is to be answered, or why it is not: a person is in charge, or the agent is paused.

    Args:
        work: the unit of work.
        conversation: where it belongs.
        agent: who is to answer.
        message: what is to be answered.
        now: the time.
        silent: why this very message gets no answer, in words; empty if it gets one.
    """
    silent = _why_silent(conversation, agent) or silent
    turn = Turn(
        tenant_id=work.tenant_id,
        id=new_id(),
        conversation_id=conversation.id,
        agent_id=agent.id,
        message_id=message.id,
        state=TurnState.SKIPPED if silent else TurnState.DUE,
        reason=silent,
        trace_id=message.trace_id,
        created_at=now,
        next_attempt_at=in_seconds(0),
        finished_at=now if silent else None,
    )
    work.session.add(turn)
    if not silent:
        work.wake("run_turn", conversation.id)
    return turn


def run_turns(kernel: Kernel, *, tenant_id: UUID, conversation_id: UUID) -> int:
    """Answer what is due in a conversation, in order; return how many turns ended.

    Does nothing while another worker holds the conversation. Running it twice does no harm.
    """
    for ended in range(TURNS_PER_JOB):
        with kernel.unit_of_work(tenant_id) as work:
            claim = _claim_next(kernel, work, conversation_id)
        if claim is None:
            return ended
        with bind_context(tenant_id=tenant_id, trace_id=claim.trace_id):
            _run(kernel, tenant_id, claim)
    with kernel.unit_of_work(tenant_id) as work:
        work.wake("run_turn", conversation_id)
    return TURNS_PER_JOB


def _run(kernel: Kernel, tenant_id: UUID, claim: _Claim) -> None:
    try:
        toolbox = actions.AgentToolbox(
            kernel, tenant_id=tenant_id, turn_id=claim.turn_id, lease_token=claim.lease_token
        )
        reply = runner_for(kernel, tenant_id, claim.agent).answer(claim.request, toolbox)
    except PatchbayError as error:
        logger.info("turns.turn.failed", code=error.code)
        _record_failure(kernel, tenant_id, claim, error)
    except Exception as error:
        if is_outage(error):
            raise  # nothing can be noted now; the lease runs out, and the sweeper wakes the turn again
        logger.exception("turns.turn.crashed")
        _record_failure(kernel, tenant_id, claim, error)
    else:
        _finish(kernel, tenant_id, claim, reply)
        logger.info("turns.turn.ended", runner=reply.runner, hands_over=reply.hand_over)


def _why_silent(conversation: Conversation, agent: Agent) -> str:
    if conversation.state is ConversationState.HUMAN:
        return "A person is in charge of this conversation"
    if conversation.state is ConversationState.WAITING:
        return "The conversation was handed over and waits for a person"
    if agent.status is AgentStatus.PAUSED:
        return f"{agent.name} is paused"
    return ""


def _claim_next(kernel: Kernel, work: UnitOfWork, conversation_id: UUID) -> _Claim | None:
    conversation = repository.lock_free_conversation(work, conversation_id)
    if conversation is None:
        return None
    turn = repository.find_first_open_turn(work, conversation_id)
    if turn is None:
        return None
    now = kernel.clock.now()
    agent = repository.get_agent(work, turn.agent_id)
    silent = _why_silent(conversation, agent)
    if silent:
        _end(turn, TurnState.SKIPPED, silent, now)
        work.wake("run_turn", conversation_id)
        work.notify("conversation", conversation_id)
        return None
    if turn.attempt >= kernel.settings.max_attempts:
        _give_up(work, turn, conversation, "Each attempt to answer was cut off before it ended", now)
        return None
    message = repository.get_message(work, turn.message_id)
    token = new_id()
    lease = kernel.settings.lease_seconds
    conversation.lease_token = turn.lease_token = token
    conversation.lease_until = turn.lease_until = in_seconds(lease)
    turn.state = TurnState.RUNNING
    turn.attempt += 1
    turn.started_at = now
    return _Claim(turn.id, turn.trace_id, token, agent, request_for(work, agent, conversation, message))


def request_for(work: UnitOfWork, agent: Agent, conversation: Conversation, message: Message) -> TurnRequest:
    """Return what an agent is to answer, with what it may know."""
    history = repository.list_messages_before(work, message, limit=HISTORY_MESSAGES)
    return TurnRequest(
        tenant_id=work.tenant_id,
        agent_id=agent.id,
        agent_name=agent.name,
        instructions=agent.instructions,
        model=agent.model,
        text=message.text,
        history=tuple(HistoryItem(author=_AUTHORS[item.author], text=item.text) for item in history),
        channel_kind=conversation.channel_kind,
        contact_name=repository.get_contact(work, conversation.contact_id).name,
    )


def _finish(kernel: Kernel, tenant_id: UUID, claim: _Claim, reply: TurnReply) -> None:
    """Store the reply, unless the lease was lost: then somebody else answers."""
    now = kernel.clock.now()
    with kernel.unit_of_work(tenant_id) as work:
        turn, conversation = repository.get_turn_with_conversation(work, claim.turn_id)
        if turn.lease_token != claim.lease_token:
            return
        _release(turn, conversation)
        silent = _why_silent(conversation, claim.agent)
        if silent:
            _end(turn, TurnState.SKIPPED, silent, now)
            work.notify("conversation", conversation.id)
            return
        turn.runner, turn.model = reply.runner, reply.model
        turn.input_tokens, turn.output_tokens = reply.input_tokens, reply.output_tokens
        _end(turn, TurnState.DONE, reply.reason, now)
        if reply.actions:
            actions.wake_open_runs(work, turn.id)
        replies = _add_replies(work, turn, conversation, claim.agent, reply, now)
        turn.reply_id = replies[0].id if replies else None
        if reply.hand_over:
            change_state(work, conversation, ConversationState.WAITING, f"Handed over: {reply.reason}", now)


def _add_replies(
    work: UnitOfWork, turn: Turn, conversation: Conversation, agent: Agent, reply: TurnReply, now: datetime
) -> list[Message]:
    asked = repository.get_message(work, turn.message_id)
    limit = get_manifest(repository.get_provider(work, conversation.connection_id)).message_limit
    return [
        add_reply(
            work,
            conversation=conversation,
            text=part,
            author=Author.AGENT,
            author_label=agent.name,
            reply_to=asked.reply_to,
            answers=asked.id,
            trace_id=turn.trace_id,
            now=now,
        )
        for part in split_text(reply.text, limit=limit)
    ]


def _record_failure(kernel: Kernel, tenant_id: UUID, claim: _Claim, error: Exception) -> None:
    now = kernel.clock.now()
    with kernel.unit_of_work(tenant_id) as work:
        turn, conversation = repository.get_turn_with_conversation(work, claim.turn_id)
        if turn.lease_token != claim.lease_token:
            return
        _release(turn, conversation)
        seconds = attempts.seconds_until_retry(kernel.settings, error, attempt=turn.attempt)
        if seconds is not None:
            turn.state = TurnState.DUE
            turn.next_attempt_at = in_seconds(seconds)
        else:
            _give_up(work, turn, conversation, "The agent could not answer", now)
        attempts.record_failure(work, turn, subject="turn", error=error, retry_seconds=seconds, now=now)
        work.notify("conversation", conversation.id)


def _give_up(work: UnitOfWork, turn: Turn, conversation: Conversation, reason: str, now: datetime) -> None:
    _end(turn, TurnState.DEAD, reason, now)
    change_state(work, conversation, ConversationState.WAITING, "The agent could not answer; a person is needed", now)
    work.notify("conversation", conversation.id)


def _release(turn: Turn, conversation: Conversation) -> None:
    turn.lease_token = turn.lease_until = None
    conversation.lease_token = conversation.lease_until = None


def _end(turn: Turn, state: TurnState, reason: str, now: datetime) -> None:
    turn.state = state
    turn.reason = reason
    turn.finished_at = now
