"""Carries a rotation out, one step a transaction, in the order of ``plan.py``; whatever dies, the next call goes on.

Secrets move in small batches, each compared with what stood there before. No step locks a table or waits for a row,
so sealing and opening go on meanwhile; only the moment in which the key to seal with changes waits for those who are
sealing, and gives up after two seconds to try again.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import OperationalError

from models import DataKey, DataKeyState, KeyRotation, RotationState
from services.kernel import vault
from services.kernel.db import UnitOfWork, Wake
from services.kernel.errors import NotFound
from services.kernel.kernel import Kernel
from services.kernel.log import get_logger
from services.kernel.vault import VaultError
from services.tenants.actor import system_actor
from services.vault import columns, repository
from services.vault.columns import SEALED_COLUMNS
from services.vault.holders import BEAT_SECONDS, Unready, list_unready
from services.vault.plan import Act, Facts, next_step
from services.vault.rotation import (
    JOB,
    SEALING_WAIT_SECONDS,
    is_lock_timeout,
    kept_key_id,
    kept_until,
    left_key_id,
    record,
    set_key,
)
from services.vault.service import open_key

BATCH_ROWS = 500
_SLICE_SECONDS = 20.0
_SOON = timedelta(seconds=1)
_STUCK = timedelta(minutes=10)
_FIRST = UUID(int=0)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What one step came to."""

    act: Act
    state: RotationState
    moved: int = 0
    waiting_for: tuple[Unready, ...] = ()
    problem: str = ""

    @property
    def is_at_rest(self) -> bool:
        """Whether there is nothing to do for now."""
        return self.act in (Act.WAIT, Act.NOTHING)


@dataclass(slots=True)
class Pass:
    """One walk through all sealed columns, in order of row ids; lives no longer than the call that makes it."""

    column: int = 0
    after: UUID = _FIRST
    moved: int = 0
    unreadable: list[str] = field(default_factory=list[str])

    @property
    def is_over(self) -> bool:
        """Whether every column has been walked through."""
        return self.column >= len(SEALED_COLUMNS)

    def start_again(self) -> None:
        """Walk from the beginning, for what was left out."""
        self.column, self.after, self.moved, self.unreadable = 0, _FIRST, 0, []


def resume_rotation(kernel: Kernel, *, tenant_id: UUID, rotation_id: UUID) -> Progress:
    """Take steps for a while, and wake a worker again if there are more; the job behind every rotation."""
    progress = run_rotation(kernel, tenant_id=tenant_id, rotation_id=rotation_id, seconds=_SLICE_SECONDS)
    if not progress.is_at_rest:
        kernel.queue.wake([Wake(JOB, tenant_id, rotation_id)])
    return progress


def run_rotation(kernel: Kernel, *, tenant_id: UUID, rotation_id: UUID, seconds: float) -> Progress:
    """Take steps until there is nothing to do for now, or the time is up."""
    ends_at = time.monotonic() + seconds
    walk = Pass()
    moved = 0
    while True:
        progress = take_step(kernel, tenant_id=tenant_id, rotation_id=rotation_id, walk=walk)
        moved += progress.moved
        if progress.is_at_rest or time.monotonic() >= ends_at:
            return Progress(
                act=progress.act,
                state=progress.state,
                moved=moved,
                waiting_for=progress.waiting_for,
                problem=progress.problem,
            )


def take_step(kernel: Kernel, *, tenant_id: UUID, rotation_id: UUID, walk: Pass) -> Progress:
    """Take one step, all of it or nothing; whoever comes second while another takes one leaves it to them.

    Raises:
        NotFound: there is no such rotation any more.
    """
    state = RotationState.ADDED
    try:
        with kernel.unit_of_work(tenant_id) as work:
            is_ours = repository.try_lock_rotation(work.session, tenant_id=tenant_id)
            rotation = repository.find_rotation(
                work.session, tenant_id=tenant_id, rotation_id=rotation_id, for_update=is_ours
            )
            if rotation is None:
                raise NotFound("There is no such rotation.")
            state = rotation.state
            if not is_ours:
                return Progress(act=Act.WAIT, state=state)
            return _Transaction(kernel, work, rotation, walk).take_step()
    except OperationalError as error:
        if not is_lock_timeout(error):
            raise
    # Somebody was sealing all the time; nothing has changed, and the sweeper comes back to it.
    return Progress(act=Act.WAIT, state=state)


@dataclass(slots=True)
class _Transaction:
    """One step, in one transaction that holds the rotation."""

    kernel: Kernel
    work: UnitOfWork
    rotation: KeyRotation
    walk: Pass

    def take_step(self) -> Progress:
        rotation, before = self.rotation, self.rotation.state
        waiting_for = self._waiting_for()
        step = next_step(
            Facts(
                state=before,
                waiting_for=len(waiting_for),
                has_rows_left=self._has_rows_left(),
                is_kept_long_enough=self._is_kept_long_enough(),
                is_finished=rotation.finished_at is not None,
            )
        )
        if step.act is Act.NOTHING:
            return Progress(act=step.act, state=before)
        now = self.kernel.clock.now()
        rotation.state, rotation.updated_at, rotation.next_step_at = step.state, now, now
        progress = self._carry_out(step.act, waiting_for)
        if step.state is not before:
            rotation.problem = ""
            log.info(
                "vault.rotation.stepped",
                tenant_id=str(rotation.tenant_id),
                rotation_id=str(rotation.id),
                state=step.state.value,
            )
        return progress

    def _carry_out(self, act: Act, waiting_for: tuple[Unready, ...]) -> Progress:
        rotation = self.rotation
        match act:
            case Act.REENCRYPT:
                return self._reencrypt()
            case Act.PROMOTE:
                repository.wait_at_most(self.work.session, seconds=SEALING_WAIT_SECONDS)
                repository.lock_sealing(self.work.session, tenant_id=rotation.tenant_id, alone=True)
                set_key(self.work, rotation.old_key_id, DataKeyState.DECRYPT_ONLY, self.kernel)
                set_key(self.work, rotation.new_key_id, DataKeyState.PRIMARY, self.kernel)
            case Act.RETIRE:
                set_key(self.work, left_key_id(self.rotation), DataKeyState.RETIRED, self.kernel)
                self._note("key.retired")
            case Act.DESTROY:
                set_key(self.work, left_key_id(self.rotation), DataKeyState.DESTROYED, self.kernel)
                rotation.finished_at = rotation.updated_at
                self._note("key.destroyed")
            case Act.WAIT:
                rotation.next_step_at = self._next_look()
            case Act.CONFIRM | Act.NOTHING:
                pass
        return Progress(act=act, state=rotation.state, waiting_for=waiting_for)

    def _key(self, key_id: UUID) -> DataKey:
        key = repository.find_key(self.work.session, tenant_id=self.rotation.tenant_id, key_id=key_id)
        if key is None:
            raise VaultError(f"The data key {key_id} of a rotation is missing; restore the table data_key.")
        return key

    def _waiting_for(self) -> tuple[Unready, ...]:
        if self.rotation.state is not RotationState.ADDED:
            return ()
        return list_unready(
            self.work.session,
            version=self.rotation.ring_version,
            kek_id=self._key(self.rotation.new_key_id).kek_id,
        )

    def _has_rows_left(self) -> bool:
        """Count, unless the walk has not come to its end: then there may be some."""
        if self.rotation.state is RotationState.ADDED or self.rotation.finished_at:
            return False
        is_moving = self.rotation.state in (RotationState.PROMOTED, RotationState.REVERTING)
        if is_moving and not self.walk.is_over:
            return True
        has_rows_left = self._count_left() > 0
        if has_rows_left:
            self.walk.start_again()
        return has_rows_left

    def _count_left(self) -> int:
        counts = columns.count_by_key(self.work.session, tenant_id=self.rotation.tenant_id)
        return counts.get(left_key_id(self.rotation), 0)

    def _is_kept_long_enough(self) -> bool:
        return (ends_at := kept_until(self.kernel, self._key(left_key_id(self.rotation)))) is not None and (
            ends_at <= self.kernel.clock.now()
        )

    def _next_look(self) -> datetime:
        now = self.kernel.clock.now()
        if self.rotation.state is RotationState.ADDED:
            return now + timedelta(seconds=BEAT_SECONDS)
        return max(kept_until(self.kernel, self._key(left_key_id(self.rotation))) or now, now + _STUCK)

    def _reencrypt(self) -> Progress:
        """Move one batch; at the end of a column go to the next, at the end of the last one see what is left."""
        rotation, walk = self.rotation, self.walk
        old = open_key(self.kernel, self._key(left_key_id(self.rotation)))
        new = open_key(self.kernel, self._key(kept_key_id(self.rotation)))
        moved = 0
        while not walk.is_over and not moved:
            sealed = SEALED_COLUMNS[walk.column]
            rows = columns.take_batch(
                self.work.session, sealed, tenant_id=rotation.tenant_id, key_id=old.id, after=walk.after,
                size=BATCH_ROWS,
            )  # fmt: skip
            swaps: list[tuple[UUID, bytes, bytes]] = []
            for row_id, before in rows:
                place = sealed.place(rotation.tenant_id, row_id)
                try:
                    swaps.append((row_id, before, vault.reseal(before, old=old, new=new, place=place)))
                except VaultError:
                    walk.unreadable.append(f"{place.table}.{place.column} of row {row_id}")
            if swaps:
                moved += columns.swap_values(self.work.session, sealed, tenant_id=rotation.tenant_id, swaps=swaps)
            if len(rows) < BATCH_ROWS:
                walk.column, walk.after = walk.column + 1, _FIRST
            else:
                walk.after = rows[-1][0]
        walk.moved += moved
        rotation.rows_done += moved
        if walk.is_over and not walk.moved and self._count_left():
            return self._stuck()
        return Progress(act=Act.REENCRYPT, state=rotation.state, moved=moved)

    def _stuck(self) -> Progress:
        """A whole walk moved nothing, and yet something is left: rows under somebody's hands, or damaged ones."""
        rotation, damaged = self.rotation, self.walk.unreadable
        if damaged:
            more = f", and {len(damaged) - 1} more" if len(damaged) > 1 else ""
            problem = (
                f"A sealed value does not open: {damaged[0]}{more}. Connect that account again, or disconnect it; the"
                " rotation then goes on."
            )
            if problem != rotation.problem:
                log.warning("vault.rotation.stuck", rotation_id=str(rotation.id), damaged=len(damaged))
            rotation.problem = problem
        rotation.next_step_at = self.kernel.clock.now() + (_STUCK if damaged else _SOON)
        return Progress(act=Act.WAIT, state=rotation.state, problem=rotation.problem)

    def _note(self, action: str) -> None:
        actor = system_actor(self.rotation.tenant_id, "key rotation")
        record(self.work, self.rotation, actor=actor, action=action)
