"""Two tenants at one account of a provider: what is meant for one of them reaches that one only."""

from collections.abc import Generator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from services import channels, connections
from services.connections import ConnectionView, connect_with_keys
from services.conversations import list_conversations
from services.email import SenderForm, create_sender, sync_domains
from services.kernel.settings import Settings
from services.webhooks import list_deliveries
from tests.integration.isolation.twins import QUESTION
from tests.support.line import CHANNEL, Line, Shop, running_line
from tests.support.whole_shop import in_browser


@pytest.fixture
def line(settings: Settings, tmp_path: Path) -> Generator[Line]:
    """The line, with nobody on it."""
    with running_line(settings, tmp_path) as running:
        yield running


@pytest.fixture
def shops(line: Line) -> tuple[Shop, Shop]:
    """Two tenants."""
    return line.open_shop("Northwind"), line.open_shop("Harbor", is_second=True)


def texts_of(line: Line, shop: Shop, connection: ConnectionView) -> list[str]:
    """Return what contacts said last, over one connection."""
    found = list_conversations(line.kernel, actor=shop.actor, state="all").items
    return [item.last_message_text for item in found if item.connection_id == connection.id]


def connect_mail(line: Line, shop: Shop, *, mailbox: str) -> ConnectionView:
    """Connect the one Resend account for the whole tenant, with an address of its agent's own on the domain.

    A connection that belongs to an agent would bring it the letters to all other addresses too.
    """
    identity = line.sandbox.identities.resend
    view = connect_with_keys(
        line.kernel,
        actor=shop.actor,
        provider="resend",
        scheme_id="keys",
        agent_id=None,
        values={"api_key": identity.api_key, "signing_secret": identity.webhook_secret},
    )
    sync_domains(line.kernel, actor=shop.actor, connection_id=view.id)
    create_sender(
        line.kernel,
        actor=shop.actor,
        connection_id=view.id,
        agent_id=shop.agent.id,
        form=SenderForm(address=f"{mailbox}@{identity.domain}"),
    )
    return view


def connect_slack(line: Line, shop: Shop) -> ConnectionView:
    """Install the operator's app in the one workspace."""
    actor = in_browser(line.kernel, shop.actor)
    url = connections.begin_oauth(line.kernel, actor=actor, provider="slack", agent_id=shop.agent.id)
    query = parse_qs(urlsplit(line.sandbox.consent(url)).query)
    outcome = connections.finish_oauth(line.kernel, actor=actor, provider="slack", query=query)
    assert outcome.ok and outcome.connection_id, outcome
    line.work()
    return connections.get_connection(line.kernel, actor=actor, connection_id=outcome.connection_id)


def test_a_letter_to_a_domain_of_both_reaches_whose_address_it_is(line: Line, shops: tuple[Shop, Shop]) -> None:
    own, other = shops
    identity = line.sandbox.identities.resend
    mine, theirs = connect_mail(line, own, mailbox="bri"), connect_mail(line, other, mailbox="ops")
    line.sandbox.mail.set_webhook_url(f"{line.address}/api/ai-agents/webhooks/resend", account=identity.account_id)
    line.settle(*line.sandbox.mail.write(to=f"bri@{identity.domain}", text=QUESTION).event_ids)
    assert len(texts_of(line, own, mine)) == 1
    assert texts_of(line, other, theirs) == []
    states = [item.state for item in list_deliveries(line.kernel, actor=other.actor, connection_id=theirs.id).items]
    assert set(states) <= {"ignored"}


def test_a_channel_of_both_is_answered_by_whom_its_rule_names(line: Line, shops: tuple[Shop, Shop]) -> None:
    own, other = shops
    for shop in shops:  # an app of one's own leads to the same workspace
        connections.delete_connection(line.kernel, actor=shop.actor, connection_id=shop.slack.id)
    mine, theirs = connect_slack(line, own), connect_slack(line, other)
    for shop, view, mode in ((own, mine, "mentions"), (other, theirs, "off")):
        page = channels.list_channels(line.kernel, actor=shop.actor, connection_id=view.id, query=CHANNEL)
        [channel] = page.channels
        channels.set_policy(line.kernel, actor=shop.actor, connection_id=view.id, channel_id=channel.id, mode=mode)
    team = mine.external_account_id
    assert team == theirs.external_account_id
    app = line.sandbox.identities.slack_app.app_id
    line.settle(*line.sandbox.slack_message(QUESTION, channel=CHANNEL, mention=True, app=app, team="").event_ids)
    assert len(texts_of(line, own, mine)) == 1
    assert texts_of(line, other, theirs) == []
    assert len(line.sandbox.answers(service="slack", channel=CHANNEL)) == 1
