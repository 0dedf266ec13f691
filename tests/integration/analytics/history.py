"""Messages with their turns and answers at any time in the past, as the line would have left them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from models import (
    Agent,
    AgentStatus,
    Author,
    Connection,
    ConnectionStatus,
    Contact,
    Conversation,
    ConversationState,
    DeliveryState,
    Direction,
    Message,
    MessageState,
    Turn,
    TurnState,
    WebhookDelivery,
)
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.tenants import Actor, bootstrap, set_time_zone
from tests.integration.agents.conftest import actor_of

_TAIL = (1 << 80) - 1


def id_at(moment: datetime) -> UUID:
    """Return an id that was made at that time."""
    return UUID(int=(round(moment.timestamp() * 1000) << 80) | (new_id().int & _TAIL))


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A message that came in, and what became of it."""

    at: datetime
    agent: int = 0
    kind: str = "sms"
    turn: TurnState = TurnState.DONE
    answer: MessageState | None = MessageState.DELIVERED
    took: timedelta | None = timedelta(seconds=2)
    handed_over: bool = False
    delivery: DeliveryState = DeliveryState.PROCESSED


@dataclass(frozen=True, slots=True)
class History:
    """A tenant's past."""

    kernel: Kernel
    tenant_id: UUID
    connection_id: UUID
    agents: tuple[UUID, ...]

    def add(self, messages: Iterable[Written]) -> list[UUID]:
        """Write down what came in; return the deliveries' ids."""
        with self.kernel.unit_of_work(self.tenant_id) as work:
            conversations: dict[tuple[int, str], UUID] = {}
            ids: list[UUID] = []
            for item in messages:
                place = (item.agent, item.kind)
                if place not in conversations:
                    conversations[place] = self._converse(work, item)
                ids.append(self._write(work, item, conversations[place]))
            return ids

    def add_dead(self, at: datetime) -> None:
        """Write down a request that could not be processed."""
        with self.kernel.unit_of_work(self.tenant_id) as work:
            work.session.add(self._delivery(Written(at=at, delivery=DeliveryState.DEAD), id_at(at)))

    def _write(self, work: UnitOfWork, item: Written, conversation_id: UUID) -> UUID:
        row_id, answer = id_at(item.at), None
        work.session.add(self._delivery(item, row_id))
        work.session.add(self._message(item, row_id, row_id, conversation_id))
        work.session.flush()
        if item.answer:
            answer = self._message(item, id_at(item.at), row_id, conversation_id, is_answer=True)
            work.session.add(answer)
        work.session.add(
            Turn(
                tenant_id=self.tenant_id,
                id=id_at(item.at),
                conversation_id=conversation_id,
                agent_id=self.agents[item.agent],
                message_id=row_id,
                reply_id=answer.id if answer else None,
                state=item.turn,
                handed_over=item.handed_over,
                trace_id=row_id,
                created_at=item.at,
                finished_at=item.at,
                next_attempt_at=item.at,
            )
        )
        work.session.flush()
        return row_id

    def _message(
        self, item: Written, id: UUID, trace_id: UUID, conversation_id: UUID, *, is_answer: bool = False
    ) -> Message:
        sent_at = item.at + item.took if item.took is not None and is_answer else None
        return Message(
            tenant_id=self.tenant_id,
            id=id,
            conversation_id=conversation_id,
            connection_id=self.connection_id,
            direction=Direction.OUTBOUND if is_answer else Direction.INBOUND,
            author=Author.AGENT if is_answer else Author.CONTACT,
            author_label="Bri" if is_answer else "Mia",
            text="Hello",
            state=item.answer or MessageState.QUEUED if is_answer else MessageState.RECEIVED,
            trace_id=trace_id,
            created_at=item.at,
            sent_at=sent_at,
            next_attempt_at=item.at,
        )

    def _delivery(self, item: Written, row_id: UUID) -> WebhookDelivery:
        return WebhookDelivery(
            tenant_id=self.tenant_id,
            id=row_id,
            connection_id=self.connection_id,
            provider="twilio",
            kind="sms",
            event_type="sms",
            dedupe_key=str(row_id),
            body=b"",
            state=item.delivery,
            trace_id=row_id,
            received_at=item.at,
            next_attempt_at=item.at,
        )

    def _converse(self, work: UnitOfWork, item: Written) -> UUID:
        contact = Contact(tenant_id=self.tenant_id, id=new_id(), name="Mia", created_at=item.at)
        work.session.add(contact)
        work.session.flush()
        conversation = Conversation(
            tenant_id=self.tenant_id,
            id=new_id(),
            agent_id=self.agents[item.agent],
            connection_id=self.connection_id,
            contact_id=contact.id,
            contact_address="+14155550142",
            channel_kind=item.kind,
            channel_id="+14155550199",
            external_key=str(new_id()),
            state=ConversationState.AGENT,
            state_changed_at=item.at,
            last_message_at=item.at,
            created_at=item.at,
        )
        work.session.add(conversation)
        work.session.flush()
        return conversation.id


def begin(kernel: Kernel, tenant_id: UUID, *, agents: Sequence[str], now: datetime) -> History:
    """Give a tenant agents and a connection, without anything at a provider."""
    with kernel.unit_of_work(tenant_id) as work:
        rows = [
            Agent(
                tenant_id=tenant_id,
                id=new_id(),
                name=name,
                status=AgentStatus.ACTIVE,
                created_at=now,
                updated_at=now,
            )
            for name in agents
        ]
        connection = Connection(
            tenant_id=tenant_id,
            id=new_id(),
            provider="twilio",
            auth_scheme="keys",
            status=ConnectionStatus.ACTIVE,
            created_at=now,
            updated_at=now,
        )
        work.session.add_all([*rows, connection])
    return History(kernel, tenant_id, connection.id, tuple(row.id for row in rows))


def owner_of(kernel: Kernel, tenant: str) -> Actor:
    """Return an owner of a new company whose days are Berlin's."""
    actor = actor_of(bootstrap(kernel, email=f"ana@{tenant.lower()}.example", tenant=tenant).tenant_id)
    set_time_zone(kernel, actor=actor, time_zone="Europe/Berlin")
    return actor
