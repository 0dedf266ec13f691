"""All statements on the end of a connection: what hangs on it, counted and deleted. Each binds the tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, func, update
from sqlmodel import Session, col, select

from models import (
    ActionRun,
    Connection,
    Contact,
    Conversation,
    Direction,
    FailedAttempt,
    Message,
    MessageState,
    Turn,
    TurnState,
    WebhookDelivery,
    WebhookRefusal,
)
from services.connections.repository import RECEIVING

_DELIVERIES_AT_ONCE = 500
_CONVERSATIONS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Counts:
    """What hangs on a connection."""

    waiting: int
    """Answers that are not sent yet, or not written yet."""
    messages: int


def count_what_ends(session: Session, *, tenant_id: UUID, connection_id: UUID) -> Counts:
    """Count a connection's waiting answers, and all its messages."""
    of_connection = (col(Message.tenant_id) == tenant_id, col(Message.connection_id) == connection_id)
    messages, queued = session.exec(
        select(func.count(), func.count().filter(col(Message.state) == MessageState.QUEUED))
        .select_from(Message)
        .where(*of_connection)
    ).one()
    due = session.exec(
        select(func.count())
        .select_from(Turn)
        .join(
            Conversation,
            (col(Conversation.tenant_id) == col(Turn.tenant_id)) & (col(Conversation.id) == col(Turn.conversation_id)),
        )
        .where(
            col(Turn.tenant_id) == tenant_id,
            col(Conversation.connection_id) == connection_id,
            col(Turn.state).in_((TurnState.DUE, TurnState.RUNNING)),
        )
    ).one()
    return Counts(waiting=queued + due, messages=messages)


def is_shared(session: Session, connection: Connection) -> bool:
    """Return whether another connection in use goes through the same app to the same external account."""
    statement = select(
        exists().where(
            col(Connection.tenant_id) == connection.tenant_id,
            col(Connection.id) != connection.id,
            col(Connection.provider) == connection.provider,
            col(Connection.external_account_id) == connection.external_account_id,
            col(Connection.auth_scheme) == connection.auth_scheme,
            col(Connection.provider_app_id).is_not_distinct_from(connection.provider_app_id),
            col(Connection.status).in_(RECEIVING),
        )
    )
    return session.exec(statement).one()


def is_shared_through_operator_app(session: Session, connection: Connection) -> bool:
    """Return whether a connection in use, of any tenant, goes through the operator's app to the same account."""
    statement = select(
        exists().where(
            col(Connection.id) != connection.id,
            col(Connection.provider) == connection.provider,
            col(Connection.external_account_id) == connection.external_account_id,
            col(Connection.uses_operator_app),
            col(Connection.status).in_(RECEIVING),
        )
    )
    return session.exec(statement).one()


def drop_waiting(session: Session, *, tenant_id: UUID, connection_id: UUID, now: datetime) -> Sequence[UUID]:
    """Drop the answers that wait, written or not; return the conversations they were for."""
    conversations = select(col(Conversation.id)).where(
        col(Conversation.tenant_id) == tenant_id, col(Conversation.connection_id) == connection_id
    )
    skipped = _run(
        session,
        update(Turn)
        .where(
            col(Turn.tenant_id) == tenant_id,
            col(Turn.conversation_id).in_(conversations),
            col(Turn.state) == TurnState.DUE,
        )
        .values(state=TurnState.SKIPPED, reason="The connection was disconnected", finished_at=now)
        .returning(col(Turn.conversation_id)),
    )
    failed = _run(
        session,
        update(Message)
        .where(
            col(Message.tenant_id) == tenant_id,
            col(Message.connection_id) == connection_id,
            col(Message.state) == MessageState.QUEUED,
            col(Message.direction) == Direction.OUTBOUND,
        )
        .values(state=MessageState.FAILED, error_code="disconnected", error_text="The connection was disconnected.")
        .returning(col(Message.conversation_id)),
    )
    return list(dict.fromkeys([*skipped.scalars(), *failed.scalars()]))


def delete_history_batch(session: Session, *, tenant_id: UUID, connection_id: UUID) -> bool:
    """Delete some of a connection's deliveries and conversations; return whether any were left to delete.

    Contacts go with their last conversation, opt-outs stay: who asked for silence is still asking after a new start.
    """
    deliveries = session.exec(
        select(col(WebhookDelivery.id), col(WebhookDelivery.trace_id))
        .where(col(WebhookDelivery.tenant_id) == tenant_id, col(WebhookDelivery.connection_id) == connection_id)
        .limit(_DELIVERIES_AT_ONCE)
    ).all()
    conversations = session.exec(
        select(col(Conversation.id), col(Conversation.contact_id))
        .where(col(Conversation.tenant_id) == tenant_id, col(Conversation.connection_id) == connection_id)
        .limit(_CONVERSATIONS_AT_ONCE)
    ).all()
    if not deliveries and not conversations:
        _run(
            session,
            delete(ActionRun).where(
                col(ActionRun.tenant_id) == tenant_id, col(ActionRun.connection_id) == connection_id
            ),
        )
        _run(
            session,
            delete(WebhookRefusal).where(
                col(WebhookRefusal.tenant_id) == tenant_id, col(WebhookRefusal.connection_id) == connection_id
            ),
        )
        return False
    conversation_ids = [conversation_id for conversation_id, _ in conversations]
    traces = select(col(Message.trace_id)).where(
        col(Message.tenant_id) == tenant_id, col(Message.conversation_id).in_(conversation_ids)
    )
    attempts = delete(FailedAttempt).where(col(FailedAttempt.tenant_id) == tenant_id)
    _run(session, attempts.where(col(FailedAttempt.trace_id).in_([trace_id for _, trace_id in deliveries])))
    _run(session, attempts.where(col(FailedAttempt.trace_id).in_(traces)))
    _run(session, _by_id(WebhookDelivery, tenant_id, [delivery_id for delivery_id, _ in deliveries]))
    _run(session, _by_id(Conversation, tenant_id, conversation_ids))
    _delete_contacts(session, tenant_id=tenant_id, contact_ids=sorted({contact_id for _, contact_id in conversations}))
    return True


def _delete_contacts(session: Session, *, tenant_id: UUID, contact_ids: Sequence[UUID]) -> None:
    """Delete those contacts that have no conversation left.

    They are locked first: a conversation that begins elsewhere at this moment is waited for, and then seen.
    """
    of_contact = (col(Contact.tenant_id) == tenant_id, col(Contact.id).in_(contact_ids))
    session.exec(select(col(Contact.id)).where(*of_contact).order_by(col(Contact.id)).with_for_update()).all()
    has_conversation = exists().where(
        col(Conversation.tenant_id) == tenant_id, col(Conversation.contact_id) == col(Contact.id)
    )
    _run(session, delete(Contact).where(*of_contact, ~has_conversation))


def _by_id(table: Any, tenant_id: UUID, ids: Sequence[UUID]) -> Any:
    return delete(table).where(col(table.tenant_id) == tenant_id, col(table.id).in_(ids))


def _run(session: Session, statement: Any) -> Any:
    return session.execute(  # pyright: ignore[reportDeprecated]
        statement, execution_options={"synchronize_session": False}
    )
