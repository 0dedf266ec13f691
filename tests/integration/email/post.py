"""A mailbox: letters come in and are answered, without a mail service around it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlmodel import col, select

from models import (
    Author,
    Connection,
    ConnectionStatus,
    Conversation,
    DeliveryState,
    EmailEnvelope,
    Message,
    Tenant,
    WebhookDelivery,
)
from services import connections, email
from services.agents import AgentForm, AgentView, create_agent
from services.conversations import add_reply, receive_message
from services.email import EmailDomainView, SenderForm, SenderView, create_sender, list_domains
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.provider_kit.contract import (
    ChannelKind,
    Contact,
    IncomingEmail,
    IncomingFile,
    MessageReceived,
    OutgoingEmail,
    SendingDomain,
)
from services.routing import route_message
from services.tenants import Actor
from tests.support.clock import FakeClock

DOMAIN = "northwind.example"
ANA = "ana@contact.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """Where a letter went."""

    message_id: UUID
    conversation_id: UUID
    is_new: bool
    author: str
    text: str
    reason: str


@dataclass(slots=True, kw_only=True)
class Post:
    """A connection of a tenant with one agent's address."""

    kernel: Kernel
    clock: FakeClock
    actor: Actor
    agent: AgentView
    connection_id: UUID
    sender: SenderView

    def letter(
        self,
        id: str,
        *,
        sender: str = ANA,
        name: str = "",
        to: Sequence[str] = (),
        cc: Sequence[str] = (),
        in_reply_to: Sequence[str] = (),
        references: Sequence[str] = (),
        subject: str = "Hours",
        text: str = "Are you open?",
        html: str = "",
        reply_to: str = "",
        automatic: str = "",
        files: Sequence[IncomingFile] = (),
        external_id: str = "",
    ) -> MessageReceived:
        """Return a letter as a provider hands it over."""
        external_id = external_id or str(new_id())
        return MessageReceived(
            external_id=external_id,
            contact=Contact(id=sender, name=name, address=sender),
            channel_kind=ChannelKind.EMAIL,
            channel_id=self.sender.address,
            conversation_key=external_id,
            text=text,
            addressed=True,
            why="e-mail",
            email=IncomingEmail(
                internet_message_id=id,
                in_reply_to=tuple(in_reply_to),
                references=tuple(references),
                subject=subject,
                from_address=sender,
                from_name=name,
                to=tuple(to) or (self.sender.address,),
                cc=tuple(cc),
                reply_to=reply_to,
                html=html,
                automatic=automatic,
                files=tuple(files),
            ),
        )

    def receive(self, event: MessageReceived) -> Filed:
        """Put a letter where it belongs."""
        with self.kernel.unit_of_work(self.actor.tenant_id) as work:
            connection = self.connection(work)
            agent = route_message(work, connection, event).agent
            assert agent is not None
            delivery = self._delivery()
            received = receive_message(
                work, connection=connection, agent=agent, event=event, delivery=delivery, now=self.clock.now()
            )
            work.session.flush()
            envelope = self.envelope(work, received.message.id)
            return Filed(
                message_id=received.message.id,
                conversation_id=received.conversation.id,
                is_new=received.is_new,
                author=received.message.author_label,
                text=received.message.text,
                reason=envelope.thread_reason,
            )

    def answer(self, filed: Filed, text: str = "Yes.", *, author: Author = Author.AGENT) -> OutgoingEmail:
        """Answer a letter; return what would be sent."""
        with self.kernel.unit_of_work(self.actor.tenant_id) as work:
            message = self._reply(work, filed.conversation_id, text, author=author, answers=filed.message_id)
            sent = email.outgoing(work, message)
            assert sent is not None
            return sent

    def write_first(self, address: str, subject: str, text: str) -> OutgoingEmail:
        """Begin a conversation ourselves."""
        filed = self.receive(self.letter(f"{new_id()}@seed", sender=address, subject=subject))
        with self.kernel.unit_of_work(self.actor.tenant_id) as work:
            envelope = self.envelope(work, filed.message_id)
            work.session.delete(envelope)
            work.session.flush()
            message = self._reply(work, filed.conversation_id, text, author=Author.AGENT, answers=None)
            sent = email.outgoing(work, message)
            assert sent is not None
            return sent

    def silence(self, event: MessageReceived, filed: Filed) -> str:
        """Return why the agent would not answer."""
        with self.kernel.unit_of_work(self.actor.tenant_id) as work:
            conversation = self._conversation(work, filed.conversation_id)
            return email.why_silent(
                work,
                connection=self.connection(work),
                event=event,
                conversation=conversation,
                now=self.clock.now(),
            )

    def connection(self, work: UnitOfWork) -> Connection:
        """Return the connection's row."""
        return work.session.exec(
            select(Connection).where(
                col(Connection.tenant_id) == work.tenant_id, col(Connection.id) == self.connection_id
            )
        ).one()

    def envelope(self, work: UnitOfWork, message_id: UUID) -> EmailEnvelope:
        """Return the letter around a message."""
        return work.session.exec(
            select(EmailEnvelope).where(
                col(EmailEnvelope.tenant_id) == work.tenant_id, col(EmailEnvelope.id) == message_id
            )
        ).one()

    def stored(self, message_id: UUID) -> Message:
        """Return a message's row."""
        with self.kernel.unit_of_work(self.actor.tenant_id) as work:
            return work.session.exec(
                select(Message).where(col(Message.tenant_id) == work.tenant_id, col(Message.id) == message_id)
            ).one()

    def domains(self) -> tuple[EmailDomainView, ...]:
        """Return the connection's domains."""
        return list_domains(self.kernel, actor=self.actor, connection_id=self.connection_id)

    def _conversation(self, work: UnitOfWork, conversation_id: UUID) -> Conversation:
        return work.session.exec(
            select(Conversation).where(
                col(Conversation.tenant_id) == work.tenant_id, col(Conversation.id) == conversation_id
            )
        ).one()

    def _reply(
        self, work: UnitOfWork, conversation_id: UUID, text: str, *, author: Author, answers: UUID | None
    ) -> Message:
        self.clock.advance(timedelta(seconds=1))
        return add_reply(
            work,
            conversation=self._conversation(work, conversation_id),
            text=text,
            author=author,
            author_label=self.agent.name,
            reply_to="",
            trace_id=new_id(),
            now=self.clock.now(),
            answers=answers,
        )

    def _delivery(self) -> WebhookDelivery:
        self.clock.advance(timedelta(seconds=1))
        return WebhookDelivery(
            tenant_id=self.actor.tenant_id,
            id=new_id(),
            connection_id=self.connection_id,
            provider="resend",
            kind="events",
            event_type="email.received",
            dedupe_key="",
            body=b"",
            state=DeliveryState.PROCESSING,
            trace_id=new_id(),
            received_at=self.clock.now(),
            next_attempt_at=self.clock.now(),
        )


def open_post(kernel: Kernel, clock: FakeClock, actor: Actor, *, domain: str = DOMAIN, name: str = "Bri") -> Post:
    """Give a tenant an e-mail connection with a domain, and an agent with an address."""
    agent = create_agent(kernel, actor=actor, form=AgentForm(name=name))
    connection_id = new_id()
    now = clock.now()
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = Connection(
            tenant_id=work.tenant_id,
            id=connection_id,
            provider="resend",
            status=ConnectionStatus.ACTIVE,
            auth_scheme="keys",
            created_at=now,
            updated_at=now,
        )
        work.session.add(connection)
        work.session.flush()
        connections.store_domains(work, connection, (SendingDomain(id="d1", name=domain, status="verified"),), now=now)
    sender = create_sender(
        kernel,
        actor=actor,
        connection_id=connection_id,
        agent_id=agent.id,
        form=SenderForm(address=f"{name.lower()}@{domain}"),
    )
    return Post(kernel=kernel, clock=clock, actor=actor, agent=agent, connection_id=connection_id, sender=sender)


def set_zone(post: Post, zone: str) -> None:
    """Move the tenant to another time zone."""
    with post.kernel.unit_of_work(post.actor.tenant_id) as work:
        tenant = work.session.get_one(Tenant, work.tenant_id)
        tenant.time_zone = zone
        work.session.add(tenant)
