"""Conversations are found by what was said in them, newest first, and nobody else's."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from models import Author, Contact, Conversation, ConversationState, Direction, Message, MessageState
from services.conversations import ConversationView, list_conversations, search_conversations
from services.kernel.errors import InvalidInput
from services.kernel.ids import new_id
from tests.support.line import Line, Shop

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SMS = "+14155550142"


def say(line: Line, shop: Shop, *texts: str, state: ConversationState = ConversationState.AGENT) -> UUID:
    """Write a conversation of the shop's agent, one message after the other, and return it."""
    tenant_id, connection_id = shop.actor.tenant_id, shop.twilio.id
    contact_id, conversation_id = new_id(), new_id()
    with line.kernel.unit_of_work(shop.actor.tenant_id) as work:
        work.session.add(Contact(tenant_id=work.tenant_id, id=contact_id, name="Mia", created_at=NOW))
        work.session.flush()
        work.session.add(
            Conversation(
                tenant_id=tenant_id,
                connection_id=connection_id,
                id=conversation_id,
                agent_id=shop.agent.id,
                contact_id=contact_id,
                contact_address=SMS,
                channel_kind="sms",
                channel_id=shop.number,
                external_key=str(conversation_id),
                state=state,
                state_changed_at=NOW,
                last_message_at=NOW,
                created_at=NOW,
            )
        )
        work.session.flush()
        for place, text in enumerate(texts):
            work.session.add(
                Message(
                    tenant_id=tenant_id,
                    connection_id=connection_id,
                    id=new_id(),
                    conversation_id=conversation_id,
                    direction=Direction.INBOUND,
                    author=Author.CONTACT,
                    author_label="Mia",
                    text=text,
                    state=MessageState.RECEIVED,
                    trace_id=new_id(),
                    next_attempt_at=NOW,
                    created_at=NOW + timedelta(seconds=place),
                )
            )
    return conversation_id


def found(line: Line, shop: Shop, words: str, *, state: str = "", channel: str = "", address: str = "") -> list[UUID]:
    """Return what a search finds, page by page, two at a time."""
    views: list[ConversationView] = []
    cursor = ""
    while True:
        page = search_conversations(
            line.kernel,
            actor=shop.actor,
            words=words,
            state=state,
            channel=channel,
            address=address,
            cursor=cursor,
            limit=2,
        )
        views += page.items
        cursor = page.next_cursor
        if not cursor:
            return [view.id for view in views]


def test_the_latest_said_comes_first_and_each_conversation_once(line: Line, shop: Shop) -> None:
    first = say(line, shop, "Where is my payout?", "The payout is late.")
    second = say(line, shop, "Payout, please")
    say(line, shop, "Good morning")
    third = say(line, shop, "PAYOUT", "thanks", "payout again")
    assert found(line, shop, "payout") == [third, second, first]


def test_words_are_read_as_in_a_search_engine(line: Line, shop: Shop) -> None:
    late = say(line, shop, "The payout is late")
    early = say(line, shop, "Is the payout early?")
    assert found(line, shop, "late payout") == [late]
    assert found(line, shop, '"payout is late"') == [late]
    assert found(line, shop, "payout -late") == [early]
    assert found(line, shop, "payout \x00 ' & ! :* (") == [early, late]
    assert found(line, shop, f"@{shop.actor.tenant_id}") == []


def test_it_says_where_the_words_were_said_last(line: Line, shop: Shop) -> None:
    say(line, shop, "A refund?", "Which refund do you mean?", "never mind")
    [view] = search_conversations(line.kernel, actor=shop.actor, words="refund").items
    assert view.said
    assert [(part.text, part.is_match) for part in view.said.excerpt] == [
        ("Which ", False),
        ("refund", True),
        (" do you mean?", False),
    ]
    assert (view.said.author, view.said.at) == ("", NOW + timedelta(seconds=1))
    assert [item.said for item in list_conversations(line.kernel, actor=shop.actor).items] == [None]


def test_filters_hold_as_in_the_list(line: Line, shop: Shop) -> None:
    waiting = say(line, shop, "a refund", state=ConversationState.WAITING)
    closed = say(line, shop, "a refund", state=ConversationState.CLOSED)
    assert found(line, shop, "refund") == [waiting]
    assert found(line, shop, "refund", state="closed") == [closed]
    assert found(line, shop, "refund", state="all", channel="sms", address=shop.number) == [closed, waiting]
    assert found(line, shop, "refund", state="all", channel="slack") == []


def test_another_company_finds_nothing_of_it(line: Line, shop: Shop) -> None:
    other = line.open_shop("Southwind", is_second=True)
    ours, theirs = say(line, shop, "a secret word"), say(line, other, "a secret word")
    assert found(line, shop, "secret") == [ours]
    assert found(line, other, "secret") == [theirs]
    # Not even by writing the token that marks the other's messages.
    trap = say(line, shop, f"@{other.actor.tenant_id} secret")
    assert found(line, other, "secret") == [theirs]
    assert found(line, shop, "secret") == [trap, ours]


def test_a_very_long_message_is_kept_and_found_by_its_beginning(line: Line, shop: Shop) -> None:
    long = say(line, shop, "beginning " + " ".join(f"word{number}" for number in range(200_000)))
    assert found(line, shop, "beginning") == [long]


@pytest.mark.parametrize(
    ("asked", "field"), [({"words": "w" * 201}, "q"), ({"state": "soon"}, "state"), ({"cursor": "none"}, "cursor")]
)
def test_what_is_asked_for_is_checked(line: Line, shop: Shop, asked: dict[str, str], field: str) -> None:
    words, state, cursor = (asked.get(name, "") for name in ("words", "state", "cursor"))
    with pytest.raises(InvalidInput) as refused:
        search_conversations(line.kernel, actor=shop.actor, words=words, state=state, cursor=cursor)
    assert refused.value.field == field
