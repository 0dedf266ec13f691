"""The rows of the audit log; they are only ever added."""

from uuid import UUID

from sqlalchemy import func, insert
from sqlmodel import Session

from models import AuditEntry
from services.kernel.ids import new_id


def add_entry(
    session: Session,
    *,
    tenant_id: UUID,
    actor_kind: str,
    actor_id: UUID | None,
    actor_label: str,
    action: str,
    object_kind: str,
    object_id: UUID | None,
    detail: dict[str, str | int | bool | None],
) -> None:
    """Insert an entry, dated by the database: the time of an act is not the caller's to choose."""
    # The act's own rows come first, so that an act the database refuses fails under its own name.
    session.flush()
    session.exec(
        insert(AuditEntry).values(
            tenant_id=tenant_id,
            id=new_id(),
            actor_kind=actor_kind,
            actor_id=actor_id,
            actor_label=actor_label,
            action=action,
            object_kind=object_kind,
            object_id=object_id,
            detail=detail,
            created_at=func.now(),
        )
    )
