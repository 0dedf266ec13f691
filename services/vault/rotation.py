"""What people do with a rotation: begin it, take the way back, destroy a key before its time; and whose key is which.

``steps.py`` carries it out.
"""

from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from sqlalchemy.exc import OperationalError

from models import DataKey, DataKeyState, KeyRotation, RotationState
from services import audit
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, NotFound
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.tenants.actor import Actor
from services.vault import columns, repository
from services.vault.service import add_data_key

JOB = "rotate_keys"
SEALING_WAIT_SECONDS = 2.0
"""How long those who seal are waited for, before an exchange of the key to seal with is put off."""
_ON_THE_WAY_BACK = (RotationState.REVERTING, RotationState.REVERTED)


def begin_rotation(work: UnitOfWork, kernel: Kernel, *, actor: Actor) -> KeyRotation:
    """Add a new key that opens but does not seal yet, and wake a worker for the rest.

    Raises:
        Conflict: a rotation is under way.
    """
    repository.lock_sealing(work.session, tenant_id=work.tenant_id, alone=True)  # one beginning at a time
    if repository.find_rotation_under_way(work.session, tenant_id=work.tenant_id):
        raise Conflict("A rotation is under way. Let it end, or take the way back.", code="rotation_under_way")
    old = repository.find_primary_key(work.session, tenant_id=work.tenant_id)
    if old is None:
        raise NotFound("There is no data key to rotate: this company is being deleted.")
    now = kernel.clock.now()
    new = add_data_key(work, kernel, state=DataKeyState.PENDING)
    rotation = KeyRotation(
        tenant_id=work.tenant_id,
        id=new_id(),
        old_key_id=old.id,
        new_key_id=new.id,
        state=RotationState.ADDED,
        ring_version=repository.count_up_ring(work.session),
        rows_total=columns.count_by_key(work.session, tenant_id=work.tenant_id).get(old.id, 0),
        started_by=actor.label,
        started_at=now,
        updated_at=now,
        next_step_at=now,
    )
    work.session.add(rotation)
    work.session.flush()
    record(work, rotation, actor=actor, action="key.rotation_started")
    work.wake(JOB, rotation.id)
    return rotation


def go_back(work: UnitOfWork, kernel: Kernel, *, actor: Actor) -> KeyRotation:
    """Seal with the old key again at once, and move what the new one has sealed back.

    Raises:
        Conflict: there is no way back: nothing was rotated, the old key is destroyed, or a later rotation followed.
    """
    repository.wait_at_most(work.session, seconds=SEALING_WAIT_SECONDS * 2)
    last = repository.find_last_rotation(work.session, tenant_id=work.tenant_id)
    rotation = last and repository.find_rotation(
        work.session, tenant_id=work.tenant_id, rotation_id=last.id, for_update=True
    )
    if rotation is None or not is_reversible(work, rotation):
        raise Conflict(
            "There is no way back: the old key is destroyed, or was never left.", code="rotation_not_reversible"
        )
    now = kernel.clock.now()
    repository.lock_sealing(work.session, tenant_id=work.tenant_id, alone=True)
    if rotation.state is RotationState.ADDED:
        set_key(work, rotation.new_key_id, DataKeyState.DESTROYED, kernel)  # nothing was ever sealed with it
        rotation.state, rotation.finished_at = RotationState.REVERTED, now
    else:
        set_key(work, rotation.new_key_id, DataKeyState.DECRYPT_ONLY, kernel)
        set_key(work, rotation.old_key_id, DataKeyState.PRIMARY, kernel)
        counts = columns.count_by_key(work.session, tenant_id=work.tenant_id)
        rotation.state = RotationState.REVERTING
        rotation.rows_total, rotation.rows_done = counts.get(rotation.new_key_id, 0), 0
    rotation.problem, rotation.updated_at, rotation.next_step_at = "", now, now
    record(work, rotation, actor=actor, action="key.rotation_reverted")
    work.wake(JOB, rotation.id)
    return rotation


def is_reversible(work: UnitOfWork, rotation: KeyRotation) -> bool:
    """Return whether the way back is open: the old key is there, and no later rotation has left the new one."""
    if rotation.state in (RotationState.DONE, *_ON_THE_WAY_BACK):
        return False
    states = repository.states_of(
        work.session, tenant_id=work.tenant_id, key_ids=[rotation.old_key_id, rotation.new_key_id]
    )
    is_new_in_use = states.get(rotation.new_key_id) in (DataKeyState.PENDING, DataKeyState.PRIMARY)
    return is_new_in_use and states.get(rotation.old_key_id) not in (None, DataKeyState.DESTROYED)


def is_lock_timeout(error: OperationalError) -> bool:
    """Return whether a lock was waited for in vain."""
    return isinstance(error.orig, psycopg.errors.LockNotAvailable)


def destroy_key(work: UnitOfWork, kernel: Kernel, *, key_id: UUID, actor: Actor) -> None:
    """Overwrite a key that is switched off, before its time; the rotation that left it is over then."""
    now = kernel.clock.now()
    set_key(work, key_id, DataKeyState.DESTROYED, kernel)
    for rotation in repository.list_rotations_of(work.session, tenant_id=work.tenant_id, key_id=key_id):
        if rotation.finished_at is None and left_key_id(rotation) == key_id:
            rotation.state = RotationState.DONE if rotation.state is RotationState.RETIRED else rotation.state
            rotation.finished_at = rotation.updated_at = now
            record(work, rotation, actor=actor, action="key.destroyed")


def left_key_id(rotation: KeyRotation) -> UUID:
    """Return the key that secrets are moved away from."""
    return rotation.new_key_id if rotation.state in _ON_THE_WAY_BACK else rotation.old_key_id


def kept_key_id(rotation: KeyRotation) -> UUID:
    """Return the key that secrets are moved to."""
    return rotation.old_key_id if rotation.state in _ON_THE_WAY_BACK else rotation.new_key_id


def kept_until(kernel: Kernel, key: DataKey) -> datetime | None:
    """Return when a retired key may be destroyed; none if it is in use."""
    return key.retired_at and key.retired_at + timedelta(days=kernel.settings.key_retention_days)


def set_key(work: UnitOfWork, key_id: UUID, state: DataKeyState, kernel: Kernel) -> None:
    """Change what a key of the tenant may be used for."""
    repository.set_key_state(work.session, tenant_id=work.tenant_id, key_id=key_id, state=state, now=kernel.clock.now())


def record(work: UnitOfWork, rotation: KeyRotation, *, actor: Actor, action: str) -> None:
    """Write an act on a rotation into the audit log."""
    audit.record(
        work,
        actor=actor,
        action=action,
        object_kind="key_rotation",
        object_id=rotation.id,
        detail={"old_key_id": str(rotation.old_key_id), "new_key_id": str(rotation.new_key_id)},
    )
