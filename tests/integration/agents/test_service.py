"""Agents against PostgreSQL: rights, names, counts, audit, and other tenants' ids."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import event
from sqlmodel import col, select

from models import (
    AgentStatus,
    AuditEntry,
    Author,
    Connection,
    ConnectionStatus,
    Contact,
    Conversation,
    ConversationState,
    Direction,
    Message,
    MessageState,
    PhoneNumber,
    Role,
    Turn,
    TurnState,
)
from services.agents import (
    AgentForm,
    AgentView,
    PlaybookDraft,
    create_agent,
    delete_agent,
    get_agent,
    list_agents,
    list_playbook,
    save_playbook,
    set_status,
    update_agent,
)
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, Forbidden, NotFound
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.tenants import Actor
from tests.integration.agents.conftest import PLAYBOOK, actor_of
from tests.support.clock import FakeClock

FORM = AgentForm(name="Bob", purpose="Answers", instructions="Be brief.", model="gpt")
DRAFTS = (PlaybookDraft(question="q", answer="a"),)

READS: dict[str, Callable[[Kernel, Actor, UUID], object]] = {
    "list_agents": lambda kernel, actor, agent_id: list_agents(kernel, actor=actor),
    "get_agent": lambda kernel, actor, agent_id: get_agent(kernel, actor=actor, agent_id=agent_id),
    "list_playbook": lambda kernel, actor, agent_id: list_playbook(kernel, actor=actor, agent_id=agent_id),
}
WRITES: dict[str, Callable[[Kernel, Actor, UUID], object]] = {
    "create_agent": lambda kernel, actor, agent_id: create_agent(kernel, actor=actor, form=FORM),
    "update_agent": lambda kernel, actor, agent_id: update_agent(kernel, actor=actor, agent_id=agent_id, form=FORM),
    "set_status": lambda kernel, actor, agent_id: set_status(
        kernel, actor=actor, agent_id=agent_id, status=AgentStatus.PAUSED
    ),
    "save_playbook": lambda kernel, actor, agent_id: save_playbook(
        kernel, actor=actor, agent_id=agent_id, drafts=DRAFTS
    ),
    "delete_agent": lambda kernel, actor, agent_id: delete_agent(kernel, actor=actor, agent_id=agent_id),
}
TAKES_NO_ID = {"list_agents", "create_agent"}


def add_connection(
    work: UnitOfWork, *, agent_id: UUID | None, status: ConnectionStatus = ConnectionStatus.ACTIVE
) -> Connection:
    now = FakeClock().now()
    connection = Connection(
        tenant_id=work.tenant_id,
        id=new_id(),
        provider="slack",
        agent_id=agent_id,
        status=status,
        auth_scheme="oauth",
        created_at=now,
        updated_at=now,
    )
    work.session.add(connection)
    work.session.flush()
    return connection


def add_answered_conversation(work: UnitOfWork, *, agent_id: UUID, connection_id: UUID, clock: FakeClock) -> None:
    now = clock.now()
    contact = Contact(tenant_id=work.tenant_id, id=new_id(), name="Mia", created_at=now)
    work.session.add(contact)
    work.session.flush()
    conversation = Conversation(
        tenant_id=work.tenant_id,
        id=new_id(),
        agent_id=agent_id,
        connection_id=connection_id,
        contact_id=contact.id,
        contact_address="U1",
        channel_kind="slack_dm",
        channel_id="D1",
        external_key=str(new_id()),
        state=ConversationState.AGENT,
        state_changed_at=now,
        last_message_at=now,
        created_at=now,
    )
    work.session.add(conversation)
    work.session.flush()
    message = Message(
        tenant_id=work.tenant_id,
        id=new_id(),
        conversation_id=conversation.id,
        connection_id=connection_id,
        direction=Direction.INBOUND,
        author=Author.CONTACT,
        author_label="Mia",
        text="Hi",
        state=MessageState.RECEIVED,
        trace_id=new_id(),
        created_at=now,
        next_attempt_at=now,
    )
    work.session.add(message)
    work.session.flush()
    work.session.add(
        Turn(
            tenant_id=work.tenant_id,
            id=new_id(),
            conversation_id=conversation.id,
            agent_id=agent_id,
            message_id=message.id,
            reply_id=new_id(),
            state=TurnState.DONE,
            trace_id=message.trace_id,
            created_at=now,
            finished_at=now,
            next_attempt_at=now,
        )
    )


def audit_actions(kernel: Kernel, actor: Actor) -> list[str]:
    with kernel.unit_of_work(actor.tenant_id) as work:
        statement = (
            select(col(AuditEntry.action))
            .where(col(AuditEntry.tenant_id) == actor.tenant_id, col(AuditEntry.object_kind) == "agent")
            .order_by(col(AuditEntry.id))
        )
        return list(work.session.exec(statement))


def test_agent_lives_its_life_and_leaves_a_trail(kernel: Kernel, owner: Actor) -> None:
    created = create_agent(kernel, actor=owner, form=FORM)
    assert (created.name, created.status, created.playbook_count) == ("Bob", AgentStatus.ACTIVE, 0)

    updated = update_agent(kernel, actor=owner, agent_id=created.id, form=replace(FORM, purpose="Sells"))
    assert updated == replace(created, purpose="Sells")
    assert update_agent(kernel, actor=owner, agent_id=created.id, form=replace(FORM, purpose="Sells")) == updated

    assert len(save_playbook(kernel, actor=owner, agent_id=created.id, drafts=PLAYBOOK)) == len(PLAYBOOK)
    paused = set_status(kernel, actor=owner, agent_id=created.id, status=AgentStatus.PAUSED)
    assert (paused.status, paused.playbook_count) == (AgentStatus.PAUSED, len(PLAYBOOK))
    assert get_agent(kernel, actor=owner, agent_id=created.id) == paused
    set_status(kernel, actor=owner, agent_id=created.id, status=AgentStatus.ACTIVE)

    delete_agent(kernel, actor=owner, agent_id=created.id)
    assert list_agents(kernel, actor=owner) == ()
    assert audit_actions(kernel, owner) == [
        "agent.created",
        "agent.updated",
        "agent.playbook_saved",
        "agent.paused",
        "agent.resumed",
        "agent.deleted",
    ]


def test_playbook_is_replaced_and_keeps_its_order(kernel: Kernel, owner: Actor, agent: AgentView) -> None:
    drafts = [PlaybookDraft(question=f"q{number}", answer="a") for number in (3, 1, 2)]
    saved = save_playbook(kernel, actor=owner, agent_id=agent.id, drafts=drafts)

    assert [entry.question for entry in saved] == ["q3", "q1", "q2"]
    assert list_playbook(kernel, actor=owner, agent_id=agent.id) == saved
    assert save_playbook(kernel, actor=owner, agent_id=agent.id, drafts=[]) == ()


def test_name_is_unique_within_the_tenant_only(kernel: Kernel, owner: Actor, stranger: Actor, agent: AgentView) -> None:
    bob = create_agent(kernel, actor=owner, form=FORM)
    for name in ("Ada", "ada"):
        with pytest.raises(Conflict, match="already"):
            create_agent(kernel, actor=owner, form=AgentForm(name=name))
        with pytest.raises(Conflict, match="already"):
            update_agent(kernel, actor=owner, agent_id=bob.id, form=AgentForm(name=name))

    assert update_agent(kernel, actor=owner, agent_id=agent.id, form=AgentForm(name="ADA")).name == "ADA"
    assert create_agent(kernel, actor=stranger, form=AgentForm(name="Ada")).name == "Ada"


def test_list_counts_in_one_statement(kernel: Kernel, owner: Actor, agent: AgentView, clock: FakeClock) -> None:
    for name in ("Bob", "Cid"):
        create_agent(kernel, actor=owner, form=AgentForm(name=name))
    with kernel.unit_of_work(owner.tenant_id) as work:
        connection = add_connection(work, agent_id=agent.id)
        add_connection(work, agent_id=agent.id, status=ConnectionStatus.DISCONNECTED)
        add_answered_conversation(work, agent_id=agent.id, connection_id=connection.id, clock=clock)
        clock.advance(timedelta(minutes=5))
        add_answered_conversation(work, agent_id=agent.id, connection_id=connection.id, clock=clock)
    statements: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM agent" in statement:
            statements.append(statement)

    event.listen(kernel.database.engine, "before_cursor_execute", note)
    ada, bob, cid = list_agents(kernel, actor=owner)

    assert len(statements) == 1
    assert (ada.connection_count, ada.conversation_count, ada.playbook_count) == (1, 2, len(PLAYBOOK))
    assert ada.last_answer_at == clock.now()
    assert [(item.name, item.connection_count, item.last_answer_at) for item in (bob, cid)] == [
        ("Bob", 0, None),
        ("Cid", 0, None),
    ]


def test_agent_that_contacts_can_reach_is_not_deleted(kernel: Kernel, owner: Actor, agent: AgentView) -> None:
    with kernel.unit_of_work(owner.tenant_id) as work:
        own, shared = add_connection(work, agent_id=agent.id), add_connection(work, agent_id=None)
        number = PhoneNumber(
            tenant_id=work.tenant_id,
            id=new_id(),
            connection_id=shared.id,
            agent_id=agent.id,
            external_id="PN1",
            number="+4312345",
            updated_at=kernel.clock.now(),
        )
        work.session.add(number)
    with pytest.raises(Conflict, match="1 connection and 1 phone number"):
        delete_agent(kernel, actor=owner, agent_id=agent.id)

    with kernel.unit_of_work(owner.tenant_id) as work:
        own.status, number.agent_id = ConnectionStatus.DISCONNECTED, None
        work.session.add_all([own, number])
    delete_agent(kernel, actor=owner, agent_id=agent.id)

    assert list_agents(kernel, actor=owner) == ()


def test_other_tenants_id_is_as_good_as_none(kernel: Kernel, stranger: Actor, agent: AgentView) -> None:
    for name, call in (READS | WRITES).items():
        if name not in TAKES_NO_ID:
            with pytest.raises(NotFound):
                call(kernel, stranger, agent.id)
    assert list_agents(kernel, actor=stranger) == ()


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_who_only_looks_changes_nothing(kernel: Kernel, owner: Actor, agent: AgentView, role: Role) -> None:
    viewer = actor_of(owner.tenant_id, role)
    for call in READS.values():
        call(kernel, viewer, agent.id)
    for call in WRITES.values():
        with pytest.raises(Forbidden):
            call(kernel, viewer, agent.id)

    assert list_agents(kernel, actor=owner) == (get_agent(kernel, actor=owner, agent_id=agent.id),)
    assert audit_actions(kernel, owner) == ["agent.created", "agent.playbook_saved"]


def test_admin_changes_all(kernel: Kernel, owner: Actor, agent: AgentView) -> None:
    admin = actor_of(owner.tenant_id, Role.ADMIN)
    for name, call in WRITES.items():
        if name != "create_agent":
            call(kernel, admin, agent.id)

    assert list_agents(kernel, actor=admin) == ()
