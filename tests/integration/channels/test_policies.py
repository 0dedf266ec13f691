"""What an agent answers in a channel of several people: a rule, a default, and who answers."""

import pytest

from services import channels
from services.agents import AgentForm, create_agent, delete_agent, save_playbook
from services.channels import ChannelView
from services.connections import disconnect
from services.conversations import list_conversations
from services.kernel.errors import InvalidInput, NotFound, Refused
from services.webhooks import list_deliveries
from tests.support.line import CHANNEL, PLAYBOOK, Line, Shop

ASKED = "What are your opening hours?"


def channel(line: Line, shop: Shop, external_id: str = CHANNEL) -> ChannelView:
    page = channels.list_channels(line.kernel, actor=shop.actor, connection_id=shop.slack.id, query=external_id)
    [found] = page.channels
    return found


def say(line: Line, *, mention: bool = False, where: str = CHANNEL) -> None:
    app = line.sandbox.identities.own_app.app_id
    written = line.sandbox.slack_message(ASKED, channel=where, mention=mention, app=app)
    line.settle(*written.event_ids)


@pytest.fixture(autouse=True)
def listed(line: Line, shop: Shop) -> None:
    """The channels are read right after connecting."""
    line.work()


def test_the_channels_are_listed_after_connecting(line: Line, shop: Shop) -> None:
    page = channels.list_channels(line.kernel, actor=shop.actor, connection_id=shop.slack.id)
    assert [(item.name, item.is_member) for item in page.channels] == [
        ("creator-ops", True),
        ("general", True),
        ("random", False),
    ]
    assert (page.default.mode, page.default.agent_name, page.total) == ("mentions", "Bri", 3)
    assert not page.listing.is_running and page.listing.finished_at is not None
    assert {item.effective_mode for item in page.channels} == {"mentions"}


def test_all_messages_are_answered_where_that_is_chosen(line: Line, shop: Shop) -> None:
    channels.set_policy(
        line.kernel, actor=shop.actor, connection_id=shop.slack.id, channel_id=channel(line, shop).id, mode="all"
    )
    say(line)
    assert len(line.sandbox.answers(service="slack")) == 1
    say(line, where="C0GENERAL01")
    assert len(line.sandbox.answers(service="slack")) == 1


def test_a_mention_is_answered_once_where_all_messages_are(line: Line, shop: Shop) -> None:
    channels.set_default(line.kernel, actor=shop.actor, connection_id=shop.slack.id, mode="all")
    say(line, mention=True)
    assert len(line.sandbox.answers(service="slack")) == 1


def test_off_means_silence_and_says_why(line: Line, shop: Shop) -> None:
    found = channel(line, shop)
    channels.set_policy(line.kernel, actor=shop.actor, connection_id=shop.slack.id, channel_id=found.id, mode="off")
    say(line, mention=True)
    assert line.sandbox.answers() == []
    reasons = [item.reason for item in list_deliveries(line.kernel, actor=shop.actor).items]
    assert any("the agent is off in #creator-ops" in reason for reason in reasons)
    channels.set_policy(line.kernel, actor=shop.actor, connection_id=shop.slack.id, channel_id=found.id, mode="")
    say(line, mention=True)
    assert len(line.sandbox.answers(service="slack")) == 1


def test_another_agent_answers_in_its_channel(line: Line, shop: Shop) -> None:
    other = create_agent(line.kernel, actor=shop.actor, form=AgentForm(name="Ada"))
    save_playbook(line.kernel, actor=shop.actor, agent_id=other.id, drafts=PLAYBOOK)
    channels.set_policy(
        line.kernel,
        actor=shop.actor,
        connection_id=shop.slack.id,
        channel_id=channel(line, shop).id,
        mode="",
        agent_id=other.id,
    )
    say(line, mention=True)
    say(line, mention=True, where="C0GENERAL01")
    found = list_conversations(line.kernel, actor=shop.actor).items
    assert {item.channel_label for item in found} == {"Slack #creator-ops", "Slack #general"}
    agents = sorted(item.agent_name for item in found)
    assert agents == ["Ada", "Bri"]
    delete_agent(line.kernel, actor=shop.actor, agent_id=other.id)
    assert channel(line, shop).agent_name == "Bri"


def test_a_direct_message_knows_no_policy(line: Line, shop: Shop) -> None:
    channels.set_default(line.kernel, actor=shop.actor, connection_id=shop.slack.id, mode="off")
    app = line.sandbox.identities.own_app.app_id
    line.settle(*line.sandbox.slack_message(ASKED, app=app).event_ids)
    assert len(line.sandbox.answers(service="slack")) == 1


def test_a_channel_can_be_taken_in_by_its_id(line: Line, shop: Shop) -> None:
    added = channels.add_channel(
        line.kernel, actor=shop.actor, connection_id=shop.slack.id, external_id=" C0RANDOM001 "
    )
    assert (added.name, added.is_member) == ("random", False)
    with pytest.raises(Refused):
        channels.add_channel(line.kernel, actor=shop.actor, connection_id=shop.slack.id, external_id="C0NOWHERE01")
    with pytest.raises(InvalidInput) as refused:
        channels.add_channel(line.kernel, actor=shop.actor, connection_id=shop.slack.id, external_id=" ")
    assert refused.value.field == "external_id"


def test_pages_follow_each_other_without_gaps(line: Line, shop: Shop) -> None:
    names: list[str] = []
    cursor = ""
    while True:
        page = channels.list_channels(
            line.kernel, actor=shop.actor, connection_id=shop.slack.id, cursor=cursor, limit=1
        )
        names += [item.name for item in page.channels]
        cursor = page.next_cursor
        if not cursor:
            break
    assert names == ["creator-ops", "general", "random"]


def test_a_refused_page_is_asked_for_again(line: Line, shop: Shop) -> None:
    other = line.open_shop("Southwind", is_second=True)
    line.sandbox.fail("slack", "429", method="conversations.list", retry_after=0)
    line.work()
    assert line.sandbox.pending_faults() == 0
    before = channels.list_channels(line.kernel, actor=other.actor, connection_id=other.slack.id)
    assert before.total == 0 and before.listing.is_running and before.listing.error_text
    line.work(with_sweep=True)
    after = channels.list_channels(line.kernel, actor=other.actor, connection_id=other.slack.id)
    assert after.total == 3 and not after.listing.is_running and not after.listing.error_text


def test_wrong_rules_name_their_field(line: Line, shop: Shop) -> None:
    found = channel(line, shop)
    with pytest.raises(InvalidInput) as refused:
        channels.set_policy(
            line.kernel, actor=shop.actor, connection_id=shop.slack.id, channel_id=found.id, mode="loud"
        )
    assert refused.value.field == "mode"
    with pytest.raises(NotFound):
        channels.set_policy(
            line.kernel,
            actor=shop.actor,
            connection_id=shop.slack.id,
            channel_id=found.id,
            mode="all",
            agent_id=found.id,
        )
    with pytest.raises(NotFound):
        channels.list_channels(line.kernel, actor=shop.actor, connection_id=shop.twilio.id)


def test_a_disconnected_account_lists_nothing_more(line: Line, shop: Shop) -> None:
    disconnect(line.kernel, actor=shop.actor, connection_id=shop.slack.id)
    calls = line.sandbox.ledger().calls.get("slack conversations.list", 0)
    line.work(with_sweep=True)
    assert line.sandbox.ledger().calls.get("slack conversations.list", 0) == calls
