"""The tenant's data keys."""

from uuid import UUID

from sqlmodel import Session, col, select

from models import DataKey, DataKeyState


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
