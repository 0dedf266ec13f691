"""A contact writes, the agent answers there, and the trace tells the whole way."""

from services.conversations import get_thread, list_conversations
from services.traces import get_trace
from tests.support.line import CHANNEL, Line, Shop

HOURS = "We are open from 9 to 17, Monday to Friday."


def test_direct_message_is_answered_in_its_thread(line: Line, shop: Shop) -> None:
    written = line.sandbox.slack_message("What are your opening hours?", app=line.sandbox.identities.own_app.app_id)
    line.settle(*written.event_ids)
    [answer] = line.sandbox.answers(service="slack")
    assert (answer.text, answer.channel, answer.thread_ts) == (HOURS, written.channel, written.message_id)


def test_mention_is_answered_once_although_slack_sends_two_events(line: Line, shop: Shop) -> None:
    app = line.sandbox.identities.own_app.app_id
    written = line.sandbox.slack_message("when is the payout?", channel=CHANNEL, mention=True, app=app)
    assert len(written.event_ids) == 2
    line.settle(*written.event_ids)
    [answer] = line.sandbox.answers(service="slack")
    assert (answer.text, answer.thread_ts) == ("The payout goes out every Friday.", written.message_id)


def test_channel_message_without_mention_is_left_alone(line: Line, shop: Shop) -> None:
    app = line.sandbox.identities.own_app.app_id
    written = line.sandbox.slack_message("What are your opening hours?", channel=CHANNEL, app=app)
    line.settle(*written.event_ids)
    assert line.sandbox.answers() == []
    assert list_conversations(line.kernel, actor=shop.actor).items == ()


def test_contact_is_shown_by_name_not_by_slack_id(line: Line, shop: Shop) -> None:
    app = line.sandbox.identities.own_app.app_id
    line.settle(*line.sandbox.slack_message("when is the payout?", app=app).event_ids)
    [conversation] = list_conversations(line.kernel, actor=shop.actor).items
    assert conversation.contact_name == "Mia Ortega"
    thread = get_thread(line.kernel, actor=shop.actor, conversation_id=conversation.id)
    assert [message.author_label for message in thread.messages] == ["Mia Ortega", "Bri"]


def test_text_message_is_answered_to_the_contacts_phone(line: Line, shop: Shop) -> None:
    written = line.sandbox.sms("what are your opening hours", to=shop.number)
    line.settle(*written.event_ids)
    [answer] = line.sandbox.answers(service="twilio")
    assert (answer.text, answer.sender, answer.channel) == (HOURS, shop.number, "+14155550142")


def test_the_agent_hands_over_what_it_does_not_know_and_stays_silent_then(line: Line, shop: Shop) -> None:
    for text in ("Do you deliver to the moon by camel?", "What are your opening hours?"):
        line.settle(*line.sandbox.sms(text, to=shop.number).event_ids)
    [answer] = line.sandbox.answers(service="twilio")
    assert "pass this on" in answer.text
    [conversation] = list_conversations(line.kernel, actor=shop.actor, state="waiting").items
    assert conversation.message_count == 3


def test_trace_tells_every_step_with_its_reason(line: Line, shop: Shop) -> None:
    line.settle(*line.sandbox.sms("what are your opening hours", to=shop.number).event_ids)
    [conversation] = list_conversations(line.kernel, actor=shop.actor).items
    thread = get_thread(line.kernel, actor=shop.actor, conversation_id=conversation.id)
    inbound, outbound = thread.messages
    assert (inbound.trace_id, outbound.runner) == (outbound.trace_id, "playbook")
    trace = get_trace(line.kernel, actor=shop.actor, trace_id=inbound.trace_id)
    assert [step.title for step in trace.steps] == [
        "Received from Twilio",
        "Processing began",
        "Routed",
        "Message from +14155550142 stored",
        "Bri began to answer",
        "Answered by the playbook",
        "Answer put into the outbox",
        "Handed to Twilio",
        "Accepted by Twilio",
    ]
    assert trace.is_finished
    assert f"{shop.number} is Bri's number" in next(step.detail for step in trace.steps if step.title == "Routed")
