"""Lets through what may leave now: the agent's limits, all agents' together, and the provider's pace, at once.

The counters live in Redis and are filled from the rows' ``counted_at`` where Redis does not have them. Who counts holds
a lock, shared with everybody who counts for the tenant, until its row is committed; who fills holds it alone. So
nothing is missed however often Redis forgets (docs/decisions/0015-limits.md).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from models import Connection, Excess, LimitGroup
from services.kernel.db import UnitOfWork
from services.kernel.errors import RetryLater
from services.kernel.kernel import Kernel
from services.kernel.limiter import Counted, Denied, Missing, Paced, Taken
from services.limits import repository
from services.limits.alarms import SPANS as _SPANS
from services.limits.alarms import Use, raise_alarms
from services.limits.rules import Rule, clock_words, limit_words, rule_of
from services.provider_kit.contract import Pace
from services.provider_kit.registry import get_manifest

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """What wants to leave."""

    connection: Connection
    agent_id: UUID | None
    """Whose limits it counts for; None for a person's reply and for what was counted before: only the pace holds."""
    agent_name: str = ""
    group: LimitGroup
    channel_id: str = ""
    """What the provider counts together; empty if only the connection's pace is known to hold."""
    characters: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LetThrough:
    """It may leave, and has been counted."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """It may not leave now."""

    words: str
    """Which limit it is, and when the next may leave: "60 an hour for Bri on SMS; next at 16:00 UTC"."""
    excess: Excess
    wait: timedelta
    is_pace: bool = False
    """Whether it is the provider's pace, which holds for everybody."""


class CountsMissing(RetryLater):
    """Redis does not know what was counted; :func:`with_counts` takes care of that."""

    def __init__(self, agent_id: UUID, group: LimitGroup) -> None:
        super().__init__("What was counted is read from the database first.", code="limits_missing")
        self.agent_id = agent_id
        self.group = group


def with_counts(kernel: Kernel, *, tenant_id: UUID, attempt: Callable[[], T]) -> T:
    """Run what asks :func:`let_through` in a transaction; where counters are missing, fill them and run it once more.

    Raises:
        RetryLater: nobody can count now; whatever ``attempt`` raises.
    """
    try:
        return attempt()
    except CountsMissing as missing:
        _fill(kernel, tenant_id, missing)
    return attempt()


def let_through(kernel: Kernel, work: UnitOfWork, leaving: Leaving) -> LetThrough | Held:
    """Count what leaves, in the transaction that writes when that was, or say what it waits for.

    Args:
        kernel: the process's seams.
        work: the transaction in which the row's ``counted_at`` is written.
        leaving: what wants to leave.

    Raises:
        CountsMissing: the transaction is to be ended; see :func:`with_counts`.
        RetryLater: nobody can count now.
    """
    [outcome] = let_through_many(kernel, work, [leaving])
    if isinstance(outcome, CountsMissing):
        raise outcome
    return outcome


def let_through_many(
    kernel: Kernel, work: UnitOfWork, leaving: Sequence[Leaving]
) -> Sequence["LetThrough | Held | CountsMissing"]:
    """Do the same for several, in order, in one round trip to Redis.

    What counters are missing for is left uncounted and returned as such: the others need not wait for :func:`fill`.

    Raises:
        RetryLater: nobody can count now; the transaction is to be ended.
    """
    asked = [_ask(work, item, rules) for item, rules in zip(leaving, _rules(work, leaving), strict=True)]
    if any(item.rules for item in asked):
        repository.hold_counting(work)
    outcomes = iter(kernel.limiter.take_each([item.counters() for item in asked if item.rules or item.paces]))
    return [
        _let(kernel, work, item, next(outcomes))
        if item.rules or item.paces
        else LetThrough(at=repository.database_time(work))
        for item in asked
    ]


def fill(kernel: Kernel, *, tenant_id: UUID, missing: CountsMissing) -> None:
    """Fill the counters that Redis does not have from the rows; outside any transaction.

    Raises:
        RetryLater: nobody can count now.
    """
    _fill(kernel, tenant_id, missing)


@dataclass(frozen=True, slots=True)
class _Ask:
    """What wants to leave, with all that it is counted in."""

    tenant_id: UUID
    leaving: Leaving
    rules: Sequence[Rule]
    paces: Sequence[Pace]

    def counters(self) -> tuple[list[Counted], list[Paced]]:
        """Return them by their keys."""
        counted = [
            Counted(key=_key(self.tenant_id, self.leaving.agent_id, rule.group), most=rule.most) for rule in self.rules
        ]
        return counted, [_paced(self.tenant_id, self.leaving, pace) for pace in self.paces]


def _ask(work: UnitOfWork, leaving: Leaving, rules: Sequence[Rule]) -> _Ask:
    paces = [pace for pace in get_manifest(leaving.connection.provider).paces if _holds(pace, leaving)]
    return _Ask(work.tenant_id, leaving, rules, paces)


def _let(
    kernel: Kernel, work: UnitOfWork, ask: _Ask, outcome: Taken | Denied | Missing
) -> LetThrough | Held | CountsMissing:
    if isinstance(outcome, Missing):
        return CountsMissing(ask.leaving.agent_id or UUID(int=0), ask.leaving.group)
    if isinstance(outcome, Denied):
        return _held(ask.leaving, outcome, ask.rules, ask.paces)
    _raise_alarms(kernel, work, ask.leaving, outcome, ask.rules)
    return LetThrough(at=outcome.at)


def _rules(work: UnitOfWork, leaving: Sequence[Leaving]) -> list[list[Rule]]:
    """Return the rules for each, read once for each agent."""
    rows = {
        agent_id: repository.list_limits(work, agent_id)
        for agent_id in {item.agent_id for item in leaving if item.agent_id}
    }
    return [
        [rule_of(rows[item.agent_id].get(group), group) for group in (item.group, LimitGroup.ALL)]
        if item.agent_id
        else []
        for item in leaving
    ]


def _holds(pace: Pace, leaving: Leaving) -> bool:
    return pace.per == "connection" or bool(leaving.channel_id)


def _paced(tenant_id: UUID, leaving: Leaving, pace: Pace) -> Paced:
    """Channels stand as digests: they may be phone numbers."""
    what = leaving.channel_id if pace.per == "channel" else ""
    place = hashlib.sha256(what.encode()).hexdigest()[:24] if what else "all"
    units = -(-leaving.characters // pace.unit_characters) if pace.unit_characters else 1
    return Paced(
        key=f"patchbay:{tenant_id}:pace:{leaving.connection.id}:{place}",
        interval=timedelta(seconds=pace.seconds / pace.count),
        burst=pace.burst,
        cost=units,
    )


def _key(tenant_id: UUID, agent_id: UUID | None, group: LimitGroup) -> str:
    owner = "all" if group is LimitGroup.ALL else f"{agent_id}:{group.value}"
    return f"patchbay:{tenant_id}:counted:{owner}"


def _fill(kernel: Kernel, tenant_id: UUID, missing: CountsMissing) -> None:
    with kernel.unit_of_work(tenant_id) as work:
        repository.hold_counting(work, alone=True)
        at = kernel.limiter.now()
        for agent_id, group in ((missing.agent_id, missing.group), (None, LimitGroup.ALL)):
            used = repository.count_used(work, agent_id, at=at).get(group, (0, 0, 0))
            kernel.limiter.fill(_key(tenant_id, agent_id, group), at=at, used=used)


def _held(leaving: Leaving, denied: Denied, rules: Sequence[Rule], paces: Sequence[Pace]) -> Held:
    index = denied.reason - len(rules) * len(_SPANS)
    again_at = denied.at + denied.wait
    if index >= 0:
        pace = paces[index]
        name = get_manifest(leaving.connection.provider).name
        rate = f"{pace.count} {pace.unit}{'s' if pace.count > 1 else ''} in {pace.seconds:g} s"
        next_at = clock_words(again_at, now=denied.at, exact=True)
        words = f"{name}'s pace, {rate}; next at {next_at}"
        return Held(words=words, excess=Excess.WAIT, wait=denied.wait, is_pace=True)
    rule, span = rules[denied.reason // len(_SPANS)], _SPANS[denied.reason % len(_SPANS)]
    most = rule.most[denied.reason % len(_SPANS)] or 0
    agent = "" if rule.group is LimitGroup.ALL else leaving.agent_name
    words = limit_words(most, span, rule.group, agent=agent)
    return Held(words=f"{words}; next at {clock_words(again_at, now=denied.at)}", excess=rule.excess, wait=denied.wait)


def _raise_alarms(kernel: Kernel, work: UnitOfWork, leaving: Leaving, taken: Taken, rules: Sequence[Rule]) -> None:
    for number, rule in enumerate(rules):
        first = number * len(_SPANS)
        minute, hour, day = taken.used[first : first + len(_SPANS)]
        use = Use(agent_id=leaving.agent_id, rule=rule, used=(minute, hour, day), at=taken.at)
        raise_alarms(work, use, leaving.connection, now=kernel.clock.now())
