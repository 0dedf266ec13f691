"""Circuits of connections, opened and closed as time and providers would."""

from uuid import UUID

from sqlalchemy import text, update
from sqlmodel import col, select

from models import Connection
from services.kernel.kernel import Kernel


def set_circuit(kernel: Kernel, connection_id: UUID, *, next_call: str | None) -> None:
    """Open a connection's circuit, or close it.

    Args:
        kernel: the product's seams.
        connection_id: whose.
        next_call: the probe's time, such as ``+ interval '20 seconds'`` from now; None closes it.
    """
    values = {"circuit_opened_at": None, "circuit_next_at": None, "circuit_failures": 0}
    if next_call is not None:
        at = text(f"clock_timestamp() {next_call}")
        values = {"circuit_opened_at": text("clock_timestamp()"), "circuit_next_at": at, "circuit_failures": 5}
    with kernel.unscoped_session("test") as session:
        session.exec(update(Connection).where(col(Connection.id) == connection_id).values(**values))


def is_open(kernel: Kernel, connection_id: UUID) -> bool:
    """Return whether a connection's circuit is open."""
    with kernel.unscoped_session("test") as session:
        row = session.exec(select(Connection).where(col(Connection.id) == connection_id)).one()
        return row.circuit_opened_at is not None
