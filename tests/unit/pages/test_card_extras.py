"""What only some services show on their card."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.pages.integrations.card import Card
from app.pages.integrations.extras import CHANNELS_SHOWN, Extras, calendar_facts, channel_rules, letter_facts
from app.pages.integrations.view import build_cards
from services.calendar import CalendarCardView, CalendarView, WatchView
from services.channels import HeardView
from services.email import EmailCardView, SenderView
from tests.unit.pages.test_cards import AGENT, CONNECTED, SLACK

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CONNECTION = CONNECTED.id
CALENDAR = CalendarCardView(
    calendar=CalendarView(
        id=UUID(int=5),
        connection_id=CONNECTION,
        provider="google_calendar",
        account="bri@northwind.example",
        name="Bri",
        time_zone="Europe/Berlin",
        synced_at=NOW,
        sync_note="",
    ),
    watch=WatchView(
        state="active",
        words="Active (expires in 6 days)",
        means="It is renewed by itself.",
        expires_at=NOW + timedelta(days=6),
        error="",
        poll_minutes=360,
    ),
    is_failing=False,
    next_sync_at=NOW,
    time_zone="Europe/Berlin",
    meetings_today=3,
    next_meeting=None,
)
SENDER = SenderView(
    id=UUID(int=6),
    connection_id=CONNECTION,
    agent_id=AGENT,
    agent_name="Bri",
    address="bri@northwind.example",
    display_name="Bri",
    reply_to="",
    domain_status="verified",
    can_send=True,
    can_receive=True,
)
LETTERS = EmailCardView(
    sender=SENDER,
    send_from=SENDER.address,
    display_name="Bri",
    reply_to="",
    sent_today=12,
    domain=None,
    domain_status="verified",
    can_receive=True,
)


def heard(name: str, mode: str = "mentions", agent: str = "Bri") -> HeardView:
    return HeardView(connection_id=CONNECTION, name=name, mode=mode, agent_name=agent)


def test_a_calendar_says_how_it_hears_of_changes_and_what_is_on() -> None:
    facts = {fact.label: fact.text for fact in calendar_facts(CALENDAR)}
    assert facts["Watch status"] == "Active (expires in 6 days). It is renewed by itself."
    assert facts["Meetings today"] == "3"


def test_a_mailbox_says_from_where_and_how_much() -> None:
    facts = {fact.label: fact.text for fact in letter_facts(LETTERS)}
    assert facts == {"Send from": "bri@northwind.example (Bri)", "E-mails sent today": "12"}
    facts = {fact.label: fact.text for fact in letter_facts(replace(LETTERS, domain_status="pending"))}
    assert facts["Domain"].startswith("pending")


def test_channels_stand_with_their_rules_and_another_agent_by_name() -> None:
    rules = channel_rules([heard("general"), heard("ops", "all", "Ada"), heard("random", "off")], agent_name="Bri")
    assert [(rule.place, rule.what) for rule in rules] == [
        ("#general", "answers mentions"),
        ("#ops", "Ada answers all messages"),
        ("#random", "off"),
    ]


def test_many_channels_are_counted() -> None:
    rules = channel_rules([heard(str(number)) for number in range(CHANNELS_SHOWN + 3)], agent_name="Bri")
    assert rules[-1].place == "3 more" and len(rules) == CHANNELS_SHOWN + 1


def test_no_channel_yet_is_said() -> None:
    [rule] = channel_rules([], agent_name="Bri")
    assert "invite" in rule.what


def test_each_card_gets_only_its_own_extras() -> None:
    def one(extras: Extras) -> Card:
        [card] = build_cards(
            agent_id=AGENT, agent_name="Bri", providers=[SLACK], connections=[CONNECTED], extras=extras
        )
        return card

    assert one(Extras()).configures == "" and one(Extras()).calendar == ""
    assert one(Extras(channels={CONNECTION: ()})).configures == "channels"
    assert one(Extras(calendars={CONNECTION: CALENDAR})).calendar.endswith("/calendar")
    letters = one(Extras(letters={CONNECTION: LETTERS}))
    assert (letters.configures, letters.chip) == ("email", "Configured")
    unset = one(Extras(letters={CONNECTION: replace(LETTERS, sender=None)}))
    assert unset.chip == "Setup unfinished"
