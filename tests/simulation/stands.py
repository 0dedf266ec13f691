"""Two outboxes under the same tests: the twin in memory, and the one in PostgreSQL."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import text, update
from sqlmodel import col, delete, select

from models import (
    Agent,
    AgentStatus,
    Author,
    Connection,
    ConnectionStatus,
    Contact,
    Conversation,
    ConversationState,
    Credential,
    Direction,
    Message,
    MessageState,
    OptOut,
)
from services.connections.credentials import put_credential
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret
from services.limits import WAITS_FOR_LIMIT
from services.sending.machine import Ground
from services.sending.outbox import Outbox
from services.sending.stored import StoredOutbox
from services.tenants import bootstrap
from tests.simulation.memory import MemoryOutbox
from tests.simulation.provider import NoModule
from tests.simulation.rows import Store
from tests.simulation.tasks import VirtualTime

STATUSES: Mapping[Ground, ConnectionStatus] = {
    Ground.WORKING: ConnectionStatus.ACTIVE,
    Ground.PAUSED: ConnectionStatus.PAUSED,
    Ground.BROKEN: ConnectionStatus.NEEDS_REAUTH,
    Ground.GONE: ConnectionStatus.DISCONNECTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How a message stands."""

    state: MessageState
    attempt: int
    code: str
    is_held: bool
    seconds: float
    """Until it is worth a look again."""


class Stand(Protocol):
    """An outbox with one connection, and what a test does around it."""

    def outbox(self) -> Outbox:
        """Return the outbox as one more worker sees it."""
        ...

    def talk(self) -> UUID:
        """Begin a conversation."""
        ...

    def write(self, talk: UUID, *, is_persons: bool = False) -> UUID:
        """Put a message into the outbox."""
        ...

    def see(self, message: UUID) -> Seen:
        """Return how a message stands."""
        ...

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        ...

    def set_ground(self, ground: Ground) -> None:
        """Change the connection's status."""
        ...

    def drop_access(self) -> None:
        """Take the connection's credential away."""
        ...

    def opt_out(self, talk: UUID) -> None:
        """Let the contact want no more messages."""
        ...

    def take_over(self, talk: UUID) -> None:
        """Let a person be in charge."""
        ...

    def wait_for_limit(self, message: UUID) -> None:
        """Let a message have waited for its agent's limit until now."""
        ...


class MemoryStand:
    """The twin."""

    def __init__(self) -> None:
        self._time = VirtualTime()
        self._store = Store(self._time, random.Random(1))
        self._line = self._store.add_line()

    def outbox(self) -> Outbox:
        return MemoryOutbox(self._store, NoModule())

    def talk(self) -> UUID:
        return self._store.add_talk(self._line).id

    def write(self, talk: UUID, *, is_persons: bool = False) -> UUID:
        self.pass_time(1e-3)
        return self._store.write(self._store.talks[talk], is_persons=is_persons).id

    def see(self, message: UUID) -> Seen:
        row = self._store.rows[message]
        at = max(row.due_at, row.lease_until or row.due_at)
        seconds = (at - self._time.now()).total_seconds()
        return Seen(
            state=row.state, attempt=row.attempt, code=row.code, is_held=row.lease_token is not None, seconds=seconds
        )

    def pass_time(self, seconds: float) -> None:
        self._time.seconds += seconds

    def set_ground(self, ground: Ground) -> None:
        self._line.ground = ground

    def drop_access(self) -> None:
        self._line.has_access = False

    def opt_out(self, talk: UUID) -> None:
        self._store.talks[talk].opted_out = True

    def take_over(self, talk: UUID) -> None:
        self._store.talks[talk].is_human = True

    def wait_for_limit(self, message: UUID) -> None:
        self._store.rows[message].code = WAITS_FOR_LIMIT


@dataclass(slots=True)
class StoredStand:
    """PostgreSQL, with a tenant of its own."""

    kernel: Kernel
    tenant_id: UUID = field(init=False)
    agent_id: UUID = field(init=False)
    connection_id: UUID = field(init=False)
    contact_id: UUID = field(init=False)

    def __post_init__(self) -> None:
        name = f"t{new_id().hex}"
        self.tenant_id = bootstrap(self.kernel, email=f"owner@{name}.example", tenant=name).tenant_id
        self.agent_id, self.connection_id, self.contact_id = new_id(), new_id(), new_id()
        now = self.kernel.clock.now()
        with self.kernel.unit_of_work(self.tenant_id) as work:
            agent = Agent(
                tenant_id=self.tenant_id,
                id=self.agent_id,
                name="Bri",
                status=AgentStatus.ACTIVE,
                created_at=now,
                updated_at=now,
            )
            connection = Connection(
                tenant_id=self.tenant_id,
                id=self.connection_id,
                provider="twilio",
                auth_scheme="keys",
                status=ConnectionStatus.ACTIVE,
                settings={"account_sid": "AC1"},
                created_at=now,
                updated_at=now,
            )
            contact = Contact(tenant_id=self.tenant_id, id=self.contact_id, name="Cleo", created_at=now)
            work.session.add_all([agent, connection, contact])
            work.session.flush()
            put_credential(self.kernel, work, connection, name="auth_token", secret=Secret("a token of a test"))
        self._begin_to_count()

    def _begin_to_count(self) -> None:
        """Have the agent's counters filled, as they are in daily life."""
        message = self.write(self.talk())
        assert not self.outbox().claim(limit=1).claims
        self._update(Message, message, state=MessageState.SENT)

    def outbox(self) -> Outbox:
        return StoredOutbox(self.kernel, self.tenant_id)

    def talk(self) -> UUID:
        now, talk = self.kernel.clock.now(), new_id()
        with self.kernel.unit_of_work(self.tenant_id) as work:
            work.session.add(
                Conversation(
                    tenant_id=self.tenant_id,
                    id=talk,
                    agent_id=self.agent_id,
                    connection_id=self.connection_id,
                    contact_id=self.contact_id,
                    contact_address=f"+{talk.int % 10**11}",
                    channel_kind="sms",
                    channel_id=f"+{talk.int % 10**12}",
                    external_key=talk.hex,
                    state=ConversationState.AGENT,
                    state_changed_at=now,
                    last_message_at=now,
                    created_at=now,
                )
            )
        return talk

    def write(self, talk: UUID, *, is_persons: bool = False) -> UUID:
        now, message = self.kernel.clock.now(), new_id()
        with self.kernel.unit_of_work(self.tenant_id) as work:
            work.session.add(
                Message(
                    tenant_id=self.tenant_id,
                    id=message,
                    conversation_id=talk,
                    connection_id=self.connection_id,
                    direction=Direction.OUTBOUND,
                    author=Author.USER if is_persons else Author.AGENT,
                    author_label="Ana" if is_persons else "Bri",
                    text="Hello",
                    state=MessageState.QUEUED,
                    recipient=f"+{talk.int % 10**11}",
                    trace_id=message,
                    created_at=now,
                    next_attempt_at=now - timedelta(seconds=1),
                )
            )
            work.session.flush()
        self.pass_time(1e-3)
        return message

    def see(self, message: UUID) -> Seen:
        with self.kernel.unit_of_work(self.tenant_id) as work:
            row = work.session.exec(select(Message).where(*self._is(Message, message))).one()
            at = max(row.next_attempt_at, row.lease_until or row.next_attempt_at)
            now = work.session.connection().execute(text("SELECT clock_timestamp()")).scalar_one()
            return Seen(
                state=row.state,
                attempt=row.attempt,
                code=row.error_code,
                is_held=row.lease_token is not None,
                seconds=(at - now).total_seconds(),
            )

    def pass_time(self, seconds: float) -> None:
        """Let time pass: all that is noted becomes older."""
        by = timedelta(seconds=seconds)
        times: Mapping[Any, tuple[str, ...]] = {
            Message: ("next_attempt_at", "lease_until", "created_at"),
            Connection: ("circuit_opened_at", "circuit_next_at", "held_until"),
        }
        with self.kernel.unscoped_session("test") as session:
            for table, names in times.items():
                older = {name: getattr(table, name) - by for name in names}
                session.exec(update(table).where(col(table.tenant_id) == self.tenant_id).values(**older))

    def set_ground(self, ground: Ground) -> None:
        self._update(Connection, self.connection_id, status=STATUSES[ground])

    def drop_access(self) -> None:
        with self.kernel.unscoped_session("test") as session:
            session.exec(delete(Credential).where(col(Credential.tenant_id) == self.tenant_id))

    def opt_out(self, talk: UUID) -> None:
        with self.kernel.unit_of_work(self.tenant_id) as work:
            row = work.session.exec(select(Conversation).where(*self._is(Conversation, talk))).one()
            work.session.add(
                OptOut(
                    tenant_id=self.tenant_id,
                    id=new_id(),
                    connection_id=self.connection_id,
                    sender=row.channel_id,
                    contact=row.contact_address,
                    keyword="STOP",
                    created_at=self.kernel.clock.now(),
                )
            )

    def take_over(self, talk: UUID) -> None:
        self._update(Conversation, talk, state=ConversationState.HUMAN)

    def wait_for_limit(self, message: UUID) -> None:
        self._update(Message, message, error_code=WAITS_FOR_LIMIT)

    def _update(self, table: Any, row_id: UUID, **values: Any) -> None:
        with self.kernel.unscoped_session("test") as session:
            session.exec(update(table).where(*self._is(table, row_id)).values(**values))

    def _is(self, table: Any, row_id: UUID) -> tuple[Any, Any]:
        return col(table.tenant_id) == self.tenant_id, col(table.id) == row_id
