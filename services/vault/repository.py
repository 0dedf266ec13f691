"""All statements on data keys, rotations, and the processes that hold the keys' keys."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, or_, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from models import DataKey, DataKeyState, KeyHolder, KeyRing, KeyRotation, Tenant
from services.kernel.db import set_local
from services.vault.plan import UNDER_WAY

_RING = 1


def lock_sealing(session: Session, *, tenant_id: UUID, alone: bool = False) -> None:
    """Hold the tenant's sealing lock until the end of the transaction, shared with all who seal, or alone."""
    function = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    session.connection().execute(
        text(f"SELECT {function}(hashtextextended(:key, 0))"), {"key": f"vault.sealing:{tenant_id}"}
    )


def wait_at_most(session: Session, *, seconds: float) -> None:
    """Let no lock of this transaction be waited for longer than that."""
    set_local(session, "lock_timeout", f"{int(seconds * 1000)}ms")


def try_lock_rotation(session: Session, *, tenant_id: UUID) -> bool:
    """Hold the tenant's rotation until the end of the transaction, unless somebody else does."""
    statement = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:key, 0))")
    return bool(session.connection().execute(statement, {"key": f"vault.rotation:{tenant_id}"}).scalar_one())


def find_primary_key(session: Session, *, tenant_id: UUID) -> DataKey | None:
    """Return the key that new secrets are sealed with."""
    statement = (
        select(DataKey)
        .where(col(DataKey.tenant_id) == tenant_id, col(DataKey.state) == DataKeyState.PRIMARY)
        .order_by(col(DataKey.id).desc())
        .limit(1)
    )
    return session.exec(statement).first()


def find_key(session: Session, *, tenant_id: UUID, key_id: UUID) -> DataKey | None:
    """Return a key by its id; one already read in this session costs no statement.

    The session's own identity map is weak and would forget the row between two secrets.
    """
    known: dict[tuple[UUID, UUID], DataKey] = session.info.setdefault("vault.data_keys", {})
    key = known.get((tenant_id, key_id)) or session.get(DataKey, {"tenant_id": tenant_id, "id": key_id})
    if key is not None:
        known[tenant_id, key_id] = key
    return key


def list_keys(session: Session, *, tenant_id: UUID) -> Sequence[DataKey]:
    """Return the tenant's data keys, the newest first."""
    statement = select(DataKey).where(col(DataKey.tenant_id) == tenant_id).order_by(col(DataKey.id).desc())
    return session.exec(statement.execution_options(populate_existing=True)).all()


def set_key_state(session: Session, *, tenant_id: UUID, key_id: UUID, state: DataKeyState, now: datetime) -> None:
    """Change what a key may be used for, and date it; a destroyed key is overwritten."""
    values: dict[str, object] = {"state": state}
    match state:
        case DataKeyState.PRIMARY:
            values |= {"promoted_at": now, "retired_at": None}
        case DataKeyState.RETIRED:
            values |= {"retired_at": now}
        case DataKeyState.DESTROYED:
            values |= {"wrapped": b"", "destroyed_at": now}
        case DataKeyState.PENDING | DataKeyState.DECRYPT_ONLY:
            pass
    session.connection().execute(
        update(DataKey).where(col(DataKey.tenant_id) == tenant_id, col(DataKey.id) == key_id).values(**values)
    )


def destroy_keys(session: Session, *, tenant_id: UUID, now: datetime) -> int:
    """Overwrite all data keys of a tenant; return how many there were."""
    statement = (
        update(DataKey)
        .where(col(DataKey.tenant_id) == tenant_id, col(DataKey.state) != DataKeyState.DESTROYED)
        .values(wrapped=b"", state=DataKeyState.DESTROYED, destroyed_at=now)
    )
    return session.connection().execute(statement).rowcount


def find_rotation(
    session: Session, *, tenant_id: UUID, rotation_id: UUID, for_update: bool = False
) -> KeyRotation | None:
    """Return a rotation, locked until the end of the transaction if ``for_update``."""
    statement = select(KeyRotation).where(col(KeyRotation.tenant_id) == tenant_id, col(KeyRotation.id) == rotation_id)
    if for_update:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.exec(statement).first()


def find_last_rotation(session: Session, *, tenant_id: UUID) -> KeyRotation | None:
    """Return the tenant's latest rotation."""
    statement = (
        select(KeyRotation).where(col(KeyRotation.tenant_id) == tenant_id).order_by(col(KeyRotation.id).desc()).limit(1)
    )
    return session.exec(statement).first()


def list_rotations_of(session: Session, *, tenant_id: UUID, key_id: UUID) -> Sequence[KeyRotation]:
    """Return the rotations to or from a key, locked until the end of the transaction."""
    statement = (
        select(KeyRotation)
        .where(
            col(KeyRotation.tenant_id) == tenant_id,
            or_(col(KeyRotation.old_key_id) == key_id, col(KeyRotation.new_key_id) == key_id),
        )
        .order_by(col(KeyRotation.id))
        .with_for_update()
    )
    return session.exec(statement).all()


def find_rotation_under_way(session: Session, *, tenant_id: UUID) -> KeyRotation | None:
    """Return the rotation that is still moving secrets; there is at most one."""
    statement = select(KeyRotation).where(
        col(KeyRotation.tenant_id) == tenant_id, col(KeyRotation.state).in_(UNDER_WAY)
    )
    return session.exec(statement).first()


def list_due_rotations(session: Session, *, limit: int) -> Sequence[tuple[UUID, UUID]]:
    """Return (tenant id, id) of rotations of all tenants whose next step is due; runs unscoped."""
    statement = (
        select(col(KeyRotation.tenant_id), col(KeyRotation.id))
        .where(col(KeyRotation.finished_at).is_(None), col(KeyRotation.next_step_at) <= func.clock_timestamp())
        .order_by(col(KeyRotation.next_step_at))
        .limit(limit)
    )
    return session.exec(statement).all()


def count_up_ring(session: Session) -> int:
    """Count the ring's version up and return it; others who do wait until this transaction ends."""
    statement = update(KeyRing).where(col(KeyRing.id) == _RING).values(version=KeyRing.version + 1)
    return int(session.connection().execute(statement.returning(col(KeyRing.version))).scalar_one())


def ring_version(session: Session) -> int:
    """Return the ring's version."""
    return session.exec(select(KeyRing.version).where(col(KeyRing.id) == _RING)).one()


def list_keys_to_come(session: Session) -> Sequence[DataKey]:
    """Return the pending keys of all tenants; runs unscoped."""
    return session.exec(select(DataKey).where(col(DataKey.state) == DataKeyState.PENDING)).all()


def note_holder(session: Session, *, holder_id: UUID, process: str, version: int, kek_ids: str) -> None:
    """Write a process's sign of life, by the database's clock."""
    values = {"process": process, "ring_version": version, "kek_ids": kek_ids, "seen_at": func.clock_timestamp()}
    statement = insert(KeyHolder).values(id=holder_id, **values)
    session.connection().execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))


def forget_holder(session: Session, *, holder_id: UUID) -> None:
    """Remove a process that ends."""
    session.connection().execute(delete(KeyHolder).where(col(KeyHolder.id) == holder_id))


def forget_old_holders(session: Session, *, silent_seconds: float) -> None:
    """Remove processes that died long ago."""
    limit = func.clock_timestamp() - timedelta(seconds=silent_seconds)
    session.connection().execute(delete(KeyHolder).where(col(KeyHolder.seen_at) < limit))


def list_holders(session: Session, *, silent_seconds: float) -> Sequence[KeyHolder]:
    """Return the processes that have given a sign of life within that time."""
    limit = func.clock_timestamp() - timedelta(seconds=silent_seconds)
    statement = select(KeyHolder).where(col(KeyHolder.seen_at) >= limit).order_by(col(KeyHolder.process))
    return session.exec(statement).all()


def count_by_wrapping_key(session: Session) -> Sequence[tuple[str, int]]:
    """Return how many data keys of all tenants which key-encryption key has wrapped; runs unscoped."""
    statement = (
        select(col(DataKey.kek_id), func.count())
        .where(col(DataKey.state) != DataKeyState.DESTROYED)
        .group_by(col(DataKey.kek_id))
        .order_by(col(DataKey.kek_id))
    )
    return session.exec(statement).all()


def find_sample(session: Session, *, kek_id: str) -> DataKey | None:
    """Return some data key that a key-encryption key has wrapped; runs unscoped."""
    statement = (
        select(DataKey).where(col(DataKey.kek_id) == kek_id, col(DataKey.state) != DataKeyState.DESTROYED).limit(1)
    )
    return session.exec(statement).first()


def list_keys_wrapped_by(session: Session, *, kek_ids: Collection[str], limit: int) -> Sequence[DataKey]:
    """Return data keys of all tenants that these key-encryption keys have wrapped; runs unscoped."""
    statement = (
        select(DataKey)
        .where(col(DataKey.kek_id).in_(kek_ids), col(DataKey.state) != DataKeyState.DESTROYED)
        .order_by(col(DataKey.tenant_id), col(DataKey.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return session.exec(statement).all()


def swap_wrapped(session: Session, key: DataKey, *, wrapped: bytes, kek_id: str) -> bool:
    """Put a newly wrapped form of the same key in place, unless the key has changed; runs unscoped."""
    statement = (
        update(DataKey)
        .where(col(DataKey.tenant_id) == key.tenant_id, col(DataKey.id) == key.id, col(DataKey.wrapped) == key.wrapped)
        .values(wrapped=wrapped, kek_id=kek_id)
        .execution_options(synchronize_session=False)
    )
    return session.connection().execute(statement).rowcount == 1


def list_tenants(session: Session) -> Sequence[tuple[UUID, str]]:
    """Return (id, name) of all tenants."""
    return session.exec(select(col(Tenant.id), col(Tenant.name)).order_by(col(Tenant.id))).all()


def states_of(session: Session, *, tenant_id: UUID, key_ids: Sequence[UUID]) -> dict[UUID, DataKeyState]:
    """Return what some keys may be used for."""
    statement = select(col(DataKey.id), col(DataKey.state)).where(
        col(DataKey.tenant_id) == tenant_id, col(DataKey.id).in_(key_ids)
    )
    return dict(session.exec(statement).all())
