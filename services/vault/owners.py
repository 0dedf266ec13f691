"""What owners and the command line do with keys: look, rotate, take the way back, destroy."""

import contextlib
from collections.abc import Generator
from datetime import timedelta
from uuid import UUID

from sqlalchemy.exc import OperationalError

from models import DataKeyState, KeyRotation, RotationState
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, RetryLater
from services.kernel.kernel import Kernel
from services.kernel.keyring import describe_source
from services.tenants.actor import Actor, Permission, require
from services.vault import columns, repository, rotation
from services.vault.holders import SILENT_SECONDS, list_unready
from services.vault.openings import read_openings
from services.vault.plan import UNDER_WAY
from services.vault.views import KeyStatusView, KeyView, ProcessView, RotationView

ROTATE_AFTER = timedelta(days=90)

_WORDS = {
    RotationState.ADDED: "The new key is there; every process is to see it before it is used.",
    RotationState.PROMOTED: "New secrets use the new key; the others are being re-encrypted.",
    RotationState.REENCRYPTED: "All secrets use the new key; the old one is about to be switched off.",
    RotationState.RETIRED: "All secrets use the new key; the old one is switched off, and kept for the way back.",
    RotationState.DONE: "Rotated; the old key is destroyed.",
    RotationState.REVERTING: "On the way back: secrets are being re-encrypted with the old key.",
    RotationState.REVERTED: "Taken back; the old key is in use.",
}


def list_key_status(kernel: Kernel, *, actor: Actor) -> KeyStatusView:
    """Return the tenant's keys, how many secrets each has sealed, and how far the latest rotation has come.

    Raises:
        Forbidden
    """
    require(actor, Permission.KEYS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        return _status(work, kernel)


def start_rotation(kernel: Kernel, *, actor: Actor) -> KeyStatusView:
    """Begin to replace the tenant's data key; workers carry it out while everything goes on.

    Raises:
        Conflict: a rotation is under way.
        RetryLater: the key could not be exchanged because somebody holds it for long.
        Forbidden
    """
    require(actor, Permission.KEYS_EDIT)
    with _patience(), kernel.unit_of_work(actor.tenant_id) as work:
        rotation.begin_rotation(work, kernel, actor=actor)
        return _status(work, kernel)


def revert_rotation(kernel: Kernel, *, actor: Actor) -> KeyStatusView:
    """Take the way back to the key before, which is open until that key is destroyed.

    Raises:
        Conflict: the way back is closed.
        RetryLater: as above.
        Forbidden
    """
    require(actor, Permission.KEYS_EDIT)
    with _patience(), kernel.unit_of_work(actor.tenant_id) as work:
        rotation.go_back(work, kernel, actor=actor)
        return _status(work, kernel)


def destroy_retired_keys(kernel: Kernel, *, actor: Actor) -> int:
    """Destroy what a rotation has switched off, now and for ever; for a key that somebody else may have.

    Returns:
        How many keys are gone.

    Raises:
        Conflict: secrets are still sealed with such a key.
        Forbidden
    """
    require(actor, Permission.KEYS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        counts = columns.count_by_key(work.session, tenant_id=work.tenant_id)
        retired = [
            key
            for key in repository.list_keys(work.session, tenant_id=work.tenant_id)
            if key.state is DataKeyState.RETIRED
        ]
        if any(counts.get(key.id) for key in retired):
            raise Conflict("Secrets are sealed with a key that is switched off; restore them first.")
        for key in retired:
            rotation.destroy_key(work, kernel, key_id=key.id, actor=actor)
        return len(retired)


@contextlib.contextmanager
def _patience() -> Generator[None]:
    try:
        yield
    except OperationalError as error:
        if not rotation.is_lock_timeout(error):
            raise
        raise RetryLater("Secrets are being written at this moment. Try again.", after=timedelta(seconds=5)) from error


def _status(work: UnitOfWork, kernel: Kernel) -> KeyStatusView:
    keys = repository.list_keys(work.session, tenant_id=work.tenant_id)
    counts = columns.count_by_key(work.session, tenant_id=work.tenant_id)
    last = repository.find_last_rotation(work.session, tenant_id=work.tenant_id)
    primary = next((key for key in keys if key.state is DataKeyState.PRIMARY), None)
    in_use_since = primary and (primary.promoted_at or primary.created_at)
    return KeyStatusView(
        keys=tuple(
            KeyView(
                id=key.id,
                state=key.state,
                kek_id=key.kek_id,
                secret_count=counts.get(key.id, 0),
                created_at=key.created_at,
                promoted_at=key.promoted_at,
                retired_at=key.retired_at,
                destroyed_at=key.destroyed_at,
            )
            for key in keys
        ),
        secret_count=sum(counts.values()),
        rotation=last and _rotation_view(work, kernel, last, counts),
        processes=tuple(
            ProcessView(
                name=holder.process,
                ring_version=holder.ring_version,
                kek_ids=tuple(holder.kek_ids.split(",")),
                seen_at=holder.seen_at,
            )
            for holder in repository.list_holders(work.session, silent_seconds=SILENT_SECONDS)
        ),
        kek_ids=kernel.kek.ids,
        kek_source=describe_source(kernel.settings),
        is_due=in_use_since is not None and kernel.clock.now() - in_use_since >= ROTATE_AFTER,
        can_start=primary is not None and (last is None or last.state not in UNDER_WAY),
        openings=read_openings(kernel, tenant_id=work.tenant_id),
    )


def _rotation_view(work: UnitOfWork, kernel: Kernel, row: KeyRotation, counts: dict[UUID, int]) -> RotationView:
    left_id = rotation.left_key_id(row)
    left = repository.find_key(work.session, tenant_id=work.tenant_id, key_id=left_id)
    new = repository.find_key(work.session, tenant_id=work.tenant_id, key_id=row.new_key_id)
    unready = (
        list_unready(work.session, version=row.ring_version, kek_id=new.kek_id)
        if new and row.state is RotationState.ADDED
        else ()
    )
    return RotationView(
        id=row.id,
        state=row.state,
        is_under_way=row.state in UNDER_WAY,
        words=_WORDS[row.state],
        rows_total=row.rows_total,
        rows_done=row.rows_done,
        rows_left=counts.get(left_id, 0),
        waiting_for=tuple(f"{process.process}: {process.reason}" for process in unready),
        problem=row.problem,
        can_revert=rotation.is_reversible(work, row),
        kept_until=left and rotation.kept_until(kernel, left) if row.finished_at is None else None,
        started_by=row.started_by,
        started_at=row.started_at,
        updated_at=row.updated_at,
        finished_at=row.finished_at,
    )
