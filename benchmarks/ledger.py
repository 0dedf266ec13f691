"""What the database says about the work, asked as the owner of the tables."""

from dataclasses import dataclass

import psycopg

OPEN_DELIVERIES = "state IN ('received', 'processing', 'failed')"
_OPEN_TURNS = "state IN ('due', 'running')"
_UNSENT = "direction = 'outbound' AND state IN ('queued', 'sending')"


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is still to be done."""

    deliveries: int
    turns: int
    messages: int

    @property
    def is_gone(self) -> bool:
        """Whether everything is done."""
        return not (self.deliveries or self.turns or self.messages)


def backlog(session: psycopg.Connection) -> Backlog:
    """Return what is still to be done."""
    return Backlog(
        number(session, f"SELECT count(*) FROM webhook_delivery WHERE {OPEN_DELIVERIES}"),
        number(session, f"SELECT count(*) FROM turn WHERE {_OPEN_TURNS}"),
        number(session, f"SELECT count(*) FROM message WHERE {_UNSENT}"),
    )


def number(session: psycopg.Connection, query: str) -> int:
    """Return the one number that a query answers with."""
    row = session.execute(query.encode()).fetchone()
    assert row is not None, "a query for one number answers with one row"
    return int(row[0] or 0)


def clear(session: psycopg.Connection) -> None:
    """Drop the deliveries that a measure left, except those that a worker has its hands on."""
    session.execute(
        f"DELETE FROM webhook_delivery WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM webhook_delivery"
        f" WHERE {OPEN_DELIVERIES} FOR UPDATE SKIP LOCKED)".encode()
    )


def abandon(session: psycopg.Connection) -> None:
    """Give up all work that a measure left, so that the next one does not pay for it; while no worker runs."""
    clear(session)
    session.execute(f"UPDATE turn SET state = 'skipped' WHERE {_OPEN_TURNS}".encode())
    session.execute(f"UPDATE message SET state = 'failed' WHERE {_UNSENT}".encode())
    session.execute("UPDATE conversation SET lease_until = NULL, lease_token = NULL WHERE lease_until IS NOT NULL")
