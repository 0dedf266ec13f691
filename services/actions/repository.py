"""Queries on grants and action runs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from models import (
    ActionGrant,
    ActionRun,
    ActionRunState,
    Agent,
    Connection,
    ConnectionStatus,
    Contact,
    ContactIdentity,
    Conversation,
    EmailSender,
    Message,
    OptOut,
    PhoneNumber,
    Tenant,
    Turn,
    TurnState,
)
from services.kernel.db import UnitOfWork
from services.kernel.leases import is_due, is_free

OPEN = (ActionRunState.QUEUED, ActionRunState.RUNNING)
_ENDED = (ConnectionStatus.DISCONNECTED, ConnectionStatus.PENDING)
_OPEN_TURNS = (TurnState.DUE, TurnState.RUNNING)


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run with what is shown beside it."""

    run: ActionRun
    agent_name: str
    connection: Connection
    contact_name: str


def find_agent(work: UnitOfWork, agent_id: UUID) -> Agent | None:
    """Return an agent."""
    return work.session.exec(
        select(Agent).where(col(Agent.tenant_id) == work.tenant_id, col(Agent.id) == agent_id)
    ).first()


def list_connections(work: UnitOfWork, agent_id: UUID) -> Sequence[Connection]:
    """Return what an agent may act through: its own connections and the whole tenant's, oldest first."""
    return work.session.exec(
        select(Connection)
        .where(
            col(Connection.tenant_id) == work.tenant_id,
            or_(col(Connection.agent_id) == agent_id, col(Connection.agent_id).is_(None)),
            col(Connection.status).not_in(_ENDED),
        )
        .order_by(col(Connection.id))
    ).all()


def find_connection(work: UnitOfWork, *, agent_id: UUID, connection_id: UUID) -> Connection | None:
    """Return a connection, if the agent may act through it."""
    return next((row for row in list_connections(work, agent_id) if row.id == connection_id), None)


def get_connection(work: UnitOfWork, connection_id: UUID) -> Connection:
    """Return a connection, whatever became of it."""
    return work.session.exec(
        select(Connection).where(col(Connection.tenant_id) == work.tenant_id, col(Connection.id) == connection_id)
    ).one()


def list_grants(work: UnitOfWork, agent_id: UUID) -> Sequence[ActionGrant]:
    """Return an agent's grants."""
    return work.session.exec(
        select(ActionGrant).where(col(ActionGrant.tenant_id) == work.tenant_id, col(ActionGrant.agent_id) == agent_id)
    ).all()


def find_grant(work: UnitOfWork, *, agent_id: UUID, connection_id: UUID, action: str) -> ActionGrant | None:
    """Return the grant of one action of one connection."""
    return work.session.exec(
        select(ActionGrant).where(
            col(ActionGrant.tenant_id) == work.tenant_id,
            col(ActionGrant.agent_id) == agent_id,
            col(ActionGrant.connection_id) == connection_id,
            col(ActionGrant.action) == action,
        )
    ).first()


def lock_agent(work: UnitOfWork, agent_id: UUID) -> Agent | None:
    """Return an agent, locked, so that two changes of its grants come one after the other."""
    return work.session.exec(
        select(Agent).where(col(Agent.tenant_id) == work.tenant_id, col(Agent.id) == agent_id).with_for_update()
    ).first()


def get_turn(work: UnitOfWork, turn_id: UUID) -> Turn:
    """Return a turn."""
    return work.session.exec(select(Turn).where(col(Turn.tenant_id) == work.tenant_id, col(Turn.id) == turn_id)).one()


def is_turn_open(work: UnitOfWork, turn_id: UUID) -> bool:
    """Return whether the agent is still to finish a turn."""
    statement = select(Turn.id).where(
        col(Turn.tenant_id) == work.tenant_id, col(Turn.id) == turn_id, col(Turn.state).in_(_OPEN_TURNS)
    )
    return work.session.exec(statement).first() is not None


def list_runs_of_turn(work: UnitOfWork, turn_id: UUID) -> Sequence[ActionRun]:
    """Return what a turn asked for, in that order."""
    return work.session.exec(
        select(ActionRun)
        .where(col(ActionRun.tenant_id) == work.tenant_id, col(ActionRun.turn_id) == turn_id)
        .order_by(col(ActionRun.id))
    ).all()


def get_run(work: UnitOfWork, run_id: UUID) -> ActionRun:
    """Return a run."""
    return work.session.exec(
        select(ActionRun).where(col(ActionRun.tenant_id) == work.tenant_id, col(ActionRun.id) == run_id)
    ).one()


def lock_run(work: UnitOfWork, run_id: UUID) -> tuple[ActionRun, Conversation | None] | None:
    """Return a run with its conversation, both locked; the conversation first, as everywhere."""
    run = work.session.exec(
        select(ActionRun).where(col(ActionRun.tenant_id) == work.tenant_id, col(ActionRun.id) == run_id)
    ).first()
    if run is None:
        return None
    conversation = lock_conversation(work, run.conversation_id) if run.conversation_id else None
    locked = work.session.exec(
        select(ActionRun)
        .where(col(ActionRun.tenant_id) == work.tenant_id, col(ActionRun.id) == run_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    return (locked, conversation) if locked else None


def lock_conversation(work: UnitOfWork, conversation_id: UUID) -> Conversation | None:
    """Return a conversation, locked."""
    return work.session.exec(
        select(Conversation)
        .where(col(Conversation.tenant_id) == work.tenant_id, col(Conversation.id) == conversation_id)
        .with_for_update()
    ).first()


def may_be_taken(work: UnitOfWork, run_id: UUID, *, early: bool) -> bool:
    """Return whether a run is to be carried out and nobody holds it.

    Args:
        work: the unit of work, in which the run is locked.
        run_id: the run.
        early: whether it may be taken before its time.
    """
    statement = select(ActionRun.id).where(
        col(ActionRun.tenant_id) == work.tenant_id,
        col(ActionRun.id) == run_id,
        col(ActionRun.state).in_(OPEN),
        is_free(ActionRun),
    )
    found = work.session.exec(statement if early else statement.where(is_due(ActionRun)))
    return found.first() is not None


def get_time_zone(work: UnitOfWork) -> str:
    """Return the tenant's time zone, by its IANA name."""
    return work.session.exec(select(col(Tenant.time_zone)).where(col(Tenant.id) == work.tenant_id)).one()


def list_senders(work: UnitOfWork, *, agent_id: UUID, connection_id: UUID) -> tuple[str, ...]:
    """Return the numbers and addresses of a connection that an agent writes from, the oldest first."""
    numbers = work.session.exec(
        select(PhoneNumber.number)
        .where(
            col(PhoneNumber.tenant_id) == work.tenant_id,
            col(PhoneNumber.connection_id) == connection_id,
            col(PhoneNumber.agent_id) == agent_id,
        )
        .order_by(col(PhoneNumber.id))
    ).all()
    addresses = work.session.exec(
        select(EmailSender.address)
        .where(
            col(EmailSender.tenant_id) == work.tenant_id,
            col(EmailSender.connection_id) == connection_id,
            col(EmailSender.agent_id) == agent_id,
        )
        .order_by(col(EmailSender.id))
    ).all()
    return (*numbers, *addresses)


def has_opted_out(
    work: UnitOfWork, *, connection_id: UUID, senders: Collection[str], recipients: Collection[str]
) -> bool:
    """Return whether one of the recipients wants nothing from one of the senders."""
    statement = select(OptOut.id).where(
        col(OptOut.tenant_id) == work.tenant_id,
        col(OptOut.connection_id) == connection_id,
        col(OptOut.sender).in_(senders),
        func.lower(col(OptOut.contact)).in_([recipient.lower() for recipient in recipients]),
    )
    return work.session.exec(statement.limit(1)).first() is not None


def list_addresses_of_contact(work: UnitOfWork, conversation_id: UUID) -> frozenset[str]:
    """Return the ids by which providers know the contact of a conversation: address, number, user id."""
    rows = work.session.exec(
        select(ContactIdentity.external_id)
        .join(
            Conversation,
            (col(Conversation.tenant_id) == col(ContactIdentity.tenant_id))
            & (col(Conversation.contact_id) == col(ContactIdentity.contact_id)),
        )
        .where(col(ContactIdentity.tenant_id) == work.tenant_id, col(Conversation.id) == conversation_id)
    ).all()
    return frozenset(row.casefold() for row in rows)


def find_asked(work: UnitOfWork, turn_id: UUID) -> Message | None:
    """Return the contact's message that a turn answers."""
    return work.session.exec(
        select(Message)
        .join(Turn, (col(Turn.tenant_id) == col(Message.tenant_id)) & (col(Turn.message_id) == col(Message.id)))
        .where(col(Message.tenant_id) == work.tenant_id, col(Turn.id) == turn_id)
    ).first()


def list_rows(
    work: UnitOfWork,
    *,
    run_id: UUID | None = None,
    agent_id: UUID | None = None,
    conversation_id: UUID | None = None,
    state: ActionRunState | None = None,
    before: UUID | None = None,
    limit: int,
) -> list[RunRow]:
    """Return runs with what is shown beside them, the newest first."""
    conditions = {
        ActionRun.id: run_id,
        ActionRun.agent_id: agent_id,
        ActionRun.conversation_id: conversation_id,
        ActionRun.state: state,
    }
    statement = (
        select(ActionRun, Agent.name, Connection, func.coalesce(col(Contact.name), ""))
        .join(Agent, (col(Agent.tenant_id) == col(ActionRun.tenant_id)) & (col(Agent.id) == col(ActionRun.agent_id)))
        .join(
            Connection,
            (col(Connection.tenant_id) == col(ActionRun.tenant_id))
            & (col(Connection.id) == col(ActionRun.connection_id)),
        )
        .outerjoin(
            Conversation,
            (col(Conversation.tenant_id) == col(ActionRun.tenant_id))
            & (col(Conversation.id) == col(ActionRun.conversation_id)),
        )
        .outerjoin(
            Contact,
            (col(Contact.tenant_id) == col(Conversation.tenant_id)) & (col(Contact.id) == col(Conversation.contact_id)),
        )
        .where(col(ActionRun.tenant_id) == work.tenant_id)
        .where(*(col(column) == value for column, value in conditions.items() if value is not None))
    )
    if before is not None:
        statement = statement.where(col(ActionRun.id) < before)
    rows = work.session.exec(statement.order_by(col(ActionRun.id).desc()).limit(limit)).all()
    return [RunRow(*row) for row in rows]


def list_due(session: Session, *, limit: int) -> Sequence[tuple[UUID, UUID]]:
    """Return (tenant id, run id) of what is to be carried out, or was waited for too long; of all tenants."""
    return session.exec(
        select(ActionRun.tenant_id, ActionRun.id)
        .where(
            col(ActionRun.state).in_((ActionRunState.AWAITING_APPROVAL, *OPEN)),
            is_due(ActionRun),
            is_free(ActionRun),
        )
        .order_by(col(ActionRun.next_attempt_at))
        .limit(limit)
    ).all()
