"""Claims messages that may leave now, many in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from models import Connection, ConnectionStatus, Conversation, ConversationState, Message, MessageState
from services import attempts, connections, email, limits
from services.connections import CallWait
from services.kernel.db import UnitOfWork
from services.kernel.errors import NeedsReauth
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.provider_kit.contract import ChannelKind, OutboundMessage
from services.provider_kit.registry import messaging
from services.sending import repository
from services.sending.limiting import counts, leaving_of, settle_held
from services.sending.machine import Act, Around, Change, Ground, Standing, begin
from services.sending.outbox import Batch, Claim
from services.sending.waits import note_wait

_LATER_ONES = timedelta(minutes=5)
"""How much longer all but the first wait for a provider that does not answer; its first answer releases them."""
_MARGIN_SECONDS = 0.02
"""Rather a little late than once more for nothing."""
_GROUNDS: Mapping[ConnectionStatus, Ground] = {
    ConnectionStatus.ACTIVE: Ground.WORKING,
    ConnectionStatus.DEGRADED: Ground.WORKING,
    ConnectionStatus.PAUSED: Ground.PAUSED,
    ConnectionStatus.DISCONNECTED: Ground.GONE,
}


def standing_of(message: Message, *, cut_offs: int = 0) -> Standing:
    """Return how a message stands, as its row says."""
    return Standing(state=message.state, attempt=message.attempt, written_at=message.created_at, cut_offs=cut_offs)


def apply_change(work: UnitOfWork, message: Message, change: Change) -> None:
    """Write down how a message stands that is not claimed."""
    message.state, message.attempt = change.state, change.attempt
    message.error_code, message.error_text = change.code, change.words
    message.lease_token, message.lease_until = None, change.lease_until
    message.next_attempt_at = change.due_at or message.next_attempt_at
    work.notify("conversation", message.conversation_id)


def wake_at(work: UnitOfWork, at: datetime | None, *, now: datetime) -> None:
    """Have the tenant's outbox looked at when something there is due."""
    if at is not None:
        work.wake_in((at - now).total_seconds() + _MARGIN_SECONDS, "send_message", work.tenant_id)


class _Line:
    """One connection in a batch: whether calls may be made through it, and the client that makes them."""

    def __init__(self, kernel: Kernel, work: UnitOfWork, connection: Connection, *, now: datetime) -> None:
        self._kernel, self._work, self._now = kernel, work, now
        self.connection = connection
        self.module = messaging(connection.provider)
        self._wait: CallWait | None = None
        self._is_asked = False
        self._waiting = 0
        self._client: Any = None
        self._status_url: str | None = None

    def wait(self) -> CallWait | None:
        """Return what the next call waits for; the first one through a half-open circuit is the probe."""
        if not self._is_asked or (self._wait is None and self.connection.circuit_opened_at is not None):
            is_first = not self._is_asked
            self._is_asked = True
            self._wait = connections.wait_for_call(
                self._work, self.connection, now=self._now, is_send=True, may_probe=is_first
            )
        return self._wait

    def give_back_probe(self) -> None:
        """Let another call be the probe, if a message of this batch was to be it and does not leave."""
        if self._is_asked and self._wait is None:
            connections.give_back_probe(self._work, self.connection)

    def put_off(self, wait: CallWait) -> datetime:
        """Return when a message is looked at again that waits: the first then, the others when it got through."""
        self._waiting += 1
        is_open = self.connection.circuit_opened_at is not None
        return wait.until + _LATER_ONES if is_open and self._waiting > 1 else wait.until

    def client(self) -> Any:
        """Return the provider's client.

        Raises:
            TokenRunOut, NeedsReauth
        """
        if self._client is None:
            self._client = connections.open_client(self._kernel, self._work, self.connection)
        return self._client

    def status_url(self) -> str:
        """Return where the provider reports delivery."""
        if self._status_url is None:
            self._status_url = connections.webhook_url(self._kernel, self._work, self.connection, kind="status")
        return self._status_url


class Claiming:
    """One batch being claimed.

    Args:
        kernel: the process's seams.
        left_out: connections through which nothing is claimed.
    """

    def __init__(self, kernel: Kernel, *, left_out: set[UUID]) -> None:
        self._kernel = kernel
        self._left_out = left_out
        self.missing: list[limits.CountsMissing] = []
        """Counters that Redis does not have; what they count was not claimed."""
        self.run_out: set[UUID] = set()
        """Connections whose access is over; nothing was claimed of them."""
        self.without_access: set[UUID] = set()
        """Connections that hold no credential."""

    def run(self, work: UnitOfWork, *, limit: int) -> Batch:
        """Claim messages; settle those that are not to leave now.

        Raises:
            RetryLater: nobody can count now; the transaction is to be rolled back.
        """
        found = repository.lock_sendable(work, without=self._left_out, limit=limit)
        found = found or repository.lock_sendable(work, without=self._left_out, limit=1, waits=True)
        suspects = [message for message, _ in found if _was_cut_off(message)]
        messages = suspects[:1] or [message for message, _ in found]
        if not messages:
            return Batch()
        self._work, self._now = work, found[0][1]
        self._read(messages)
        ready = [(message, act) for message in messages if (act := self._begin(message)) is not None]
        let = self._let_through([message for message, act in ready if act is Act.SEND])
        claimed = _one_of_each([(message, act) for message, act in ready if act is Act.LOOK_UP or message.id in let])
        for connection_id in self._lines.keys() - {message.connection_id for message, _ in claimed}:
            self._lines[connection_id].give_back_probe()
        return Batch(claims=self._hold(claimed, let), handled=self._handled + len(claimed))

    def _read(self, messages: Sequence[Message]) -> None:
        """Read what stands around the messages, one statement a table."""
        work = self._work
        self._handled = 0
        self._conversations = repository.find_conversations(work, {row.conversation_id for row in messages})
        rows = repository.find_connections(work, {row.connection_id for row in messages})
        self._lines = {row.id: _Line(self._kernel, work, row, now=self._now) for row in rows}
        self._opted_out = repository.find_opt_outs(work, messages)
        cut_off = [row for row in messages if _was_cut_off(row)]
        self._cut_offs = (
            attempts.count_cut_offs(work, cut_off, subject="message", now=self._now) if cut_off else dict[UUID, int]()
        )

    def _begin(self, message: Message) -> Act | None:
        """Return what is done with a message; None if it is settled, or left as it is."""
        line = self._lines[message.connection_id]
        conversation = self._conversations[message.conversation_id]
        standing = standing_of(message, cut_offs=self._cut_offs.get(message.id, 0))
        around = self._around(message, conversation, line)
        decided = begin(standing, around, now=self._now)
        if not isinstance(decided, Change) and not self._has_access(line):
            message.lease_token = None  # it was cut off once, however long there is no access
            return None
        if not isinstance(decided, Change) and (wait := line.wait()):
            until = line.put_off(wait)
            decided = begin(standing, replace(around, provider_until=until, provider_words=wait.words), now=self._now)
        if not isinstance(decided, Change):
            return decided
        note_wait(self._work, message, code=decided.code, words=decided.words, now=self._now)
        apply_change(self._work, message, decided)
        wake_at(self._work, decided.next_at, now=self._now)
        self._handled += 1
        return None

    def _around(self, message: Message, conversation: Conversation, line: _Line) -> Around:
        key = (message.connection_id, conversation.channel_id, message.recipient)
        return Around(
            ground=_GROUNDS.get(line.connection.status, Ground.BROKEN),
            opted_out=key in self._opted_out,
            overtaken=message.error_code == limits.WAITS_FOR_LIMIT and conversation.state is ConversationState.HUMAN,
        )

    def _has_access(self, line: _Line) -> bool:
        """Open the connection's client, or note why that cannot be done."""
        try:
            line.client()
        except connections.TokenRunOut as over:
            self.run_out.add(over.connection_id)
            return False
        except NeedsReauth:
            self.without_access.add(line.connection.id)
            return False
        return True

    def _let_through(self, messages: Sequence[Message]) -> dict[UUID, datetime]:
        """Count messages that leave now, all in one round trip; return when each was. The others are settled."""
        asked = [
            leaving_of(
                message,
                conversation=self._conversations[message.conversation_id],
                connection=self._lines[message.connection_id].connection,
            )
            for message in messages
        ]
        let: dict[UUID, datetime] = {}
        for message, outcome in zip(messages, limits.let_through_many(self._kernel, self._work, asked), strict=True):
            if isinstance(outcome, limits.CountsMissing):
                self.missing.append(outcome)
            elif isinstance(outcome, limits.LetThrough):
                let[message.id] = outcome.at
            else:
                self._handled += 1
                settle_held(self._kernel, self._work, message, self._conversations[message.conversation_id], outcome)
        return let

    def _hold(self, claimed: Sequence[tuple[Message, Act]], let: Mapping[UUID, datetime]) -> list[Claim]:
        """Write down that this worker holds the messages, and return them as they are to be sent."""
        if not claimed:
            return []
        token = new_id()
        counted = {message.id: at for message, _ in claimed if counts(message) and (at := let.get(message.id))}
        repository.hold(
            self._work,
            [message.id for message, _ in claimed],
            token=token,
            seconds=self._kernel.settings.lease_seconds,
            sent_now=[message.id for message, act in claimed if act is Act.SEND],
            counted=counted,
            now=self._now,
        )
        for conversation_id in {message.conversation_id for message, _ in claimed}:
            self._work.notify("conversation", conversation_id)
        return [self._claim(message, act, token) for message, act in claimed]

    def _claim(self, message: Message, act: Act, token: UUID) -> Claim:
        line = self._lines[message.connection_id]
        return Claim(
            message_id=message.id,
            conversation_id=message.conversation_id,
            connection_id=message.connection_id,
            trace_id=message.trace_id,
            token=token,
            act=act,
            standing=replace(standing_of(message), attempt=message.attempt + 1),
            outbound=self._outbound(message, act, line),
            module=line.module,
            client=line.client(),
        )

    def _outbound(self, message: Message, act: Act, line: _Line) -> OutboundMessage:
        conversation = self._conversations[message.conversation_id]
        is_lookup, is_letter = act is Act.LOOK_UP, conversation.channel_kind == ChannelKind.EMAIL
        return OutboundMessage(
            id=_id_at_provider(message),
            channel_id=conversation.channel_id,
            recipient=message.recipient,
            reply_to=message.reply_to,
            text=message.text,
            status_url=line.status_url(),
            attempted_at=message.attempted_at if is_lookup else None,
            known_ids=repository.list_known_ids(self._work, message) if is_lookup else frozenset(),
            email=email.outgoing(self._work, message) if is_letter else None,
        )


def _one_of_each(ready: Sequence[tuple[Message, Act]]) -> Sequence[tuple[Message, Act]]:
    """Return the earliest of each conversation: there may be a person's that need not wait for it, but does now."""
    earliest: dict[UUID, UUID] = {}
    for message, _ in ready:
        earliest[message.conversation_id] = min(message.id, earliest.get(message.conversation_id, message.id))
    return [(message, act) for message, act in ready if earliest[message.conversation_id] == message.id]


def _was_cut_off(message: Message) -> bool:
    """Return whether the last attempt ended with its worker: it never let the message go."""
    return message.state is MessageState.SENDING and message.lease_token is not None


def _id_at_provider(message: Message) -> str:
    """Return what the provider knows the message by; another one once it is to accept the same message anew."""
    return f"{message.id}-{message.resends}" if message.resends else str(message.id)
