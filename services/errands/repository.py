"""Queries of errands. Those that say whose turn it is run unscoped, and read ids only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, exists, select

from models import (
    ActionRun,
    ActionRunState,
    Contact,
    ContactIdentity,
    Conversation,
    ConversationState,
    Direction,
    Message,
    Tenant,
    Turn,
)
from services.actions.repository import OPEN as OPEN_RUNS
from services.kernel.db import UnitOfWork
from services.kernel.leases import is_free
from services.provider_kit.contract import Capability
from services.provider_kit.registry import list_manifests
from services.sending.repository import UNSENT
from services.turns.repository import OPEN as OPEN_TURNS

IN_TOUCH = timedelta(days=30)
"""Whoever has not written for so long is asked about no more, until the next message."""
MOST_CONTACTS = 60
"""In one slice, of all tenants: names must not hold messages up. If there are more, chance chooses."""
_ARCHIVED_FROM = (ConversationState.AGENT, ConversationState.CLOSED)
"""A conversation that a person holds, or that waits for one, is never put away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Whose turn it is: those whose ids fall into one of so many parts."""

    number: int
    count: int


def list_contacts(session: Session, turn: Slice, now: datetime) -> Sequence[tuple[UUID, UUID]]:
    """Return contacts in touch whose providers can say who they are."""
    providers = [item.slug for item in list_manifests() if Capability.DIRECTORY in item.capabilities]
    is_known = exists().where(
        col(ContactIdentity.tenant_id) == col(Contact.tenant_id),
        col(ContactIdentity.contact_id) == col(Contact.id),
        col(ContactIdentity.provider).in_(providers),
    )
    statement = (
        select(Contact.tenant_id, Contact.id)
        .join(
            Conversation,
            (col(Conversation.tenant_id) == col(Contact.tenant_id)) & (col(Conversation.contact_id) == col(Contact.id)),
        )
        .where(col(Conversation.last_message_at) > now - IN_TOUCH, is_known, _is_in(col(Contact.id), turn))
    )
    once = statement.group_by(col(Contact.tenant_id), col(Contact.id))
    return session.exec(once.order_by(func.random()).limit(MOST_CONTACTS)).all()


def list_tenants(session: Session, turn: Slice, _now: datetime) -> Sequence[tuple[UUID, UUID]]:
    """Return (id, id) of tenants."""
    is_there = col(Tenant.deletion_started_at).is_(None)
    return [(found, found) for found in session.exec(select(Tenant.id).where(is_there, _is_in(col(Tenant.id), turn)))]


def lock_old(work: UnitOfWork, *, before: datetime, limit: int) -> Sequence[Conversation]:
    """Return some conversations, locked, in which nobody wrote since then and nothing is left to do."""
    row = Conversation
    statement = (
        select(row)
        .where(
            col(row.tenant_id) == work.tenant_id,
            col(row.state).in_(_ARCHIVED_FROM),
            col(row.last_message_at) < before,
            is_free(row),
            ~_has(Turn, col(Turn.state).in_(OPEN_TURNS)),
            ~_has(Message, col(Message.state).in_(UNSENT), col(Message.direction) == Direction.OUTBOUND),
            ~_has(ActionRun, col(ActionRun.state).in_((ActionRunState.AWAITING_APPROVAL, *OPEN_RUNS))),
        )
        .order_by(col(row.last_message_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return work.session.exec(statement).all()


def _has(table: type[Turn] | type[Message] | type[ActionRun], *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that a conversation has such a row."""
    return exists().where(
        col(table.tenant_id) == col(Conversation.tenant_id),
        col(table.conversation_id) == col(Conversation.id),
        *conditions,
    )


def _is_in(row_id: Any, turn: Slice) -> ColumnElement[bool]:
    """Return the condition that an id is in the slice; its last bytes are random."""
    sent = func.uuid_send(row_id)
    return (func.get_byte(sent, 14) * 256 + func.get_byte(sent, 15)) % turn.count == turn.number
