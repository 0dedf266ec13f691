"""The product broken on purpose, one rule at a time: what the simulation must notice."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from models import MessageState
from services.connections import breaker
from services.connections.breaker import Circuit
from services.kernel.errors import RetryLater
from services.sending import machine
from services.sending.machine import Act, Change, Failed, NotFound, Outcome, Standing
from tests.simulation.memory import Rules
from tests.simulation.world import Broke

Settle = Callable[..., Change]


def _settle(change: Callable[[Standing, Act, Outcome], tuple[Standing, Act, Outcome]]) -> Broke:
    """Return a machine that is told something else than what came of an attempt."""

    def settle(standing: Standing, act: Act, outcome: Outcome, **options: Any) -> Change:
        return machine.settle(*change(standing, act, outcome), **options)

    return Broke(rules=Rules(settle=settle))


def _altered(alter: Callable[[Standing, Change], Change]) -> Broke:
    """Return a machine whose answer is altered."""

    def settle(standing: Standing, act: Act, outcome: Outcome, **options: Any) -> Change:
        return alter(standing, machine.settle(standing, act, outcome, **options))

    return Broke(rules=Rules(settle=settle))


def _with_error(outcome: Outcome, **values: object) -> Outcome:
    if not isinstance(outcome, Failed) or not isinstance(outcome.error, RetryLater):
        return outcome
    before = outcome.error
    error = RetryLater(
        before.message,
        after=before.after,
        code=before.code,
        provider=before.provider,
        status=before.status,
        request_id=before.request_id,
        ambiguous=before.ambiguous,
    )
    for name, value in values.items():
        setattr(error, name, value)
    return Failed(error=error)


def _begin(standing: Standing, around: machine.Around, *, now: datetime) -> Act | Change:
    decided = machine.begin(standing, around, now=now)
    return Act.SEND if decided is Act.LOOK_UP else decided


def _begin_without_end(standing: Standing, around: machine.Around, *, now: datetime) -> Act | Change:
    return machine.begin(replace(standing, cut_offs=0), around, now=now)


def _fail_soon(circuit: Circuit, *, now: datetime, reason: str, after: timedelta | None = None) -> Circuit:
    """Fail as if no time had been named before."""
    return breaker.failed(replace(circuit, next_at=None), now=now, reason=reason, after=after)


def _hold_nothing(circuit: Circuit, **_: object) -> Circuit:
    return circuit


def _give_up(standing: Standing, change: Change) -> Change:
    is_unsure = change.state is MessageState.SENDING
    return replace(change, state=MessageState.FAILED, lease_until=None) if is_unsure else change


def _undecided(standing: Standing, change: Change) -> Change:
    """Leave the last attempt unknown without a look."""
    is_last = change.state is MessageState.SENDING and standing.attempt >= 5
    return replace(change, state=MessageState.UNKNOWN, lease_until=None) if is_last else change


MUTANTS: Mapping[str, Broke] = MappingProxyType(
    {
        "settles without the lease": Broke(rules=Rules(is_held=lambda row, claim: True)),
        "claims what is held": Broke(rules=Rules(is_free=lambda row, now: True)),
        "does not keep the order": Broke(rules=Rules(is_next=lambda row, earlier: True)),
        "lets a person overtake what is under way": Broke(
            rules=Rules(is_next=lambda row, earlier: row.is_persons and earlier.code == "waits_for_limit")
        ),
        "sends again what was cut off": Broke(rules=Rules(begin=_begin)),
        "sends again after an ambiguous answer": _settle(
            lambda standing, act, outcome: (standing, act, _with_error(outcome, ambiguous=False))
        ),
        "takes an ambiguous answer for a failure": _altered(_give_up),
        "takes a failed look-up for a sure answer": _settle(
            lambda standing, act, outcome: (
                standing,
                act,
                NotFound() if act is Act.LOOK_UP and isinstance(outcome, Failed) else outcome,
            )
        ),
        "ignores the time that the provider names": _settle(
            lambda standing, act, outcome: (standing, act, _with_error(outcome, after=None))
        ),
        "ignores that the whole account is meant": Broke(rules=Rules(held=_hold_nothing)),
        "forgets the time named before": Broke(rules=Rules(failed=_fail_soon)),
        "counts no attempts": _settle(lambda standing, act, outcome: (replace(standing, attempt=1), act, outcome)),
        "gives attempts back": _altered(lambda standing, change: replace(change, attempt=change.attempt - 1)),
        "never gives up what kills": Broke(rules=Rules(begin=_begin_without_end)),
        "does not look the last attempt up": _altered(_undecided),
        "calls long after the claim": Broke(begin_within=1e9),
        "never sweeps": Broke(wakes=False),
    }
)
