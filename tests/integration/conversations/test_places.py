"""Where an agent's conversations take place, as the page's filters count them."""

from services.conversations import close, list_conversations, list_places
from tests.support.line import CHANNEL, Line, Shop

ASKED = "What are your opening hours?"


def test_numbers_channels_and_direct_messages_are_counted_by_state(line: Line, shop: Shop) -> None:
    app = line.sandbox.identities.own_app.app_id
    events = [
        *line.sandbox.sms(ASKED, to=shop.number, sender="+14155550142").event_ids,
        *line.sandbox.sms(ASKED, to=shop.number, sender="+14155550143").event_ids,
        *line.sandbox.slack_message(ASKED, user="mia", app=app).event_ids,
        *line.sandbox.slack_message(ASKED, user="jonas", app=app).event_ids,
        *line.sandbox.slack_message(ASKED, channel=CHANNEL, mention=True, app=app).event_ids,
    ]
    line.settle(*events)
    [first, _] = list_conversations(line.kernel, actor=shop.actor, channel="sms", address=shop.number).items
    close(line.kernel, actor=shop.actor, conversation_id=first.id)
    places = list_places(line.kernel, actor=shop.actor, agent_id=shop.agent.id)
    assert [(place.channel, place.address, place.open, place.closed) for place in places] == [
        ("slack", CHANNEL, 1, 0),
        ("slack", "", 2, 0),
        ("sms", shop.number, 1, 1),
    ]
    assert [place.label for place in places] == ["Slack #creator-ops", "Slack DM", shop.number]


def test_only_the_latest_conversations_are_counted(line: Line, shop: Shop) -> None:
    for sender in ("+14155550142", "+14155550143", "+14155550144"):
        line.settle(*line.sandbox.sms(ASKED, to=shop.number, sender=sender).event_ids)
    latest = list_conversations(line.kernel, actor=shop.actor).items[0]
    close(line.kernel, actor=shop.actor, conversation_id=latest.id)
    [place] = list_places(line.kernel, actor=shop.actor, agent_id=shop.agent.id, among_latest=2)
    assert (place.open, place.closed) == (1, 1)


def test_another_company_has_no_places_here(line: Line, shop: Shop) -> None:
    written = line.sandbox.sms(ASKED, to=shop.number)
    line.settle(*written.event_ids)
    other = line.open_shop("Southwind", is_second=True)
    assert list_places(line.kernel, actor=other.actor, agent_id=shop.agent.id) == ()
    assert len(list_places(line.kernel, actor=shop.actor, agent_id=shop.agent.id)) == 1
