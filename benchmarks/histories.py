"""Databases full of conversations: one for each size, so that all sizes can be asked in turns.

Nearly all messages are one company's; a small one beside it has a hundred conversations. Rows are written by the
database itself: the product would take hours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import make_url
from sqlmodel import SQLModel

from benchmarks.scene import found_quiet_company
from benchmarks.stage import Stage
from models import Contact, Conversation, Message
from services.agents import list_agents
from services.kernel.kernel import Kernel, build_kernel
from services.kernel.paging import write_key
from services.kernel.settings import Settings
from services.tenants import Actor
from workers.runtime import migration

IN_EACH = 10
"""Messages of a conversation."""
COMMON_WORD, RARE_WORD = "payout", "zeppelin"
_SMALL_MESSAGES = 1_000
_WORDS = " || ".join(f"' w' || ((n * {prime}) % 16381)" for prime in (7, 101, 1_009, 3_001, 5_003, 7_919, 9_973))
_TEXT = (
    f"CASE WHEN n % 3 = 0 THEN 'the {COMMON_WORD} is' ELSE 'a question about' END"
    f" || CASE WHEN n % 500 = 7 THEN ' {RARE_WORD}' ELSE '' END || {_WORDS}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A database with so many messages, and who asks it."""

    messages: int
    kernel: Kernel
    large: Actor
    small: Actor
    agent_id: UUID
    """The large company's agent; its page lists its conversations."""
    deep: str
    """A place nine tenths down the large company's list."""


def write_history(stage: Stage, messages: int, *, before: History | None) -> History:
    """Write a history that holds all of the one before it.

    Args:
        stage: where the servers run.
        messages: how many of the large company are there in the end.
        before: the next smaller one; the first founds the companies.
    """
    name = f"history_{messages}"
    settings = _settings(stage, name)
    with stage.owner() as session:
        template = ""
        if before:
            before.kernel.database.dispose()
            template = f" TEMPLATE history_{before.messages}"
        session.execute(f"CREATE DATABASE {name}{template}".encode())
    if not before:
        migration.upgrade(settings)
    kernel = build_kernel(settings)
    if before:
        large, small, written = before.large, before.small, before.messages
    else:
        large, small, written = found_quiet_company(kernel, 901), found_quiet_company(kernel, 902), 0
    with psycopg.connect(settings.database_owner_url, autocommit=True) as session:
        if not before:
            _fill(session, small.tenant_id, written=0, messages=_SMALL_MESSAGES)
        _fill(session, large.tenant_id, written=written, messages=messages)
        deep = _place(session, large.tenant_id, skipped=messages // IN_EACH // 10)
    [agent] = list_agents(kernel, actor=large)
    return History(messages=messages, kernel=kernel, large=large, small=small, agent_id=agent.id, deep=deep)


def _settings(stage: Stage, database: str) -> Settings:
    def url(of: str) -> str:
        return make_url(of).set(database=database).render_as_string(hide_password=False)

    own = stage.kernel.settings
    return own.model_copy(
        update={"database_url": url(own.database_url), "database_owner_url": url(own.database_owner_url)}
    )


def _fill(session: psycopg.Connection, tenant_id: UUID, *, written: int, messages: int) -> None:
    """Add conversations until there are so many messages; indexes of words are built at the end, which is quicker."""
    session.execute("SET session_replication_role = replica")  # references are right by construction
    session.execute("SET maintenance_work_mem = '256MB'")
    found = session.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_message_search'").fetchone()
    assert found is not None, "messages have an index of their words"
    session.execute("DROP INDEX ix_message_search")
    span = {"tenant_id": tenant_id, "first": written // IN_EACH, "last": messages // IN_EACH - 1}
    _insert(session, Contact, span, {"id": _id("n", "c"), "name": "'Mia ' || n", "created_at": _at(f"n * {IN_EACH}")})
    _insert(session, Conversation, span, _conversation())
    _insert(session, Message, {**span, "first": written, "last": messages - 1}, _message())
    session.execute(str(found[0]).encode())
    session.execute("VACUUM ANALYZE message, conversation, contact")


def _conversation() -> dict[str, str]:
    last = _at(f"n * {IN_EACH} + {IN_EACH - 1}")
    return {
        "id": _id("n", "d"),
        "agent_id": "(SELECT id FROM agent WHERE tenant_id = %(tenant_id)s)",
        "connection_id": "(SELECT id FROM connection WHERE tenant_id = %(tenant_id)s)",
        "contact_id": _id("n", "c"),
        "contact_address": "'U' || n",
        "channel_kind": "'slack_dm'",
        "channel_id": "'D' || n",
        "external_key": "'D' || n",
        "state": "CASE WHEN n % 4 = 0 THEN 'closed' ELSE 'agent' END",
        "state_changed_at": last,
        "last_message_at": last,
        "created_at": last,
        "message_count": str(IN_EACH),
    }


def _message() -> dict[str, str]:
    return {
        "id": _id("n", "e"),
        "conversation_id": _id(f"n / {IN_EACH}", "d"),
        "connection_id": "(SELECT id FROM connection WHERE tenant_id = %(tenant_id)s)",
        "direction": "CASE WHEN n % 2 = 0 THEN 'inbound' ELSE 'outbound' END",
        "author": "CASE WHEN n % 2 = 0 THEN 'contact' ELSE 'agent' END",
        "author_label": "'Mia'",
        "text": _TEXT,
        "state": "CASE WHEN n % 2 = 0 THEN 'received' ELSE 'sent' END",
        "trace_id": _id("n", "e"),
        "created_at": _at("n"),
        "next_attempt_at": _at("n"),
    }


def _insert(session: psycopg.Connection, model: type[SQLModel], span: Mapping[str, Any], given: dict[str, str]) -> None:
    """Insert a row for each number of a span; what is not given has the model's default."""
    table = model.metadata.tables[model.__name__.lower()]
    values = {"tenant_id": "%(tenant_id)s"}
    for column in table.columns:
        default: Any = getattr(column.default, "arg", None)
        if column.name not in given and isinstance(default, str | int):
            values[column.name] = "''" if default == "" else repr(default)
    values |= given
    session.execute(
        (
            f"INSERT INTO {table.name} ({', '.join(values)}) SELECT {', '.join(values.values())}"
            " FROM generate_series(CAST(%(first)s AS bigint), CAST(%(last)s AS bigint)) AS n"
        )
        .replace(" % ", " %% ")
        .encode(),
        span,
    )


def _id(number: str, kind: str) -> str:
    """Return SQL for an id that sorts as its number does (RFC 9562 §5.7: milliseconds, version 7)."""
    return f"CAST(lpad(to_hex(1700000000000 + {number}), 12, '0') || '70008000{kind}00000000000' AS uuid)"


def _at(number: str) -> str:
    return f"to_timestamp(1700000000 + {number})"


def _place(session: psycopg.Connection, tenant_id: UUID, *, skipped: int) -> str:
    row = session.execute(
        "SELECT id, last_message_at FROM conversation WHERE tenant_id = %s"
        " ORDER BY last_message_at, id LIMIT 1 OFFSET %s",
        (tenant_id, skipped),
    ).fetchone()
    assert row is not None, "there are that many conversations"
    return write_key(row[0], row[1])
