"""What all tables share: the tenant's composite key, work rows with leases, and column helpers."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Column, DateTime, Enum, ForeignKeyConstraint, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(SQLModel):
    """Base of all tables; its metadata names constraints the same way everywhere."""

    metadata = MetaData(naming_convention=NAMING)


class TenantRow(Base):
    """A row that belongs to one tenant. The primary key is ``(tenant_id, id)``; ids are UUIDv7 made by us."""

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenant.id", ondelete="CASCADE")
    id: UUID = Field(primary_key=True)


class WorkRow(TenantRow):
    """A row that is work to do: a worker leases it, and the sweeper frees what a dead worker held."""

    attempt: int = 0
    """Attempts begun so far."""
    next_attempt_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType, reportCallIssue]
    """Not to be taken before this time."""
    lease_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType, reportCallIssue]
    lease_token: UUID | None = None
    """Who holds the lease; a worker that lost it may not write."""


def reference(column: str, table: str, *, ondelete: str = "CASCADE") -> ForeignKeyConstraint:
    """Return a reference that cannot leave the tenant: ``(tenant_id, column)`` → ``table (tenant_id, id)``."""
    return ForeignKeyConstraint(["tenant_id", column], [f"{table}.tenant_id", f"{table}.id"], ondelete=ondelete)


def _values(members: type[StrEnum]) -> list[str]:
    return [member.value for member in members]


def enum_column(kind: type[StrEnum], name: str, *, nullable: bool = False) -> Column[Any]:
    """Return a text column that holds one of ``kind``, checked by the database."""
    return Column(
        name,
        Enum(
            kind,
            native_enum=False,
            length=32,
            create_constraint=True,
            name=name,
            values_callable=_values,
        ),
        nullable=nullable,
    )


def json_column(name: str) -> Column[Any]:
    """Return a JSONB column that is never null."""
    return Column(name, JSONB, nullable=False)


def time_column(name: str, *, nullable: bool = False) -> Column[Any]:
    """Return a column for an aware time in UTC."""
    return Column(name, DateTime(timezone=True), nullable=nullable)
