"""Writes down what agents answered, many turns in one transaction."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models import Author, Conversation, Message, Turn, TurnState
from services import actions, attempts, connections
from services.agents import TurnReply
from services.conversations import add_reply, hand_over, store_replies
from services.kernel.db import UnitOfWork
from services.kernel.kernel import Kernel
from services.provider_kit.registry import get_manifest
from services.sending import split_text
from services.turns import batch_repository as repository
from services.turns.claiming import TurnClaim, end
from services.turns.machine import Step, failed, why_silent


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a claim: a reply, or what was raised."""

    claim: TurnClaim
    reply: TurnReply | None = None
    error: Exception | None = None


def settle_turns(kernel: Kernel, tenant_id: UUID, answers: Sequence[Answer]) -> None:
    """Store replies and failures; those whose lease was lost are left to whoever answers now."""
    by_turn = {answer.claim.turn_id: answer for answer in answers}
    with kernel.unit_of_work(tenant_id) as work:
        claims = [answer.claim for answer in answers]
        held = repository.lock_held(
            work, {claim.turn_id: claim.conversation_id for claim in claims}, tokens={claim.token for claim in claims}
        )
        settling = _Settling(kernel, work, held)
        for turn, conversation in held:
            settling.settle(turn, conversation, by_turn[turn.id])
        store_replies(work, settling.replies)


class _Settling:
    """One batch being settled."""

    def __init__(self, kernel: Kernel, work: UnitOfWork, held: Sequence[tuple[Turn, Conversation]]) -> None:
        self._settings, self._work = kernel.settings, work
        self.replies: list[Message] = []
        """Still to be stored."""
        self._now, self._due_at = kernel.clock.now(), connections.database_time(work.session)
        ids = {conversation.connection_id for _, conversation in held}
        self._providers: Mapping[UUID, str] = repository.list_providers(work, ids) if ids else {}

    def settle(self, turn: Turn, conversation: Conversation, answer: Answer) -> None:
        """Write one answer down."""
        if answer.reply is None:
            self._fail(turn, conversation, answer.error or RuntimeError())
            return
        agent = answer.claim.agent
        silent = why_silent(conversation.state, agent.status, agent.name)
        if silent:
            end(self._work, turn, conversation, Step(state=TurnState.SKIPPED, reason=silent), self._now)
            return
        self._finish(turn, conversation, answer.claim, answer.reply)

    def _finish(self, turn: Turn, conversation: Conversation, claim: TurnClaim, reply: TurnReply) -> None:
        turn.runner, turn.model = reply.runner, reply.model
        turn.input_tokens, turn.output_tokens = reply.input_tokens, reply.output_tokens
        end(self._work, turn, conversation, Step(state=TurnState.DONE, reason=reply.reason), self._now)
        if reply.actions:
            actions.wake_open_runs(self._work, turn.id)
        replies = self._add_replies(turn, conversation, claim, reply)
        turn.reply_id = replies[0].id if replies else None
        if reply.hand_over:
            hand_over(self._work, conversation, f"Handed over: {reply.reason}", self._now, trace_id=turn.trace_id)

    def _add_replies(self, turn: Turn, conversation: Conversation, claim: TurnClaim, reply: TurnReply) -> list[Message]:
        limit = get_manifest(self._providers[conversation.connection_id]).message_limit
        return [self._add_reply(turn, conversation, claim, part) for part in split_text(reply.text, limit=limit)]

    def _add_reply(self, turn: Turn, conversation: Conversation, claim: TurnClaim, text: str) -> Message:
        return add_reply(
            self._work,
            conversation=conversation,
            text=text,
            author=Author.AGENT,
            author_label=claim.agent.name,
            reply_to=claim.reply_to,
            answers=turn.message_id,
            trace_id=turn.trace_id,
            now=self._now,
            due_at=self._due_at,
            together=self.replies,
        )

    def _fail(self, turn: Turn, conversation: Conversation, error: Exception) -> None:
        step = failed(error, self._settings, attempt=turn.attempt, now=self._due_at, jitter=_draw())
        seconds = None if step.due_at is None else (step.due_at - self._due_at).total_seconds()
        if step.due_at is None:
            end(self._work, turn, conversation, step, self._now)
        else:
            self._put_off(turn, conversation, step.due_at)
        attempts.record_failure(self._work, turn, subject="turn", error=error, retry_seconds=seconds, now=self._now)

    def _put_off(self, turn: Turn, conversation: Conversation, due_at: datetime) -> None:
        turn.state, turn.next_attempt_at = TurnState.DUE, due_at
        turn.lease_token = turn.lease_until = None
        conversation.lease_token = conversation.lease_until = None
        self._work.wake_in((due_at - self._due_at).total_seconds(), "run_turn", self._work.tenant_id)
        self._work.notify("conversation", conversation.id)


def _draw() -> float:
    return random.random()  # noqa: S311 (spreads load, guards nothing)
