"""Databases full of conversations: one for each size, so that all sizes can be asked in turns.

Nearly all messages are one company's; a small one beside it has a hundred conversations. Rows are written by the
database itself, by one session for each processor: the product would take hours. How they are written changes nothing
about what is read afterwards.
"""

import os
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
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
COMMON_WORD, RARE_WORD, SCARCE_WORD = "payout", "zeppelin", "xylophone"
"""Said in every third message, in one of five hundred, and ten times in all."""
_SMALL_MESSAGES = 1_000
_WORDS = " || ".join(f"' w' || ((n * {prime}) % 16381)" for prime in (7, 101, 1_009, 3_001, 5_003, 7_919, 9_973))
_TEXT = (
    f"CASE WHEN n % 3 = 0 THEN 'the {COMMON_WORD} is' ELSE 'a question about' END"
    f" || CASE WHEN n % 500 = 7 THEN ' {RARE_WORD}' ELSE '' END"
    f" || CASE WHEN n < 1000 AND n % 100 = 3 THEN ' {SCARCE_WORD}' ELSE '' END || {_WORDS}"
)
_FILLED = ("message", "conversation", "contact")
_WHILE_FILLING = {
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "full_page_writes": "off",
    "max_wal_size": "16GB",
}
"""Settings of the server; afterwards it has its own again."""
_SESSION = {
    "session_replication_role": "replica",  # references are right by construction
    "synchronous_commit": "off",
    "maintenance_work_mem": "512MB",
    "max_parallel_maintenance_workers": str(os.cpu_count() or 1),
}


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


@contextmanager
def quick_writes(stage: Stage) -> Generator[None]:
    """Let the server write much at once for the length of the block, and everything be on the disk at its end."""
    _set_server(stage, [f"SET {name} = '{value}'" for name, value in _WHILE_FILLING.items()])
    try:
        yield
    finally:
        _set_server(stage, ["RESET ALL"])
        with stage.owner() as session:
            session.execute("CHECKPOINT")


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
            template = f" TEMPLATE history_{before.messages} STRATEGY file_copy"
        session.execute(f"CREATE DATABASE {name}{template}".encode())
    if not before:
        migration.upgrade(settings)
    kernel = build_kernel(settings)
    if before:
        large, small, written = before.large, before.small, before.messages
    else:
        large, small, written = found_quiet_company(kernel, 901), found_quiet_company(kernel, 902), 0
    with ThreadPoolExecutor(os.cpu_count()) as sessions, _session(settings) as session:
        later = _drop_indexes(session)
        filling = _Filling(settings, sessions)
        if not before:
            filling.add(small.tenant_id, written=0, messages=_SMALL_MESSAGES)
        filling.add(large.tenant_id, written=written, messages=messages)
        for statement in (*later, f"VACUUM (ANALYZE) {', '.join(_FILLED)}"):
            session.execute(statement.encode())
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


def _set_server(stage: Stage, changes: Sequence[str]) -> None:
    with stage.owner() as session:
        for change in changes:
            session.execute(f"ALTER SYSTEM {change}".encode())
        session.execute("SELECT pg_reload_conf()")


def _session(settings: Settings) -> psycopg.Connection:
    session = psycopg.connect(settings.database_owner_url, autocommit=True)
    for name, value in _SESSION.items():
        session.execute(f"SET {name} = '{value}'".encode())
    return session


def _drop_indexes(session: psycopg.Connection) -> list[str]:
    """Drop the indexes that no constraint stands on, and return how to build them; at the end that is quicker."""
    rows = session.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY(%s)"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint)",
        (list(_FILLED),),
    ).fetchall()
    for name, _ in rows:
        session.execute(f"DROP INDEX {name}".encode())
    return [definition for _, definition in rows]


@dataclass(frozen=True, slots=True)
class _Filling:
    """Writes rows with one session for each processor."""

    settings: Settings
    sessions: ThreadPoolExecutor

    def add(self, tenant_id: UUID, *, written: int, messages: int) -> None:
        """Add conversations of a tenant until there are so many messages."""
        conversations = Span(tenant_id, written // IN_EACH, messages // IN_EACH)
        contact = {"id": _id("n", "c"), "name": "'Mia ' || n", "created_at": _at(f"n * {IN_EACH}")}
        parts = os.cpu_count() or 1
        statements = [
            *(_insert(Message, span, _message()) for span in Span(tenant_id, written, messages).parts(parts)),
            _insert(Conversation, conversations, _conversation()),
            _insert(Contact, conversations, contact),
        ]
        list(self.sessions.map(self._execute, statements))

    def _execute(self, statement: tuple[str, Mapping[str, Any]]) -> None:
        text, values = statement
        with _session(self.settings) as session:
            session.execute(text.encode(), values)


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from the first to before the end; each becomes a row of the tenant."""

    tenant_id: UUID
    first: int
    end: int

    def parts(self, count: int) -> "list[Span]":
        """Return the same in so many parts."""
        bounds = [self.first + (self.end - self.first) * part // count for part in range(count + 1)]
        return [Span(self.tenant_id, first, end) for first, end in pairwise(bounds)]


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


def _insert(model: type[SQLModel], span: Span, given: Mapping[str, str]) -> tuple[str, Mapping[str, Any]]:
    """Return what inserts a row for each number of a span; what is not given has the model's default."""
    table = model.metadata.tables[model.__name__.lower()]
    values = {"tenant_id": "%(tenant_id)s"}
    for column in table.columns:
        default: Any = getattr(column.default, "arg", None)
        if column.name not in given and isinstance(default, str | int):
            values[column.name] = "''" if default == "" else repr(default)
    values |= given
    text = (
        f"INSERT INTO {table.name} ({', '.join(values)}) SELECT {', '.join(values.values())}"
        " FROM generate_series(CAST(%(first)s AS bigint), CAST(%(end)s AS bigint) - 1) AS n"
    )
    return text.replace(" % ", " %% "), {"tenant_id": span.tenant_id, "first": span.first, "end": span.end}


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
