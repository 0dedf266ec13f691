"""The audit log: kept with the act or not at all, and never changed."""

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, delete, select, update

from models import AuditEntry
from services.audit import record
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.tenants import Actor, bootstrap, system_actor


@pytest.fixture
def actor(kernel: Kernel) -> Actor:
    return system_actor(bootstrap(kernel, email="ana@example.com", tenant="Acme").tenant_id, "patchbay")


def _record(work: UnitOfWork, actor: Actor) -> None:
    record(
        work, actor=actor, action="agent.created", object_kind="agent", object_id=new_id(), detail={"name": "Support"}
    )


def _agent_entries(session: Session, actor: Actor) -> list[AuditEntry]:
    statement = select(AuditEntry).where(AuditEntry.tenant_id == actor.tenant_id, AuditEntry.object_kind == "agent")
    return list(session.exec(statement))


def test_entry_is_kept_with_the_act(kernel: Kernel, actor: Actor) -> None:
    with kernel.unit_of_work(actor.tenant_id) as work:
        _record(work, actor)
    with kernel.unit_of_work(actor.tenant_id) as work:
        (entry,) = _agent_entries(work.session, actor)
    assert (entry.actor_kind, entry.actor_id, entry.actor_label) == ("system", None, "patchbay")
    assert entry.detail == {"name": "Support"}
    assert entry.created_at.tzinfo is not None


def test_entry_vanishes_with_a_failed_act(kernel: Kernel, actor: Actor) -> None:
    def fail() -> None:
        with kernel.unit_of_work(actor.tenant_id) as work:
            _record(work, actor)
            raise RuntimeError("the act fails")

    with pytest.raises(RuntimeError):
        fail()
    with kernel.unit_of_work(actor.tenant_id) as work:
        assert not _agent_entries(work.session, actor)


@pytest.mark.parametrize(
    "statement",
    [update(AuditEntry).values(actor_label="nobody"), delete(AuditEntry)],
    ids=["update", "delete"],
)
def test_product_can_neither_change_nor_remove_entries(kernel: Kernel, actor: Actor, statement: object) -> None:
    with kernel.unit_of_work(actor.tenant_id) as work:
        _record(work, actor)
    with pytest.raises(DBAPIError, match="permission denied"), kernel.unscoped_session("test") as session:
        session.connection().execute(statement)  # pyright: ignore[reportArgumentType, reportCallIssue]
