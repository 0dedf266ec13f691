"""Conversations are listed latest first, of one agent or of all, page by page."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from models import Contact, Conversation, ConversationState
from services.agents import AgentForm, create_agent
from services.conversations import ConversationView, list_conversations
from services.kernel.ids import new_id
from services.kernel.paging import Page
from tests.support.line import Line, Shop

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def begin(
    line: Line, shop: Shop, agent_id: UUID, *, minutes: int, state: ConversationState = ConversationState.AGENT
) -> UUID:
    """Begin a conversation with an agent, last said something in so many minutes after nine."""
    tenant_id, contact_id, conversation_id = shop.actor.tenant_id, new_id(), new_id()
    at = NOW + timedelta(minutes=minutes)
    with line.kernel.unit_of_work(tenant_id) as work:
        work.session.add(Contact(tenant_id=tenant_id, id=contact_id, name="Mia", created_at=at))
        work.session.flush()
        work.session.add(
            Conversation(
                tenant_id=tenant_id,
                connection_id=shop.twilio.id,
                id=conversation_id,
                agent_id=agent_id,
                contact_id=contact_id,
                contact_address="+14155550142",
                channel_kind="sms",
                channel_id=shop.number,
                external_key=str(conversation_id),
                state=state,
                state_changed_at=at,
                last_message_at=at,
                created_at=at,
            )
        )
    return conversation_id


def ids(page: Page[ConversationView]) -> list[UUID]:
    return [item.id for item in page.items]


def test_all_agents_conversations_come_in_one_order(line: Line, shop: Shop) -> None:
    sol = create_agent(line.kernel, actor=shop.actor, form=AgentForm(name="Sol", purpose="Payouts"))
    agents = (shop.agent.id, sol.id, shop.agent.id, sol.id, sol.id)
    begun = [begin(line, shop, agent_id, minutes=minutes) for minutes, agent_id in enumerate(agents)]
    latest_first = list(reversed(begun))

    page = list_conversations(line.kernel, actor=shop.actor)
    assert ids(page) == latest_first
    assert [item.agent_name for item in page.items] == ["Sol", "Sol", "Bri", "Sol", "Bri"]

    seen: list[UUID] = []
    cursor = ""
    while True:
        page = list_conversations(line.kernel, actor=shop.actor, cursor=cursor, limit=2)
        seen += ids(page)
        cursor = page.next_cursor
        if not cursor:
            break
    assert seen == latest_first
    assert ids(list_conversations(line.kernel, actor=shop.actor, agent_id=shop.agent.id)) == [begun[2], begun[0]]


def test_what_was_said_at_the_same_time_is_neither_left_out_nor_repeated(line: Line, shop: Shop) -> None:
    sol = create_agent(line.kernel, actor=shop.actor, form=AgentForm(name="Sol", purpose="Payouts"))
    begun = {begin(line, shop, agent_id, minutes=0) for agent_id in (shop.agent.id, sol.id) * 3}
    first = list_conversations(line.kernel, actor=shop.actor, limit=4)
    second = list_conversations(line.kernel, actor=shop.actor, limit=4, cursor=first.next_cursor)
    assert len(first.items) == 4
    assert sorted(ids(first) + ids(second)) == sorted(begun)


def test_filters_hold_for_all_agents(line: Line, shop: Shop) -> None:
    sol = create_agent(line.kernel, actor=shop.actor, form=AgentForm(name="Sol", purpose="Payouts"))
    waiting = begin(line, shop, sol.id, minutes=0, state=ConversationState.WAITING)
    closed = begin(line, shop, shop.agent.id, minutes=1, state=ConversationState.CLOSED)
    assert ids(list_conversations(line.kernel, actor=shop.actor)) == [waiting]
    assert ids(list_conversations(line.kernel, actor=shop.actor, state="closed")) == [closed]
    found = list_conversations(line.kernel, actor=shop.actor, state="all", channel="sms", address=shop.number)
    assert ids(found) == [closed, waiting]
    assert ids(list_conversations(line.kernel, actor=shop.actor, state="all", channel="slack")) == []
