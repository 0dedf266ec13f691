"""A person answers from the page: in the contact's channel, once, and the agent is silent until it is given back."""

import pytest

from services.connections import disconnect
from services.conversations import MessageView, get_conversation, get_thread, give_back, list_conversations, reply
from services.kernel.errors import Conflict, InvalidInput
from services.traces import get_trace
from tests.support.line import CHANNEL, Line, Shop

ASKED = "What are your opening hours?"


def ask_by_sms(line: Line, shop: Shop) -> None:
    written = line.sandbox.sms(ASKED, to=shop.number)
    line.sandbox.wait_for_webhooks(*written.event_ids)
    line.work()


def ask_in_slack(line: Line) -> str:
    app = line.sandbox.identities.own_app.app_id
    written = line.sandbox.slack_message(ASKED, channel=CHANNEL, mention=True, app=app)
    line.settle(*written.event_ids)
    return written.message_id


def test_a_reply_reaches_the_contact_and_silences_the_agent(line: Line, shop: Shop) -> None:
    ask_by_sms(line, shop)
    [conversation] = list_conversations(line.kernel, actor=shop.actor).items
    [sent] = reply(line.kernel, actor=shop.actor, conversation_id=conversation.id, text=" I am on it. ")
    line.work()
    assert sent.author == "user" and sent.author_label == shop.actor.label
    assert [answer.text for answer in line.sandbox.answers(service="twilio")][-1] == "I am on it."
    ask_by_sms(line, shop)
    assert len(line.sandbox.answers(service="twilio")) == 2
    now = get_conversation(line.kernel, actor=shop.actor, conversation_id=conversation.id)
    assert (now.state, now.state_reason) == ("human", f"Answered by {shop.actor.label}")
    give_back(line.kernel, actor=shop.actor, conversation_id=conversation.id)
    ask_by_sms(line, shop)
    assert len(line.sandbox.answers(service="twilio")) == 3


def test_a_reply_goes_into_the_thread(line: Line, shop: Shop) -> None:
    thread = ask_in_slack(line)
    [conversation] = list_conversations(line.kernel, actor=shop.actor, channel="slack").items
    [sent] = reply(line.kernel, actor=shop.actor, conversation_id=conversation.id, text="I am on it.")
    line.work()
    assert [(answer.text, answer.thread_ts) for answer in line.sandbox.answers(service="slack")][-1] == (
        "I am on it.",
        thread,
    )
    titles = [step.title for step in get_trace(line.kernel, actor=shop.actor, trace_id=sent.trace_id).steps]
    assert f"{shop.actor.label} put into the outbox" in titles and titles.count("Handed to Slack") == 2


def test_the_same_key_is_the_same_reply(line: Line, shop: Shop) -> None:
    ask_by_sms(line, shop)
    [conversation] = list_conversations(line.kernel, actor=shop.actor).items

    def send(key: str) -> tuple[MessageView, ...]:
        return reply(line.kernel, actor=shop.actor, conversation_id=conversation.id, text="Once.", idempotency_key=key)

    first = send("k_1%")
    assert send("k_1%") == first
    assert send("k_1%2") != first
    line.work()
    assert [answer.text for answer in line.sandbox.answers(service="twilio")].count("Once.") == 2


def test_a_long_reply_becomes_several_messages(line: Line, shop: Shop) -> None:
    ask_by_sms(line, shop)
    [conversation] = list_conversations(line.kernel, actor=shop.actor).items
    parts = reply(line.kernel, actor=shop.actor, conversation_id=conversation.id, text="word " * 700)
    assert len(parts) > 1
    line.work()
    thread = get_thread(line.kernel, actor=shop.actor, conversation_id=conversation.id)
    assert [message.author for message in thread.messages].count("user") == len(parts)


@pytest.mark.parametrize("text", ["", "  \n", "x" * 20_001])
def test_nothing_and_too_much_are_refused_by_field(line: Line, shop: Shop, text: str) -> None:
    ask_by_sms(line, shop)
    [conversation] = list_conversations(line.kernel, actor=shop.actor).items
    with pytest.raises(InvalidInput) as refused:
        reply(line.kernel, actor=shop.actor, conversation_id=conversation.id, text=text)
    assert refused.value.field == "text"


def test_a_disconnected_account_takes_no_reply(line: Line, shop: Shop) -> None:
    ask_by_sms(line, shop)
    [conversation] = list_conversations(line.kernel, actor=shop.actor).items
    disconnect(line.kernel, actor=shop.actor, connection_id=shop.twilio.id)
    with pytest.raises(Conflict):
        reply(line.kernel, actor=shop.actor, conversation_id=conversation.id, text="Too late")


def test_conversations_are_filtered_by_channel_and_number(line: Line, shop: Shop) -> None:
    ask_by_sms(line, shop)
    ask_in_slack(line)

    def kinds(*, channel: str = "", address: str = "") -> list[str]:
        found = list_conversations(line.kernel, actor=shop.actor, channel=channel, address=address).items
        return sorted(item.channel_kind for item in found)

    assert kinds() == ["slack_channel", "sms"]
    assert kinds(channel="sms") == ["sms"] and kinds(channel="slack") == ["slack_channel"]
    assert kinds(channel="email") == [] and kinds(address=shop.number) == ["sms"]
    with pytest.raises(InvalidInput):
        kinds(channel="fax")
