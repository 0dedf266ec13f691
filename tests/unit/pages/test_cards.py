"""The cards of an agent's integrations, and what needs a person."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.desk.view import form_again, form_for
from app.pages.integrations.card import Card
from app.pages.integrations.view import build_cards, needs_of
from services.connections import (
    CheckView,
    ConnectionView,
    FieldView,
    PhoneNumberView,
    ProviderCardView,
    SchemeView,
    ScopeView,
    TransitionView,
    UsageView,
    WebhookUrlView,
)
from services.health import FindingView, RepairView

AGENT, OTHER = UUID(int=1), UUID(int=2)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

TOKEN = FieldView(name="bot_token", label="Bot token", kind="secret", help="", placeholder="xoxb-…", required=True)
OAUTH = SchemeView(id="oauth", label="Add to Slack", is_oauth=True, fields=(), missing="")
KEYS = SchemeView(id="keys", label="Use your own app", is_oauth=False, fields=(TOKEN,), missing="")
SLACK = ProviderCardView(
    slug="slack",
    name="Slack",
    category="messaging",
    is_core=True,
    summary="The agent answers.",
    capabilities=("messaging",),
    tier="silver",
    docs_url="",
    account_noun="workspace",
    schemes=(OAUTH, KEYS),
    scopes=(),
    has_operator_app=True,
    setup_guide="",
    disconnect_effects=("The agent no longer reads there.",),
    answers=(("direct messages", "answered"),),
    connection_count=0,
    missing="",
)
GOOGLE = replace(SLACK, slug="google_calendar", name="Google Calendar", category="calendar", schemes=(OAUTH,))
RESEND = replace(SLACK, slug="resend", name="Resend", category="email", account_noun="domain", schemes=(KEYS,))
TWILIO = replace(SLACK, slug="twilio", name="Twilio", category="phone", account_noun="account", schemes=(KEYS,))
ALL = (SLACK, TWILIO, RESEND, GOOGLE)
CONNECTED = ConnectionView(
    id=UUID(int=9),
    provider="slack",
    provider_name="Slack",
    name="",
    cause="none",
    is_ending=False,
    used_by=UsageView(agents=("Bri",), channels=2, conversations=3),
    token_expires_at=None,
    next_check_at=None,
    category="messaging",
    agent_id=AGENT,
    agent_name="Bri",
    status="active",
    auth_scheme="oauth",
    uses_operator_app=True,
    provider_app_id=None,
    provider_app_name="",
    missing_scopes=(),
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


def cards(*connections: ConnectionView, providers: tuple[ProviderCardView, ...] = ALL) -> list[Card]:
    """The cards for the agent."""
    return list(build_cards(agent_id=AGENT, agent_name="Bri", providers=providers, connections=connections))


def test_four_cards_in_the_order_of_the_specification() -> None:
    assert [card.title for card in cards()] == ["Slack", "Google Calendar", "E-mail", "SMS"]


def test_other_services_show_once_they_are_connected() -> None:
    telegram = replace(SLACK, slug="telegram", name="Telegram", is_core=False)
    assert "Telegram" not in [card.title for card in cards(providers=(*ALL, telegram))]
    connected = replace(CONNECTED, provider="telegram", provider_name="Telegram")
    assert "Telegram" in [card.title for card in cards(connected, providers=(*ALL, telegram))]


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


def test_phone_without_a_number_is_unfinished() -> None:
    assert cards(PHONE)[3].chip == "Setup unfinished"


@pytest.mark.parametrize("succeeded", [True, False])
def test_result_of_a_test_stands_on_the_card(succeeded: bool) -> None:
    check = CheckView(succeeded=succeeded, cause="none", summary="Signed in as @bri", duration_ms=5, created_at=NOW)
    card = cards(replace(CONNECTED, last_check=check))[0]
    said = [f"{fact.label}{fact.text}" for fact in card.facts] + [notice.text for notice in card.notices]
    assert ("Test passed: Signed in as @bri" in said) is succeeded
    assert ("Test failed: Signed in as @bri" in said) is not succeeded


FINDING = FindingView(
    connection_id=CONNECTED.id,
    provider="slack",
    provider_name="Slack",
    account_name="RAWDOG Team",
    agent_id=AGENT,
    agent_name="Bri",
    code="token_expires",
    severity="warning",
    what="Our access to Slack ends soon.",
    since=NOW,
    stops="Bri cannot answer at RAWDOG Team from then on.",
    worsens_at=NOW,
    repair=RepairView(label="Connect again", act="reconnect", address="/admin/integrations"),
    told_at=None,
    untold_reason="",
)
CHANGE = TransitionView(
    id=UUID(int=7),
    from_status="active",
    to_status="disconnected",
    cause="none",
    reason="Disconnected",
    actor_kind="user",
    actor_label="Ana",
    created_at=NOW,
)


def test_forecast_stands_on_the_card_of_its_connection_with_one_repair() -> None:
    shown = build_cards(
        agent_id=AGENT, agent_name="Bri", providers=(SLACK,), connections=[CONNECTED], findings=[FINDING]
    )
    [forecast] = shown[0].forecast
    assert (forecast.kind, forecast.title, forecast.act) == ("soon", FINDING.what, "reconnect")
    assert (forecast.at_label, forecast.place) == ("until ", "Slack · RAWDOG Team")


def test_what_a_person_wished_is_no_need() -> None:
    assert needs_of([replace(FINDING, severity="note", code="paused")]) == ()


def test_card_names_the_app_of_ones_own_and_what_was_not_granted() -> None:
    own = replace(
        CONNECTED, provider_app_name="Bri at Northwind", missing_scopes=(ScopeView(name="im:history", reason="Reads."),)
    )
    assert ("App", "Bri at Northwind, your own") in [(fact.label, fact.text) for fact in cards(own)[0].facts]
    assert "im:history" in cards(own)[0].notices[0].text


def test_degraded_card_names_the_cause() -> None:
    card = cards(replace(CONNECTED, status="degraded", cause="provider_down"))[0]
    assert (card.chip, card.chip_kind) == ("Degraded: provider down", "soon")


def test_disconnected_account_says_by_whom_and_is_connected_again_as_itself() -> None:
    ended = replace(CONNECTED, status="disconnected", last_error="The app was uninstalled.")
    after = replace(CHANGE, from_status="disconnected", actor_kind="system", actor_label="Slack", reason="Revoked")
    card = build_cards(
        agent_id=AGENT,
        agent_name="Bri",
        providers=(SLACK,),
        connections=[ended],
        histories={ended.id: (after, CHANGE)},
    )[0]
    assert (card.chip, card.is_connected, card.ended_by) == ("Disconnected", False, "Disconnected by Ana, ")
    assert card.consent.endswith(f"/slack/oauth?connection_id={ended.id}")
    assert [way.kind for way in card.ways] == ["", ""]
    assert card.notices[0].text == "The app was uninstalled."


def test_keys_are_replaced_for_the_same_connection_only() -> None:
    phone = replace(PHONE, auth_scheme="keys")
    form = form_again(phone, [TWILIO])
    assert form is not None
    assert form.payload == {"scheme_id": "keys", "connection_id": str(phone.id)}
    assert phone.external_account_name in form.warning
    assert form_again(CONNECTED, [SLACK]) is None
    assert form_for(SLACK, "oauth", agent_id="") is None
