"""What the delivery log's page computes from the services' views."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from app import routes
from app.pages.deliveries.opened import detail_of
from app.pages.deliveries.replay import planned_words, said
from app.pages.deliveries.view import (
    STATES,
    Search,
    cause_of,
    filter_of,
    fresh_words,
    narrowing,
    refused_words,
    row_of,
    state_pills,
)
from services.kernel.ids import new_id
from services.webhooks import DeliveryDetailView, DeliveryGroupView, DeliveryView, RefusedView, ReplayView
from services.webhooks.filters import check_filter
from services.webhooks.views import (
    BodyView,
    DeliveryTimeView,
    FailedAttemptView,
    ReplayOfDeliveryView,
    ReplayOptionView,
)

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ID = UUID("0195f000-0000-7000-8000-000000000001")
VIEW = DeliveryView(
    id=ID,
    connection_id=new_id(),
    provider="slack",
    kind="events",
    event_type="message.im",
    state="processed",
    reason="Bri answers direct messages",
    cause="",
    duplicates=0,
    is_fetched=False,
    attempt=1,
    next_attempt_at=None,
    trace_id=ID,
    received_at=NOW,
    started_at=NOW,
    finished_at=NOW + timedelta(milliseconds=140),
)
GROUP = DeliveryGroupView(
    provider="slack",
    cause="RetryLater/directory_away",
    reason="The directory is away.",
    count=5,
    dead=1,
    first_at=NOW,
    last_at=NOW,
    next_attempt_at=NOW,
)
DEAD = DeliveryDetailView(
    id=ID,
    connection_id=VIEW.connection_id,
    provider="slack",
    kind="events",
    event_type="message.im",
    state="dead",
    reason="The directory is away.",
    cause="RetryLater/directory_away",
    duplicates=2,
    is_fetched=False,
    attempt=5,
    next_attempt_at=None,
    trace_id=ID,
    received_at=NOW,
    started_at=NOW,
    finished_at=NOW + timedelta(minutes=2),
    connection_name="Northwind",
    dedupe_key="events:Ev01",
    times=(
        DeliveryTimeView(name="received", at=NOW, offset_ms=0),
        DeliveryTimeView(name="acknowledged", at=NOW, offset_ms=3),
        DeliveryTimeView(name="started", at=NOW, offset_ms=20),
        DeliveryTimeView(name="done", at=None, offset_ms=0),
    ),
    attempts=(
        FailedAttemptView(
            number=1,
            at=NOW,
            error="RetryLater",
            code="directory_away",
            provider="slack",
            message="The directory is away.",
            next_attempt_at=NOW + timedelta(seconds=5),
        ),
    ),
    headers={"content-type": "application/json"},
    body=BodyView(text="{}", size=2, content_type="application/json", is_whole=False, pruned_at=None),
    replays=(
        ReplayOfDeliveryView(
            replay_id=new_id(),
            kind="process",
            asked_by="Ana",
            reason="Repaired.",
            at=NOW,
            state_before="dead",
            reason_before="",
        ),
    ),
    options=(ReplayOptionView(kind="process", replayable=1, may_double=0, refusal=""),),
)


def test_every_state_leads_to_an_address_that_asks_for_it() -> None:
    search = Search(provider="slack", q="x")
    for pill, (state, name) in zip(state_pills(search), STATES, strict=True):
        asked = parse_qs(urlsplit(pill.path).query)
        assert (pill.name, asked.get("state", [""]), asked["provider"]) == (name, [state], ["slack"])
        check_filter(filter_of(replace(search, state=state), NOW))


@pytest.mark.parametrize("search", [Search(state="asleep"), Search(connection="x"), Search(since="soon", until="?")])
def test_nonsense_in_the_address_is_left_out(search: Search) -> None:
    assert filter_of(search, NOW).is_empty


def test_range_counts_from_now_and_wins_over_times() -> None:
    assert filter_of(Search(span="1h", since="2026-01-01T00:00:00Z"), NOW).since == NOW - timedelta(hours=1)
    assert filter_of(Search(since="2026-01-01T00:00:00"), NOW).since == datetime(2026, 1, 1, tzinfo=UTC)


def test_other_filters_can_be_taken_away_one_by_one() -> None:
    search = Search(provider="slack", cause="RetryLater", state="dead")
    without = narrowing(search)
    assert [pill.name for pill in without] == ["Provider: Slack", "Cause: RetryLater"]
    assert "provider" not in without[0].path and "cause=RetryLater" in without[0].path


def test_row_says_what_became_of_it() -> None:
    row = row_of(VIEW, Search(state="processed"), opened=str(ID))
    assert (row.where, row.chip, row.took, row.note) == ("Slack", "Done", "140 ms", "Bri answers direct messages")
    assert row.is_open and f"d={ID}" in row.path and "state=processed" in row.path
    waiting = replace(VIEW, state="failed", attempt=2, next_attempt_at=NOW, finished_at=None, duplicates=1)
    assert row_of(waiting, Search(), opened="").note == (
        "Bri answers direct messages · attempt 2 · next 09:00:00 UTC · came 2 times, taken once"
    )


def test_group_counts_dead_letters_apart_and_leads_to_its_members() -> None:
    shown = cause_of(GROUP, Search(state="processed", span="7d"))
    assert (shown.count, shown.refusal) == ("1 dead letter, 4 retrying", "")
    assert cause_of(replace(GROUP, cause=""), Search()).refusal != ""
    asked = parse_qs(urlsplit(shown.path).query)
    assert asked == {"provider": ["slack"], "cause": ["RetryLater/directory_away"], "span": ["7d"]}


def test_drawer_tells_times_failures_replays_and_content() -> None:
    detail = detail_of(DEAD)
    assert [(item.title, item.offset) for item in detail.moments] == [
        ("Received", "+0 ms"),
        ("Stored and acknowledged", "+3 ms"),
        ("Processing began", "+20 ms"),
        ("Done", "not yet"),
    ]
    assert detail.attempts[0].detail == "The directory is away. Tried again at 09:00:05 UTC."
    assert detail.replays[0].title == "Process again, by Ana"
    assert detail.duplicates == "The provider sent it 3 times; it was taken once."
    assert detail.body_note == "2 B, application/json. Secrets, addresses and numbers are masked."
    assert [(fact.name, fact.value) for fact in detail.facts][1] == ("Their id", "Ev01")


def test_pruned_content_says_when_it_went() -> None:
    gone = replace(DEAD, body=replace(DEAD.body, text="", pruned_at=NOW))
    detail = detail_of(gone)
    assert detail.is_pruned and detail.body_note == "Deleted for its age on 01 March 2026."


def test_requests_turned_away_are_one_sentence_or_none() -> None:
    refused = RefusedView(
        connection_id=ID, connection_name="Northwind", provider="slack", reason="stale", count=1, last_at=NOW
    )
    assert refused_words(()) == ""
    assert refused_words((refused,)).startswith(
        "1 request was turned away in the last 24 hours: 1 at Northwind (too old)."
    )


def test_question_and_outcome_are_said_in_words() -> None:
    planned = ReplayView(
        id=None, kind="send", dry_run=True, matched=3, replayed=1, may_double=0, left_out=2, remaining=0
    )
    assert planned_words(planned) == "This is about 1 answer. 2 answers may have arrived already."
    assert said(replace(planned, kind="process", replayed=2, dry_run=False)) == "2 deliveries on the way again."


def test_what_came_meanwhile_is_counted_up_to_many() -> None:
    assert [fresh_words(count) for count in (0, 1, 99, 100)] == ["", "1 new", "99 new", "100+ new"]


def test_fetched_deliveries_say_so() -> None:
    assert "fetched afterwards" in row_of(replace(VIEW, is_fetched=True), Search(), opened="").note
    assert "How it came" in {fact.name for fact in detail_of(replace(DEAD, is_fetched=True)).facts}
    assert "How it came" not in {fact.name for fact in detail_of(DEAD).facts}


def test_cause_that_a_person_mends_leads_there() -> None:
    refused = replace(GROUP, cause="NeedsReauth/token_revoked")
    assert cause_of(refused, Search()).repair == routes.ALL_INTEGRATIONS
    assert cause_of(GROUP, Search()).repair == ""
