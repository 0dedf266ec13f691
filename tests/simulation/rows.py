"""What the outbox's twin keeps: messages, the connections they leave through, and their conversations."""

import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from models import MessageState
from services.connections.breaker import Circuit
from services.sending.machine import Ground
from tests.simulation.tasks import VirtualTime, seconds_of

UNSENT = (MessageState.QUEUED, MessageState.SENDING)


@dataclass(slots=True, eq=False, kw_only=True)
class Row:
    """A message of the outbox."""

    id: UUID
    conversation_id: UUID
    connection_id: UUID
    text: str = ""
    is_persons: bool = False
    """Whether a person wrote it, and not an agent."""
    kills: bool = False
    """Whether whoever sends it dies."""
    state: MessageState = MessageState.QUEUED
    attempt: int = 0
    written_at: datetime
    due_at: datetime
    lease_until: datetime | None = None
    lease_token: UUID | None = None
    attempted_at: datetime | None = None
    cut_offs: int = 0
    code: str = ""
    external_id: str = ""

    @property
    def was_cut_off(self) -> bool:
        """Whether the last attempt ended with its worker."""
        return self.state is MessageState.SENDING and self.lease_token is not None

    def is_free(self, now: datetime) -> bool:
        """Return whether nobody holds it."""
        return self.lease_until is None or self.lease_until < now


@dataclass(slots=True, eq=False, kw_only=True)
class Line:
    """A connection."""

    id: UUID
    ground: Ground = Ground.WORKING
    circuit: Circuit = field(default_factory=Circuit)
    slow_down_means: Literal["account", "method", "call"] = "account"
    has_access: bool = True


@dataclass(slots=True, eq=False, kw_only=True)
class Talk:
    """A conversation."""

    id: UUID
    connection_id: UUID
    opted_out: bool = False
    is_human: bool = False
    """Whether a person is in charge."""
    limited_until: datetime | None = None
    """Until when the agent's limit lets nothing through."""


class Store:
    """All rows, the wake-ups, and what becomes of them by chance."""

    def __init__(self, time: VirtualTime, rng: random.Random) -> None:
        self.time, self.rng = time, rng
        self.rows: dict[UUID, Row] = {}
        self.unsent: dict[UUID, Row] = {}
        """Rows that have not ended, in the order they were written."""
        self.lines: dict[UUID, Line] = {}
        self.talks: dict[UUID, Talk] = {}
        self.waking = 0
        """Wake-ups that wait in the queue."""
        self.alarms: list[float] = []
        """When something is due, as far as nobody forgot."""
        self._last = 0

    def new_id(self) -> UUID:
        """Return an id that sorts after all before."""
        self._last += 1
        return UUID(int=self._last)

    def add_line(self, **values: object) -> Line:
        """Add a connection."""
        line = Line(id=self.new_id(), **values)  # pyright: ignore[reportArgumentType]
        self.lines[line.id] = line
        return line

    def add_talk(self, line: Line) -> Talk:
        """Add a conversation."""
        talk = Talk(id=self.new_id(), connection_id=line.id)
        self.talks[talk.id] = talk
        return talk

    def write(self, talk: Talk, *, is_persons: bool = False, kills: bool = False) -> Row:
        """Put a message into the outbox."""
        now = self.time.now()
        row = Row(
            id=self.new_id(),
            conversation_id=talk.id,
            connection_id=talk.connection_id,
            is_persons=is_persons,
            kills=kills,
            written_at=now,
            due_at=now,
        )
        self.rows[row.id] = self.unsent[row.id] = row
        self.waking = 1
        return row

    def ended(self, row: Row) -> None:
        """Note that a row's state has changed; those that are final wait no longer."""
        if row.state not in UNSENT:
            self.unsent.pop(row.id, None)

    def wake_at(self, at: datetime | None) -> None:
        """Wake workers when something is due."""
        if at is not None:
            self.alarms.append(seconds_of(at) + 0.02)

    def ring(self) -> None:
        """Turn alarms that are over into a wake-up; at most one of a kind waits."""
        late = [at for at in self.alarms if at > self.time.seconds]
        if len(late) < len(self.alarms):
            self.alarms = late
            self.waking = max(self.waking, 1)

    def take_wake(self) -> None:
        """Take a wake-up from the queue."""
        self.waking = max(self.waking - 1, 0)

    def sweep(self) -> None:
        """Wake workers if something is due that nobody holds."""
        now = self.time.now()
        if any(row.due_at <= now and row.is_free(now) for row in self.unsent.values()):
            self.waking = max(self.waking, 1)
