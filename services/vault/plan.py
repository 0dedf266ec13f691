"""A rotation's steps, as a table: what is known about it in, the next step out. Nothing here touches a database.

::

    added ──every process knows the new key──▶ promoted ──all re-encrypted──▶ reencrypted ──counted 0──▶ retired
                                                                        ──kept long enough, counted 0──▶ done
    any of these, until the old key is destroyed ──people──▶ reverting ──all re-encrypted──▶ reverted
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from models import RotationState

UNDER_WAY = (RotationState.ADDED, RotationState.PROMOTED, RotationState.REENCRYPTED, RotationState.REVERTING)
"""States in which secrets are on the move; a tenant has one such rotation at a time."""


class Act(StrEnum):
    """What a step does."""

    WAIT = "wait"
    PROMOTE = "promote"
    """Seal with the new key; the old one still opens."""
    REENCRYPT = "reencrypt"
    """Move one batch of secrets."""
    CONFIRM = "confirm"
    """Write down that all secrets have been moved."""
    RETIRE = "retire"
    """Switch off decryption with the key that was left."""
    DESTROY = "destroy"
    """Overwrite that key."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about a rotation."""

    state: RotationState
    waiting_for: int
    """Processes that do not know the new key yet."""
    has_rows_left: bool
    """Whether secrets are, or may be, under the key to be left."""
    is_kept_long_enough: bool
    """Whether the key that was left may be destroyed."""
    is_finished: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What to do, and the state that holds once it is done."""

    act: Act
    state: RotationState


def next_step(facts: Facts) -> Step:
    """Return the step to take; the same facts give the same step, so each may be taken again after a crash."""
    return _STEPS[facts.state](facts)


def _added(facts: Facts) -> Step:
    if facts.waiting_for:
        return Step(Act.WAIT, RotationState.ADDED)
    return Step(Act.PROMOTE, RotationState.PROMOTED)


def _promoted(facts: Facts) -> Step:
    if facts.has_rows_left:
        return Step(Act.REENCRYPT, RotationState.PROMOTED)
    return Step(Act.CONFIRM, RotationState.REENCRYPTED)


def _reencrypted(facts: Facts) -> Step:
    if facts.has_rows_left:  # somebody put an old value back: a restored row, say
        return Step(Act.REENCRYPT, RotationState.PROMOTED)
    return Step(Act.RETIRE, RotationState.RETIRED)


def _retired(facts: Facts) -> Step:
    if facts.has_rows_left or not facts.is_kept_long_enough:
        return Step(Act.WAIT, RotationState.RETIRED)
    return Step(Act.DESTROY, RotationState.DONE)


def _reverting(facts: Facts) -> Step:
    if facts.has_rows_left:
        return Step(Act.REENCRYPT, RotationState.REVERTING)
    return Step(Act.RETIRE, RotationState.REVERTED)


def _reverted(facts: Facts) -> Step:
    if facts.is_finished:
        return Step(Act.NOTHING, RotationState.REVERTED)
    if facts.has_rows_left or not facts.is_kept_long_enough:
        return Step(Act.WAIT, RotationState.REVERTED)
    return Step(Act.DESTROY, RotationState.REVERTED)


def _done(_facts: Facts) -> Step:
    return Step(Act.NOTHING, RotationState.DONE)


_STEPS: Mapping[RotationState, Callable[[Facts], Step]] = MappingProxyType(
    {
        RotationState.ADDED: _added,
        RotationState.PROMOTED: _promoted,
        RotationState.REENCRYPTED: _reencrypted,
        RotationState.RETIRED: _retired,
        RotationState.DONE: _done,
        RotationState.REVERTING: _reverting,
        RotationState.REVERTED: _reverted,
    }
)
