"""The outbox's twin: rows in memory, a virtual clock, and the product's own rules.

What decides is the product's: :mod:`services.sending.machine` and :mod:`services.connections.breaker`. What stands here
are the statements of ``services/sending/{repository,claiming,settling}.py`` on rows in memory; a contract suite runs
against both (``test_contract.py``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from models import MessageState
from services.connections import WAITS_FOR_PROVIDER, breaker, is_about_connection
from services.connections.breaker import Circuit, Permit
from services.connections.causes import cause_of
from services.kernel.errors import NeedsReauth, PatchbayError, RetryLater
from services.limits import WAITS_FOR_LIMIT
from services.provider_kit.contract import MessagingModule, OutboundMessage
from services.sending import machine
from services.sending.machine import Accepted, Act, Around, Change, Failed, Ground, NotFound, Policy, Standing
from services.sending.outbox import Batch, Claim, Result
from tests.simulation.rows import Line, Row, Store

LEASE = timedelta(seconds=30)
POLICY = Policy(max_attempts=5, retry_base_seconds=5)
LATER_ONES = timedelta(minutes=5)


def passes(row: Row, earlier: Row) -> bool:
    """Return whether a message need not wait for an earlier one: a person's, for one that waits for a limit."""
    return row.is_persons and earlier.state is MessageState.QUEUED and earlier.code == WAITS_FOR_LIMIT


def holds(row: Row, claim: Claim) -> bool:
    """Return whether a claim's lease is still the one that counts."""
    return row.lease_token == claim.token


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What decides; a test breaks one of them to see that it is noticed."""

    begin: Callable[..., Act | Change] = machine.begin
    settle: Callable[..., Change] = machine.settle
    failed: Callable[..., Circuit] = breaker.failed
    held: Callable[..., Circuit] = breaker.held
    is_free: Callable[[Row, datetime], bool] = Row.is_free
    is_next: Callable[[Row, Row], bool] = passes
    is_held: Callable[[Row, Claim], bool] = holds


class Watcher(Protocol):
    """Sees what the outbox does."""

    def claimed(self, row: Row, claim: Claim) -> None:
        """See a message being claimed."""
        ...

    def decided(self, row: Row, before: Standing, act: Act | None, change: Change) -> None:
        """See how a message stands from now on."""
        ...

    def settled(self, result: Result, *, is_kept: bool) -> None:
        """See what came of a claim."""
        ...

    def stays_away(self, connection_id: UUID, error: RetryLater) -> None:
        """See a failure of a provider that is left alone."""
        ...


class MemoryOutbox:
    """One tenant's outbox, as one worker sees it.

    Args:
        store: the rows.
        module: what calls the provider.
        watcher: who sees what is done.
        rules: what decides.
    """

    def __init__(
        self, store: Store, module: MessagingModule, watcher: Watcher | None = None, rules: Rules | None = None
    ) -> None:
        self._store, self._module, self._watcher = store, module, watcher
        self._rules = rules or Rules()

    def now(self) -> datetime:
        """Return the virtual time."""
        return self._store.time.now()

    def claim(self, *, limit: int) -> Batch:
        """Hold messages that may leave now."""
        now = self.now()
        found = self._list_sendable(now)[:limit]
        suspects = [row for row in found if row.was_cut_off]
        rows = suspects[:1] or found
        claiming = _Claiming(self._store, self._rules, self._watcher, now)
        acts = [(row, act) for row in rows if (act := claiming.begin(row)) is not None]
        claimed = _one_of_each([(row, act) for row, act in acts if claiming.lets_through(row, act)])
        token = self._store.new_id()
        claims = [self._hold(row, act, token, now) for row, act in claimed]
        return Batch(claims=claims, handled=claiming.handled + len(claims))

    def settle(self, results: Sequence[Result]) -> frozenset[UUID]:
        """Write down what came of claims that are still held."""
        now = self.now()
        settling = _Settling(self._store, self._rules, self._watcher, now)
        away = settling.note(results)
        return frozenset(result.claim.message_id for result in results if self._write(result, away, now))

    def _list_sendable(self, now: datetime) -> list[Row]:
        is_free, is_next = self._rules.is_free, self._rules.is_next
        before: dict[UUID, list[Row]] = {}
        found: list[Row] = []
        for row in self._store.unsent.values():
            earlier = before.setdefault(row.conversation_id, [])
            if row.due_at <= now and is_free(row, now) and all(is_next(row, other) for other in earlier):
                found.append(row)
            earlier.append(row)
        return sorted(found, key=lambda row: (row.due_at, row.id))

    def _hold(self, row: Row, act: Act, token: UUID, now: datetime) -> Claim:
        claim = Claim(
            message_id=row.id,
            conversation_id=row.conversation_id,
            connection_id=row.connection_id,
            trace_id=row.id,
            token=token,
            act=act,
            standing=replace(_standing(row), attempt=row.attempt + 1),
            outbound=OutboundMessage(
                id=str(row.id),
                channel_id=str(row.conversation_id),
                recipient="",
                text=row.text,
                attempted_at=row.attempted_at if act is Act.LOOK_UP else None,
            ),
            module=self._module,
            client=row,
        )
        if self._watcher:
            self._watcher.claimed(row, claim)
        row.state, row.attempt = MessageState.SENDING, row.attempt + 1
        row.lease_token, row.lease_until = token, now + LEASE
        row.attempted_at = now if act is Act.SEND else row.attempted_at
        return claim

    def _write(self, result: Result, away: Mapping[UUID, datetime], now: datetime) -> bool:
        claim = result.claim
        row = self._store.rows[claim.message_id]
        is_kept = self._rules.is_held(row, claim)
        if self._watcher:
            self._watcher.settled(result, is_kept=is_kept)
        if not is_kept:
            return False
        change = self._rules.settle(
            claim.standing,
            claim.act,
            result.outcome,
            policy=POLICY,
            now=now,
            jitter=self._store.rng.random(),
            provider_until=away.get(claim.connection_id),
        )
        if self._watcher:
            self._watcher.decided(row, claim.standing, claim.act, change)
        apply(self._store, row, change)
        row.external_id = change.sent.external_id if change.sent else row.external_id
        return True


class _Claiming:
    """One batch being claimed."""

    def __init__(self, store: Store, rules: Rules, watcher: Watcher | None, now: datetime) -> None:
        self._store, self._rules, self._watcher, self._now = store, rules, watcher, now
        self._asked: set[UUID] = set()
        self._put_off: dict[UUID, int] = {}
        self.handled = 0

    def begin(self, row: Row) -> Act | None:
        """Return what is done with a message; None if it is settled, or left as it is."""
        line, talk = self._store.lines[row.connection_id], self._store.talks[row.conversation_id]
        cut_offs = row.cut_offs + 1 if row.was_cut_off else 0
        row.cut_offs = cut_offs or row.cut_offs
        standing = _standing(row, cut_offs=cut_offs)
        overtaken = row.code == WAITS_FOR_LIMIT and talk.is_human
        around = Around(ground=line.ground, opted_out=talk.opted_out, overtaken=overtaken)
        decided = self._rules.begin(standing, around, now=self._now)
        if not isinstance(decided, Change) and not line.has_access:
            row.lease_token = None  # it counts as cut off once
            return None
        if not isinstance(decided, Change) and (until := self._wait(line)):
            decided = self._rules.begin(standing, replace(around, provider_until=until), now=self._now)
        if not isinstance(decided, Change):
            return decided
        if self._watcher:
            self._watcher.decided(row, standing, None, decided)
        apply(self._store, row, decided)
        self.handled += 1
        return None

    def lets_through(self, row: Row, act: Act) -> bool:
        """Return whether no limit stands against a message; else it waits for it."""
        until = self._store.talks[row.conversation_id].limited_until
        if act is Act.LOOK_UP or row.is_persons or until is None or until <= self._now:
            return True
        row.code, row.due_at = WAITS_FOR_LIMIT, until
        self._store.wake_at(until)
        self.handled += 1
        return False

    def _wait(self, line: Line) -> datetime | None:
        """Return when a call may be made through a line; the first one through a half-open circuit is the probe."""
        is_first = line.id not in self._asked
        self._asked.add(line.id)
        permit = breaker.permit(line.circuit, now=self._now, is_send=True)
        if permit is Permit.CALL:
            return None
        if permit is Permit.PROBE and is_first:
            line.circuit = breaker.probing(line.circuit, now=self._now)
            return None
        until = breaker.next_call_at(line.circuit, now=self._now, is_send=True) or self._now + breaker.PROBE_EVERY
        self._put_off[line.id] = count = self._put_off.get(line.id, 0) + 1
        return until + LATER_ONES if line.circuit.opened_at is not None and count > 1 else until


class _Settling:
    """What results say of their connections."""

    def __init__(self, store: Store, rules: Rules, watcher: Watcher | None, now: datetime) -> None:
        self._store, self._rules, self._watcher, self._now = store, rules, watcher, now

    def note(self, results: Sequence[Result]) -> Mapping[UUID, datetime]:
        """Keep the connections true to the calls; return when those may be called that do not answer."""
        for result in results:
            self._note(self._store.lines[result.claim.connection_id], result)
        circuits = {item.claim.connection_id: self._store.lines[item.claim.connection_id].circuit for item in results}
        return {key: item.next_at for key, item in circuits.items() if item.opened_at and item.next_at}

    def _note(self, line: Line, result: Result) -> None:
        match result.outcome:
            case Accepted(sent=sent):
                self._answered(line)
                if sent.pause is not None:
                    self._hold(line, sent.pause, sends_only=False)
            case NotFound():
                self._answered(line)
            case Failed(error=error):
                self._failed(line, error)
            case _:
                pass

    def _answered(self, line: Line) -> None:
        was_open = line.circuit.opened_at is not None
        line.circuit = breaker.succeeded(line.circuit)
        if not was_open:
            return
        for row in self._store.unsent.values():
            waits = row.state is MessageState.QUEUED and row.code == WAITS_FOR_PROVIDER
            if row.connection_id == line.id and waits:
                row.due_at = self._now
        self._store.wake_at(self._now)

    def _failed(self, line: Line, error: PatchbayError) -> None:
        after = error.after if isinstance(error, RetryLater) else None
        if isinstance(error, NeedsReauth) and line.ground is Ground.WORKING:
            line.ground = Ground.BROKEN
        if is_about_connection(error) and breaker.is_failure(error):
            line.circuit = self._rules.failed(line.circuit, now=self._now, reason=error.message, after=after)
            if self._watcher and line.circuit.opened_at and isinstance(error, RetryLater):
                self._watcher.stays_away(line.id, error)
        is_busy = after is not None and cause_of(error).value == "rate_limit"
        if after is not None and is_busy and line.slow_down_means != "call":
            self._hold(line, after, sends_only=line.slow_down_means == "method")

    def _hold(self, line: Line, wait: timedelta, *, sends_only: bool) -> None:
        until = self._now + wait
        line.circuit = self._rules.held(line.circuit, until=until, sends_only=sends_only, now=self._now)


def apply(store: Store, row: Row, change: Change) -> None:
    """Write down how a message stands."""
    row.state, row.attempt, row.code = change.state, change.attempt, change.code
    row.lease_token, row.lease_until = None, change.lease_until
    row.due_at = change.due_at or row.due_at
    store.ended(row)
    store.wake_at(change.next_at)


def _standing(row: Row, *, cut_offs: int = 0) -> Standing:
    return Standing(state=row.state, attempt=row.attempt, written_at=row.written_at, cut_offs=cut_offs)


def _one_of_each(acts: Sequence[tuple[Row, Act]]) -> Sequence[tuple[Row, Act]]:
    earliest: dict[UUID, UUID] = {}
    for row, _ in acts:
        earliest[row.conversation_id] = min(row.id, earliest.get(row.conversation_id, row.id))
    return [(row, act) for row, act in acts if earliest[row.conversation_id] == row.id]
