"""The cards of an agent's integrations, and what needs a person."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.pages.integrations.view import Card, build_cards, find_needs
from services.connections import (
    CheckView,
    ConnectionView,
    FieldView,
    PhoneNumberView,
    ProviderCardView,
    RefusalView,
    SchemeView,
    WebhookUrlView,
)

AGENT, OTHER = UUID(int=1), UUID(int=2)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

TOKEN = FieldView(name="bot_token", label="Bot token", kind="secret", help="", placeholder="xoxb-…", required=True)
OAUTH = SchemeView(id="oauth", label="Add to Slack", is_oauth=True, fields=(), missing="")
KEYS = SchemeView(id="keys", label="Use your own app", is_oauth=False, fields=(TOKEN,), missing="")
SLACK = ProviderCardView(
    slug="slack",
    name="Slack",
    category="messaging",
    summary="The agent answers.",
    docs_url="",
    account_noun="workspace",
    schemes=(OAUTH, KEYS),
    scopes=(),
    has_operator_app=True,
    setup_guide="",
    disconnect_effects=("The agent no longer reads there.",),
    connection_count=0,
    missing="",
)
TWILIO = replace(SLACK, slug="twilio", name="Twilio", category="phone", account_noun="account", schemes=(KEYS,))
CONNECTED = ConnectionView(
    id=UUID(int=9),
    provider="slack",
    provider_name="Slack",
    category="messaging",
    agent_id=AGENT,
    agent_name="Bri",
    status="active",
    auth_scheme="oauth",
    uses_operator_app=True,
    external_account_id="T1",
    external_account_name="RAWDOG Team",
    account_noun="workspace",
    scopes=(),
    settings={"bot_name": "bri"},
    credential_hints=(),
    connected_at=NOW,
    connected_by="Ana",
    last_event_at=None,
    last_error="",
    last_error_at=None,
    error_count=0,
    last_check=None,
    webhook_urls=(WebhookUrlView(kind="events", label="Events", url="https://x.test/e", pasted_into="the app"),),
    numbers=(),
    refusals=(),
)
NUMBER = PhoneNumberView(id=UUID(int=5), number="+14155550100", label="", agent_id=None, agent_name="")
PHONE = replace(CONNECTED, provider="twilio", provider_name="Twilio", category="phone", numbers=(NUMBER,), settings={})


def cards(*connections: ConnectionView, providers: tuple[ProviderCardView, ...] = (SLACK, TWILIO)) -> list[Card]:
    """The cards for the agent."""
    return list(build_cards(agent_id=AGENT, agent_name="Bri", providers=providers, connections=connections))


def test_four_cards_in_the_order_of_the_specification() -> None:
    assert [card.title for card in cards()] == ["Slack", "Google Calendar", "E-mail", "SMS"]


def test_what_the_server_lacks_is_said_in_words_without_a_button() -> None:
    calendar = cards()[1]
    assert "no Google Calendar provider yet" in calendar.empty[0]
    assert (calendar.ways, calendar.chip) == ((), "Not available")


def test_recommended_way_is_the_only_filled_button() -> None:
    ways = cards()[0].ways
    assert [(way.label, way.kind) for way in ways] == [("Add to Slack", "primary"), ("Use your own app", "")]
    assert ways[0].link.endswith(f"/slack/oauth?agent_id={AGENT}")


def test_missing_operator_app_is_named_instead_of_drawn() -> None:
    provider = replace(SLACK, schemes=(replace(OAUTH, missing="PATCHBAY_PROVIDER_APPS has no entry for slack"), KEYS))
    card = cards(providers=(provider,))[0]
    assert "PATCHBAY_PROVIDER_APPS has no entry for slack" in " ".join(card.empty)
    assert [(way.label, way.kind) for way in card.ways] == [("Use your own app", "primary")]


def test_connected_card_says_whose_account_and_since_when() -> None:
    card = cards(CONNECTED)[0]
    assert (card.subtitle, card.chip) == ("RAWDOG Team", "Connected")
    assert [(fact.label, fact.text) for fact in card.facts] == [
        ("Bot user", "@bri"),
        ("Connected", " by Ana"),
        ("Last event", "none yet"),
    ]


def test_addresses_are_shown_only_for_an_app_of_ones_own() -> None:
    assert cards(CONNECTED)[0].addresses == ()
    own = cards(replace(CONNECTED, uses_operator_app=False))[0]
    assert [address.url for address in own.addresses] == ["https://x.test/e"]


def test_connections_of_other_agents_leave_the_card_free() -> None:
    card = cards(replace(CONNECTED, agent_id=OTHER))[0]
    assert (card.is_connected, card.chip) == (False, "Not connected")


def test_number_assigned_to_the_agent_brings_the_account_to_its_page() -> None:
    theirs = replace(PHONE, agent_id=OTHER, numbers=(replace(NUMBER, agent_id=AGENT),))
    sms = cards(theirs)[3]
    assert (sms.chip, sms.needs_number) == ("Connected", False)


def test_phone_without_a_number_is_unfinished_and_needs_a_person() -> None:
    shown = cards(PHONE)
    assert shown[3].chip == "Setup unfinished"
    finding = find_needs(shown, [PHONE], agent_name="Bri")[0]
    assert (finding.title, finding.act) == ("No number leads to this agent", "numbers")


@pytest.mark.parametrize("succeeded", [True, False])
def test_result_of_a_test_stands_on_the_card(succeeded: bool) -> None:
    check = CheckView(succeeded=succeeded, summary="Signed in as @bri", duration_ms=5, created_at=NOW)
    card = cards(replace(CONNECTED, last_check=check))[0]
    said = [f"{fact.label}{fact.text}" for fact in card.facts] + [notice.text for notice in card.notices]
    assert ("Test passed: Signed in as @bri" in said) is succeeded
    assert ("Test failed: Signed in as @bri" in said) is not succeeded


def test_refused_credential_comes_first_and_offers_the_repair() -> None:
    refusal = RefusalView(reason="missing_signature", count=4, last_at=NOW)
    broken = replace(CONNECTED, status="needs_reauth", last_error="Slack refused our token.", refusals=(refusal,))
    findings = find_needs(cards(broken), [broken], agent_name="Bri")
    assert [(finding.title, finding.act) for finding in findings] == [
        ("Slack refused our credential", "reconnect"),
        ("4 unsigned requests refused", ""),
    ]


def test_nothing_needs_a_person_when_all_is_well() -> None:
    assert find_needs(cards(CONNECTED), [CONNECTED], agent_name="Bri") == ()


def test_disconnected_account_can_be_connected_again() -> None:
    card = cards(replace(CONNECTED, status="revoked", last_error="The app was uninstalled."))[0]
    assert (card.chip, card.is_connected, len(card.ways)) == ("Disconnected", False, 2)
    assert card.notices[0].text == "The app was uninstalled."
