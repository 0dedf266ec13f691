"""A statement that stands ready: prepared on a connection of its own, and run on the event loop without a thread.

Each run is one transaction and one round trip. By way of a pool and a session it would be five round trips, and as
many changes between threads; where a webhook waits for its answer, that is most of the time.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import psycopg
from psycopg import pq
from sqlalchemy.exc import DBAPIError

_NAME = b"standing"
_BINARY = 1
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Where PostgreSQL begins to count."""


@dataclass(frozen=True, slots=True)
class BinaryType:
    """One of PostgreSQL's types, and how its values travel in binary form.

    https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-FORMAT-CODES
    """

    name: str
    encode: Callable[[Any], bytes]

    @property
    def oid(self) -> int:
        """The type's number."""
        return psycopg.adapters.types[self.name].oid

    @property
    def array_oid(self) -> int:
        """The number of the type of its arrays."""
        return psycopg.adapters.types[self.name].array_oid

    def array(self, values: Sequence[Any]) -> bytes:
        """Encode values as an array; the driver's own way takes ten times as long.

        One dimension, no NULL, the type, how many, counted from 1; then each value behind its length.
        """
        head = (1, 0, self.oid, len(values), 1)
        parts = [number.to_bytes(4) for number in head]
        for encoded in map(self.encode, values):
            parts += (len(encoded).to_bytes(4), encoded)
        return b"".join(parts)


def _encode_integer(value: int) -> bytes:
    return value.to_bytes(4, signed=True)


def _encode_moment(value: datetime) -> bytes:
    since = value - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds).to_bytes(8, signed=True)


BYTEA = BinaryType("bytea", bytes)
INTEGER = BinaryType("int4", _encode_integer)
MOMENT = BinaryType("timestamptz", _encode_moment)
TEXT = BinaryType("text", str.encode)
UUIDS = BinaryType("uuid", attrgetter("bytes"))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement whose values are written ``$1``, ``$2`` and so on, and the numbers of their types."""

    sql: str
    oids: tuple[int, ...]


class StandingStatement:
    """One statement on a connection of its own; each run is a transaction that is durable when it returns.

    The connection is opened when it is needed, and anew when it has been lost. The event loop watches it meanwhile, so
    that a server that has gone away is noticed without asking.

    Args:
        statement: what is run.
        connect: opens a connection in autocommit; called in a thread.
        limit_seconds: how long a run may take; then the connection is given up.
    """

    def __init__(
        self, statement: Prepared, connect: Callable[[], "psycopg.Connection[Any]"], *, limit_seconds: float
    ) -> None:
        self._statement = statement
        self._connect = connect
        self._limit_seconds = limit_seconds
        self._link: _Link | None = None

    async def run(self, values: Sequence[bytes]) -> list[bytes]:
        """Run the statement; wait for one run before the next.

        Args:
            values: in binary form, in the order of their numbers.

        Returns:
            The first column of the rows it returned, in binary form.

        Raises:
            SQLAlchemyError: nothing was changed; or, if the database was away, that is not known.
        """
        try:
            link = await self._linked()
            return _first_column(await self._in_time(link, values))
        except psycopg.Error as error:
            raise DBAPIError.instance(None, None, error, psycopg.Error, hide_parameters=True) from error

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._link:
            self._link.close()

    async def _linked(self) -> "_Link":
        loop = asyncio.get_running_loop()
        if self._link is None or not self._link.is_open_in(loop):
            self.close()
            self._link = _Link(await asyncio.to_thread(self._open), loop)
        return self._link

    def _open(self) -> "psycopg.Connection[Any]":
        connection = self._connect()
        result = connection.pgconn.prepare(_NAME, self._statement.sql.encode(), self._statement.oids)
        _raise_for(result)
        return connection

    async def _in_time(self, link: "_Link", values: Sequence[bytes]) -> pq.abc.PGresult:
        """Run the statement; a connection on which one is left behind is of no more use."""
        try:
            async with asyncio.timeout(self._limit_seconds):
                result = await link.run(values)
        except TimeoutError as error:
            link.close()
            raise psycopg.OperationalError("The database did not answer in time.") from error
        except asyncio.CancelledError:
            link.close()
            raise
        _raise_for(result)
        return result


class _Link:
    """An open connection, and the event loop that watches its socket."""

    def __init__(self, connection: "psycopg.Connection[Any]", loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._loop = loop
        self._socket = self._pgconn.socket
        self._result: pq.abc.PGresult | None = None
        self._answer: asyncio.Future[pq.abc.PGresult] | None = None
        self._pgconn.nonblocking = 1
        self._is_watched = True
        loop.add_reader(self._socket, self._read)

    def is_open_in(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Return whether a statement can be run in this event loop."""
        return self._loop is loop and not self._connection.closed

    async def run(self, values: Sequence[bytes]) -> pq.abc.PGresult:
        """Send the values and return what the server makes of them.

        Raises:
            psycopg.Error: the connection was lost.
        """
        self._answer = self._loop.create_future()
        formats = [_BINARY] * len(values)
        self._pgconn.send_query_prepared(_NAME, values, formats, result_format=_BINARY)
        self._write()
        return await self._answer

    def close(self) -> None:
        """Close the connection; who waits for an answer is told that it was lost."""
        self._lose(psycopg.OperationalError("The connection was closed."))

    def _write(self) -> None:
        """Hand over what the socket takes, and the rest as soon as it takes more."""
        try:
            is_left = self._pgconn.flush()
        except psycopg.Error as error:
            self._lose(error)
            return
        if is_left:
            self._loop.add_writer(self._socket, self._write)
        else:
            self._loop.remove_writer(self._socket)

    def _read(self) -> None:
        """Take what the server sent; the answer is whole when nothing comes after its result."""
        try:
            self._pgconn.consume_input()
            while not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if result is None:
                    self._settle()
                    return
                self._result = result
        except psycopg.Error as error:
            self._lose(error)

    def _settle(self) -> None:
        answer, self._answer = self._answer, None
        result, self._result = self._result, None
        if answer and result and not answer.done():
            answer.set_result(result)

    def _lose(self, error: psycopg.Error) -> None:
        if self._is_watched and not self._loop.is_closed():
            # Once: the number of a closed socket may by now be that of a caller's connection.
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        self._is_watched = False
        self._connection.close()
        if self._answer and not self._answer.done():
            self._answer.set_exception(error)


def _first_column(result: pq.abc.PGresult) -> list[bytes]:
    return [result.get_value(row, 0) or b"" for row in range(result.ntuples)]


def _raise_for(result: pq.abc.PGresult) -> None:
    """Raise what the server refused a statement for, without its details, which quote the row."""
    if result.status in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
        return
    message = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"The connection was lost."
    state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
    raise _kind_of(state)(message.decode(errors="replace"))


def _kind_of(state: str) -> type[psycopg.Error]:
    """Return the error for one of PostgreSQL's codes; without one, the connection is gone."""
    if not state:
        return psycopg.OperationalError
    try:
        return psycopg.errors.lookup(state)
    except KeyError:
        return psycopg.DatabaseError
