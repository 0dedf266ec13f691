"""Writes the audit log. Reading it, and the chain that shows tampering, build on these rows."""

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

from services.audit import repository
from services.kernel.db import UnitOfWork

Detail = str | int | bool | None


class AuditActor(Protocol):
    """Who acts: a person, an API key or the product itself."""

    @property
    def tenant_id(self) -> UUID:
        """The tenant it acts in."""
        ...

    @property
    def kind(self) -> str:
        """``user``, ``api_key`` or ``system``."""
        ...

    @property
    def id(self) -> UUID | None:
        """The row that stands for it; none for the product itself."""
        ...

    @property
    def label(self) -> str:
        """Its name at that time."""
        ...


def record(
    work: UnitOfWork,
    *,
    actor: AuditActor,
    action: str,
    object_kind: str,
    object_id: UUID | None,
    detail: Mapping[str, Detail] | None = None,
) -> None:
    """Add an entry in the same transaction as the act: both are kept, or neither.

    Args:
        work: the act's unit of work; its tenant owns the entry.
        actor: who did it.
        action: ``noun.verb_past``, such as ``agent.created``.
        object_kind: the noun the id belongs to.
        object_id: what it was done to; none for the tenant as a whole.
        detail: ids and names of what changed; never a secret, a message or an address.
    """
    repository.add_entry(
        work.session,
        tenant_id=work.tenant_id,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=actor.label,
        action=action,
        object_kind=object_kind,
        object_id=object_id,
        detail=dict(detail or {}),
    )
