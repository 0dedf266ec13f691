"""What must hold in every run: judged while it goes on, and once the faults have stopped."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from uuid import UUID

from models import MessageState
from services.attempts import CUT_OFF, MOST_CUT_OFF
from services.connections.breaker import is_failure
from services.kernel.errors import NeedsReauth, RetryLater
from services.limits import WAITS_FOR_LIMIT
from services.sending.machine import PATIENCE, Act, Change, Failed, Ground, NotBegun, Standing
from services.sending.outbox import Claim, Result
from tests.simulation.memory import LEASE, POLICY
from tests.simulation.provider import Taken, VirtualProvider
from tests.simulation.rows import Row, Store

_QUEUED, _SENDING, _SENT = MessageState.QUEUED, MessageState.SENDING, MessageState.SENT
_DELIVERED, _FAILED, _UNKNOWN = MessageState.DELIVERED, MessageState.FAILED, MessageState.UNKNOWN
_ARROWS: Mapping[tuple[MessageState, Act | None], frozenset[MessageState]] = MappingProxyType(
    {
        (_QUEUED, None): frozenset({_QUEUED, _FAILED}),
        (_SENDING, None): frozenset({_SENDING, _UNKNOWN}),
        (_QUEUED, Act.SEND): frozenset({_QUEUED, _SENDING, _SENT, _DELIVERED, _FAILED}),
        (_SENDING, Act.LOOK_UP): frozenset({_QUEUED, _SENDING, _SENT, _DELIVERED, _FAILED, _UNKNOWN}),
    }
)
"""Where a message may go from a state: when it is not claimed, sent, or looked up."""


class Broken(Exception):
    """An invariant does not hold; the text says which."""


@dataclass(frozen=True, slots=True)
class _Held:
    claim: Claim
    until: float


@dataclass(frozen=True, slots=True)
class _Named:
    """A time that the provider named, and that nobody may undercut."""

    until: float
    is_busy: bool


@dataclass(slots=True)
class Oracle:
    """Sees what the outbox does, and compares it with what the provider took."""

    store: Store
    provider: VirtualProvider
    tell: Callable[..., None]
    held: dict[UUID, _Held] = field(default_factory=dict[UUID, _Held])
    counted: dict[UUID, int] = field(default_factory=dict[UUID, int])
    """Attempts at each message that count."""
    cut_offs: dict[UUID, int] = field(default_factory=dict[UUID, int])
    named: dict[UUID, _Named] = field(default_factory=dict[UUID, _Named])
    """By message, or by connection where the provider means the account."""
    outcomes: dict[UUID, Result] = field(default_factory=dict[UUID, Result])
    waited: dict[UUID, float] = field(default_factory=dict[UUID, float])
    """When a message that had waited for a limit was found to wait for something else."""
    passed: set[tuple[UUID, UUID]] = field(default_factory=set[tuple[UUID, UUID]])
    """(later, earlier) messages where the rules let the later one go ahead."""

    def claimed(self, row: Row, claim: Claim) -> None:
        """Hold a claim against what is held already, and against what the provider asked for."""
        now = self.store.time.seconds
        self.tell("claimed", row.id, claim.act, claim.standing.attempt)
        other = self.held.get(row.id)
        if other and now <= other.until:
            raise Broken(f"{_name(row.id)} is claimed while somebody holds it")
        if other:
            self.cut_offs[row.id] = self.cut_offs.get(row.id, 0) + 1
        self._one_of_a_conversation(row, now)
        self._in_order(row)
        for key in (row.id, row.connection_id):
            named = self.named.get(key)
            if named and now < named.until:
                raise Broken(f"{_name(row.id)} is claimed {named.until - now:.1f} s before the provider's time")
        self.held[row.id] = _Held(claim, now + LEASE.total_seconds())
        self.counted[row.id] = count = self.counted.get(row.id, 0) + 1
        if claim.act is Act.SEND and count > POLICY.max_attempts:
            raise Broken(f"{_name(row.id)} is sent for the {count}th time")
        if self.cut_offs.get(row.id, 0) >= MOST_CUT_OFF and other:
            raise Broken(f"{_name(row.id)} was cut off {self.cut_offs[row.id]} times and is claimed once more")

    def decided(self, row: Row, before: Standing, act: Act | None, change: Change) -> None:
        """Hold a change against the table of states, and against the attempts that count."""
        self.tell("stands", row.id, f"{before.state.value} → {change.state.value}", change.code)
        if change.state not in _ARROWS.get((before.state, act), frozenset[MessageState]()):
            raise Broken(f"{_name(row.id)} went from {before.state} to {change.state} by {act}")
        if act is None:
            if row.code == WAITS_FOR_LIMIT:
                self.waited[row.id] = self.store.time.seconds
            if self.held.pop(row.id, None):
                self.cut_offs[row.id] = self.cut_offs.get(row.id, 0) + 1
            return
        if change.attempt < before.attempt:
            self._gave_back(row, before, change)

    def settled(self, result: Result, *, is_kept: bool) -> None:
        """Hold a result against the lease, and remember the times that the provider named."""
        claim = result.claim
        self.tell("settled" if is_kept else "came too late", claim.message_id, type(result.outcome).__name__)
        held = self.held.get(claim.message_id)
        is_holder = held is not None and held.claim.token == claim.token
        if is_kept and not is_holder:
            raise Broken(f"{_name(claim.message_id)} is settled by somebody who does not hold it any more")
        if held and is_holder and not is_kept and self.store.time.seconds <= held.until:
            raise Broken(f"{_name(claim.message_id)} may not be settled by who holds it")
        if is_kept:
            del self.held[claim.message_id]
            self.outcomes[claim.message_id] = result
            self.named.pop(claim.message_id, None)
            if isinstance(result.outcome, Failed) and isinstance(result.outcome.error, NeedsReauth):
                self.counted[claim.message_id] -= 1  # it waits for a person, however often
        if isinstance(result.outcome, Failed):
            self._remember_time(result, result.outcome.error, is_kept=is_kept)
        elif not isinstance(result.outcome, NotBegun):
            self._is_back(claim.connection_id)

    def stays_away(self, connection_id: UUID, error: RetryLater) -> None:
        """Remember when a provider that does not answer wants to be asked again."""
        if error.after is not None:
            until = self.provider.named_at[error.request_id] + error.after.total_seconds()
            self._remember(connection_id, _Named(until, is_busy=False))

    def judge(self) -> None:
        """Compare how messages ended with what the provider took.

        Raises:
            Broken: something was lost, sent twice, said of a message that is not so, or in another order than written.
        """
        for row in self.store.rows.values():
            taken = self.provider.list_taken(row.id)
            if row.state in (_QUEUED, _SENDING):
                raise Broken(f"{_name(row.id)} never ended: {row.state}, {row.code}, attempt {row.attempt}")
            if len(taken) > 1:
                raise Broken(f"{_name(row.id)} was accepted {len(taken)} times")
            self._is_true(row, taken[0] if taken else None)
        self._order()

    def _is_true(self, row: Row, taken: Taken | None) -> None:
        if row.state in (_SENT, _DELIVERED) and (taken is None or taken.external_id != row.external_id):
            raise Broken(f"{_name(row.id)} counts as sent and was not accepted")
        if row.state is _FAILED and taken:
            raise Broken(f"{_name(row.id)} counts as failed and was accepted")
        if row.state is _UNKNOWN and not self._may_be_unknown(row):
            raise Broken(f"{_name(row.id)} is unknown although the provider can tell: {row.code}")

    def _may_be_unknown(self, row: Row) -> bool:
        is_gone = self.store.lines[row.connection_id].ground is Ground.GONE
        was_asked = row.id in self.outcomes and self.outcomes[row.id].claim.act is Act.LOOK_UP
        is_used_up = was_asked and row.attempt >= POLICY.max_attempts
        was_cut_off = row.code == CUT_OFF and self.cut_offs.get(row.id, 0) >= MOST_CUT_OFF
        return is_gone or is_used_up or was_cut_off or row.id in self.provider.cannot_tell

    def _order(self) -> None:
        last: dict[UUID, Taken] = {}
        known = (item for item in self.provider.ledger if self.store.rows[item.message_id].state is not _UNKNOWN)
        for taken in sorted(known, key=lambda item: item.at):
            before = last.get(taken.conversation_id)
            if before and before.message_id > taken.message_id:
                if (before.message_id, taken.message_id) not in self.passed:
                    raise Broken(f"{_name(before.message_id)} was accepted before {_name(taken.message_id)}")
                continue
            last[taken.conversation_id] = taken

    def _one_of_a_conversation(self, row: Row, now: float) -> None:
        for held in self.held.values():
            is_alike = held.claim.conversation_id == row.conversation_id and held.claim.message_id != row.id
            if is_alike and now <= held.until and (held.claim.message_id, row.id) not in self.passed:
                raise Broken(f"{_name(row.id)} is claimed while {_name(held.claim.message_id)} is under way")

    def _in_order(self, row: Row) -> None:
        for other in self.store.unsent.values():
            if other.conversation_id != row.conversation_id or other.id >= row.id:
                continue
            waits = other.state is _QUEUED and other.code == WAITS_FOR_LIMIT
            waited = self.waited.get(other.id) == self.store.time.seconds
            if not (row.is_persons and (waits or waited)) and (row.id, other.id) not in self.passed:
                raise Broken(f"{_name(row.id)} is claimed before {_name(other.id)}")
            self.passed.add((row.id, other.id))

    def _gave_back(self, row: Row, before: Standing, change: Change) -> None:
        outcome = self.outcomes[row.id].outcome
        circuit = self.store.lines[row.connection_id].circuit
        is_young = self.store.time.now() - before.written_at < PATIENCE
        is_away = isinstance(outcome, Failed) and is_failure(outcome.error) and circuit.opened_at and is_young
        if change.attempt != before.attempt - 1 or not (isinstance(outcome, NotBegun) or is_away):
            raise Broken(f"{_name(row.id)} got an attempt back")
        self.counted[row.id] -= 1

    def _remember_time(self, result: Result, error: Exception, *, is_kept: bool) -> None:
        if not isinstance(error, RetryLater) or error.after is None:
            return
        claim, is_busy = result.claim, error.status == 429
        named = _Named(self.provider.named_at[error.request_id] + error.after.total_seconds(), is_busy)
        if is_kept:
            self.named[claim.message_id] = named
        if is_busy and self.store.lines[claim.connection_id].slow_down_means != "call":
            self._remember(claim.connection_id, named)

    def _remember(self, connection_id: UUID, named: _Named) -> None:
        before = self.named.get(connection_id)
        self.named[connection_id] = max(named, before, key=lambda item: item.until) if before else named

    def _is_back(self, connection_id: UUID) -> None:
        """Forget when a provider that was away wanted to be asked again: it has answered since."""
        for key in [key for key, named in self.named.items() if not named.is_busy]:
            row = self.store.rows.get(key)
            if key == connection_id or (row and row.connection_id == connection_id):
                del self.named[key]


def _name(row_id: UUID) -> str:
    return f"message {row_id.int}"
