"""Two tenants in a database, and a look at what one of them owns."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection as DbConnection
from sqlalchemy import Engine, create_engine, insert, make_url, text
from sqlalchemy.pool import NullPool

import models
from services.kernel.ids import new_id

OWN = "OWN"
FOREIGN = "FOREIGN"
"""Stands in every text of the tenant that nobody else may see."""
TRACE = "trace"
"""Has ids, but no table of its own."""
NAMED_OTHERWISE = {"channel_id": "channel_policy", "delivery_id": "webhook_delivery"}
"""Parameters whose name is the end of no table's, or of several."""
COUNTED_LATE = {"webhook_refusal"}
"""Written a moment after the request that was refused: here, one of another test's."""
SEEDED = ("agent", "api_key", "contact", "playbook_entry")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The ids of two tenants, ``a`` in force and ``b`` foreign."""

    a: UUID
    b: UUID
    agent_a: UUID
    agent_b: UUID
    contact_a: UUID
    contact_b: UUID
    entry_b: UUID
    key_b: UUID
    now: datetime

    def parameters(self) -> Mapping[str, object]:
        """Return what a shape may bind."""
        return {**asdict(self), "fresh": new_id()}

    def is_foreign(self, value: object) -> bool:
        """Return whether a value that was read belongs to the foreign tenant."""
        said = str(value)
        return FOREIGN.lower() in said.lower() or any(
            str(id) in said for id in (self.agent_b, self.contact_b, self.entry_b, self.key_b)
        )


def new_world() -> World:
    """Return fresh ids."""
    return World(
        a=new_id(),
        b=new_id(),
        agent_a=new_id(),
        agent_b=new_id(),
        contact_a=new_id(),
        contact_b=new_id(),
        entry_b=new_id(),
        key_b=new_id(),
        now=datetime.now(UTC),
    )


def as_superuser(url: str) -> Engine:
    """Return an engine without guard or role."""
    return create_engine(make_url(url), poolclass=NullPool)


def seed(connection: DbConnection, world: World) -> None:
    """Give both tenants an agent with an entry, a contact and an API key."""
    tables = models.metadata.tables
    sides = (
        (world.a, world.agent_a, world.contact_a, new_id(), new_id(), OWN),
        (world.b, world.agent_b, world.contact_b, world.entry_b, world.key_b, FOREIGN),
    )
    for tenant, agent, contact, entry, key, mark in sides:
        rows: dict[str, Mapping[str, object]] = {
            "tenant": {"id": tenant, "name": f"{mark} tenant"},
            "agent": {
                "tenant_id": tenant,
                "id": agent,
                "name": f"{mark} agent",
                "purpose": f"{mark} purpose",
                "instructions": f"{mark} instructions",
                "model": "",
                "status": "active",
                "updated_at": world.now,
            },
            "playbook_entry": {
                "tenant_id": tenant,
                "id": entry,
                "agent_id": agent,
                "position": 0,
                "question": f"{mark} question",
                "answer": f"{mark} answer",
            },
            "contact": {"tenant_id": tenant, "id": contact, "name": f"{mark} contact"},
            "api_key": {
                "tenant_id": tenant,
                "id": key,
                "name": f"{mark} key",
                "role": "owner",
                "prefix": "pb_live_",
                "token_hash": f"{mark} hash",
            },
        }
        for name, row in rows.items():
            connection.execute(insert(tables[name]).values(**row, created_at=world.now))


def everything_of(connection: DbConnection, tenant: UUID, tables: tuple[str, ...]) -> dict[str, list[str]]:
    """Return all rows of a tenant, table by table, as text; needs a connection that no security applies to."""
    return {
        name: sorted(
            row
            for (row,) in connection.execute(
                text(f"SELECT to_jsonb(t)::text FROM {name} AS t WHERE tenant_id = :tenant"), {"tenant": tenant}
            )
        )
        for name in tables
    }


def tenant_tables() -> tuple[str, ...]:
    """Return the tables that belong to tenants."""
    return tuple(table.name for table in models.metadata.sorted_tables if "tenant_id" in table.primary_key.columns)


def table_of(parameter: str) -> str:
    """Return the table whose ids a parameter takes: ``run_id`` takes those of ``action_run``.

    Raises:
        AssertionError: no table's name, or several tables' names, end like this.
    """
    stem = parameter.removesuffix("_id")
    names = (*tenant_tables(), TRACE)
    found = [name for name in names if name == NAMED_OTHERWISE.get(parameter, stem)]
    found = found or [name for name in names if name.endswith(f"_{stem}")]
    assert len(found) == 1, f"name the table of {parameter} in NAMED_OTHERWISE"
    return found[0]
