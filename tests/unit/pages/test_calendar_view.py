"""Where meetings lie in a week, and what is said of them: zones, days of 23 and 25 hours, midnights, overlaps."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pages.calendar import layout, shapes, view, words
from app.pages.calendar.agenda import agenda_of
from app.pages.calendar.meetings import is_within
from app.pages.calendar.week import first_hour, week_of
from services.calendar import AttendeeView, CalendarCardView, CalendarView, EventView, WatchView

BERLIN, NEW_YORK, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")
MONDAY = date(2026, 11, 16)
NOW = datetime(2026, 11, 20, 11, 30, tzinfo=UTC)
AGENT = UUID(int=9)
MEETING = EventView(
    id=UUID(int=1),
    connection_id=UUID(int=2),
    calendar_id=UUID(int=3),
    external_id="e1",
    series_id="",
    title="Call with Mia",
    description="",
    starts_at=datetime(2026, 11, 19, 8, tzinfo=UTC),
    ends_at=datetime(2026, 11, 19, 9, tzinfo=UTC),
    is_all_day=False,
    starts_on=None,
    ends_on=None,
    time_zone="Europe/Berlin",
    location="",
    meet_url="",
    conference_type="",
    html_url="",
    organizer_email="bri@northwind.example",
    attendees=(),
    status="confirmed",
    is_agent_invited=False,
    is_agent_booking=False,
    synced_at=NOW,
)
CALENDAR = CalendarView(
    id=UUID(int=3),
    connection_id=UUID(int=2),
    provider="somewhere",
    account="bri@northwind.example",
    name="Bri",
    time_zone="Europe/Berlin",
    synced_at=NOW,
    sync_note="Nothing had changed.",
)
CARD = CalendarCardView(
    calendar=CALENDAR,
    watch=WatchView(
        state="active",
        words="Active (expires in 6 days)",
        means="We are told of every change.",
        expires_at=NOW + timedelta(days=6),
        error="",
        poll_minutes=60,
    ),
    is_failing=False,
    next_sync_at=NOW,
    time_zone="Europe/Berlin",
    meetings_today=3,
    next_meeting=None,
)
ASKED = view.Asked(agent_id=str(AGENT), monday=MONDAY, view="", calendar_id="")


def meeting(start: str, end: str, *, zone: ZoneInfo = BERLIN, key: int = 1, **changes: object) -> EventView:
    """Return a meeting at local times of a zone."""
    starts_at, ends_at = (datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC) for text in (start, end))
    return replace(MEETING, id=UUID(int=key), starts_at=starts_at, ends_at=ends_at, **changes)


def all_day(first: str, after: str, *, key: int = 1, zone: ZoneInfo = BERLIN) -> EventView:
    """Return an all-day entry of a calendar in a zone."""
    days = (date.fromisoformat(first), date.fromisoformat(after))
    event = meeting(first, after, zone=zone, key=key, is_all_day=True)
    return replace(event, starts_on=days[0], ends_on=days[1])


def pieces(event: EventView, zone: ZoneInfo = BERLIN) -> list[tuple[str, int, int]]:
    """Return the parts of a meeting, in short."""
    found = layout.pieces_of(event.starts_at, event.ends_at, zone=zone)
    return [(piece.day.isoformat(), piece.begin, piece.end) for piece in found]


def week(*events: EventView, zone: ZoneInfo = BERLIN) -> tuple[tuple[shapes.Day, ...], tuple[shapes.Bar, ...]]:
    """Return the week of 16 November as drawn."""
    return week_of(events, monday=MONDAY, zone=zone, now=NOW, agent_name="Bri")


def agenda(*events: EventView, zone: ZoneInfo = BERLIN) -> tuple[shapes.AgendaDay, ...]:
    """Return the week of 16 November as listed."""
    return agenda_of(events, monday=MONDAY, zone=zone, now=NOW, agent_name="Bri")


@pytest.mark.parametrize(
    ("asked", "monday"),
    [
        ("2026-11-16", "2026-11-16"),
        ("2026-11-22", "2026-11-16"),
        ("2027-01-01", "2026-12-28"),
        ("", "2026-11-16"),
        ("<script>", "2026-11-16"),
        ("9999-12-31", "2026-11-16"),
        ("0001-01-01", "2026-11-16"),
    ],
)
def test_address_may_ask_for_any_week_and_for_nonsense(asked: str, monday: str) -> None:
    assert layout.week_of(asked, today=date(2026, 11, 20)).isoformat() == monday


def test_what_is_looked_for_reaches_a_day_beyond_the_week() -> None:
    begin, end = layout.reach_of(MONDAY, zone=BERLIN)
    assert (begin.isoformat(), end.isoformat()) == ("2026-11-15T00:00:00+01:00", "2026-11-24T00:00:00+01:00")


def test_meeting_lies_where_the_companys_clock_says() -> None:
    event = meeting("2026-11-19T09:00", "2026-11-19T10:30")
    assert pieces(event) == [("2026-11-19", 540, 630)]
    assert pieces(event, NEW_YORK) == [("2026-11-19", 180, 270)]
    assert pieces(event, KOLKATA) == [("2026-11-19", 810, 900)]


def test_meeting_across_midnight_is_cut_and_one_until_midnight_is_not() -> None:
    assert pieces(meeting("2026-11-19T22:00", "2026-11-20T02:00")) == [
        ("2026-11-19", 1320, 1440),
        ("2026-11-20", 0, 120),
    ]
    assert pieces(meeting("2026-11-19T22:00", "2026-11-20T00:00")) == [("2026-11-19", 1320, 1440)]


def test_short_meeting_can_be_hit_even_before_midnight() -> None:
    assert pieces(meeting("2026-11-19T09:00", "2026-11-19T09:05")) == [("2026-11-19", 540, 570)]
    assert pieces(meeting("2026-11-19T09:00", "2026-11-19T09:00")) == [("2026-11-19", 540, 570)]
    assert pieces(meeting("2026-11-19T23:55", "2026-11-20T00:00")) == [("2026-11-19", 1410, 1440)]


def test_clock_put_forward_leaves_the_rows_in_place() -> None:
    """On 29 March 2026 Berlin has no 02:30."""
    event = meeting("2026-03-29T01:30", "2026-03-29T03:30")
    assert pieces(event) == [("2026-03-29", 90, 210)]
    assert words.clock_words(event, zone=BERLIN) == "01:30 CET – 03:30 CEST"


def test_hour_that_comes_twice_is_told_apart() -> None:
    """On 25 October 2026 Berlin has 02:30 twice."""
    begin = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    event = replace(MEETING, starts_at=begin, ends_at=begin + timedelta(minutes=45))
    assert pieces(event) == [("2026-10-25", 150, 195)]
    assert words.clock_words(event, zone=BERLIN) == "02:30 CEST – 02:15 CET"


def test_days_of_a_week_in_which_the_clock_changes_have_their_own_midnights() -> None:
    event = meeting("2026-10-25T23:30", "2026-10-26T00:30")
    assert pieces(event) == [("2026-10-25", 1410, 1440), ("2026-10-26", 0, 30)]


def test_overlapping_meetings_stand_side_by_side_and_take_the_room_there_is() -> None:
    spans = [(540, 600), (570, 630), (600, 660), (700, 760)]
    places = [(place.lane, place.lanes, place.span) for place in layout.arrange(spans)]
    assert places == [(0, 2, 1), (1, 2, 1), (0, 2, 1), (0, 1, 1)]
    wide = layout.arrange([(0, 100), (0, 30), (0, 30), (40, 90)])
    assert (wide[3].lane, wide[3].lanes, wide[3].span) == (1, 3, 2)


SPANS = st.lists(
    st.tuples(st.integers(0, 1410), st.integers(30, 600)).map(lambda item: (item[0], min(1440, sum(item)))), max_size=25
)


@given(spans=SPANS)
def test_no_two_that_overlap_are_drawn_over_each_other(spans: Sequence[tuple[int, int]]) -> None:
    places = layout.arrange(spans)
    assert all(0 <= place.lane < place.lane + place.span <= place.lanes for place in places)
    for (one, here), (other, there) in combinations(zip(spans, places, strict=True), 2):
        if one[0] < other[1] and other[0] < one[1]:
            assert here.lane + here.span <= there.lane or there.lane + there.span <= here.lane
            assert here.lanes == there.lanes


@given(
    begin=st.integers(0, 366 * 24 * 60).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    minutes=st.integers(0, 3 * 24 * 60),
    zone=st.sampled_from(["Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia"]),
)
def test_pieces_lie_within_their_days_one_for_each_that_is_touched(begin: datetime, minutes: int, zone: str) -> None:
    end = begin + timedelta(minutes=minutes)
    found = layout.pieces_of(begin, end, zone=ZoneInfo(zone))
    first, after = layout.dates_touched(begin, end, zone=ZoneInfo(zone))
    assert [piece.day for piece in found] == [first + timedelta(days=step) for step in range((after - first).days)]
    assert all(0 <= piece.begin < piece.end <= 1440 and piece.end - piece.begin >= layout.SHORTEST for piece in found)


def test_all_day_entry_keeps_its_days_in_every_zone() -> None:
    entry = all_day("2026-11-20", "2026-11-21", zone=ZoneInfo("Pacific/Auckland"))
    _, bars = week(entry, zone=NEW_YORK)
    assert [(bar.column, bar.row) for bar in bars] == [("6 / 7", "1")]
    assert [day.key for day in agenda(entry, zone=NEW_YORK)] == ["2026-11-20"]
    assert is_within(entry, MONDAY, zone=NEW_YORK)
    assert not is_within(entry, MONDAY + timedelta(days=7), zone=NEW_YORK)


def test_what_takes_days_stands_above_the_hours_and_is_cut_at_the_weeks_ends() -> None:
    fair, trip = all_day("2026-11-13", "2026-11-18", key=1), all_day("2026-11-17", "2026-11-30", key=2)
    shift = meeting("2026-11-20T09:00", "2026-11-21T09:00", key=3)
    days, bars = week(fair, trip, shift)
    assert [(bar.column, bar.row) for bar in bars] == [("2 / 4", "1"), ("3 / 9", "2"), ("6 / 8", "1")]
    assert not any(day.blocks for day in days)
    listed = {day.key: [entry.time for entry in day.meetings] for day in agenda(fair, trip)}
    assert listed["2026-11-17"] == ["Day 5 of 5", "Day 1 of 13"]


def test_today_is_marked_with_a_line_at_now() -> None:
    days, _ = week()
    assert [day.key for day in days if day.is_today] == ["2026-11-20"]
    assert [day.now for day in days if day.now] == ["52.0833%"]
    assert days[4].label == "Friday 20 November, today"
    assert [day.key for day in agenda()] == ["2026-11-20"]


def test_booking_of_the_agent_is_marked_in_looks_and_in_words() -> None:
    booked = meeting("2026-11-19T09:00", "2026-11-19T10:00", is_agent_booking=True, status="tentative")
    days, _ = week(booked)
    (block,) = days[3].blocks
    assert (block.look, block.notes, block.time) == ("own tentative", "booked by Bri, tentative", "09:00–10:00")
    assert (block.top, block.height, block.width) == ("37.5000%", "4.1667%", "100.0000%")
    (entry,) = agenda(booked)[0].meetings
    assert (entry.booked, entry.status) == ("Booked by Bri", "Tentative")


def test_agenda_names_the_other_day_of_a_meeting_across_midnight() -> None:
    night = meeting("2026-11-19T22:00", "2026-11-20T02:00")
    assert [(day.key, day.meetings[0].time) for day in agenda(night)] == [
        ("2026-11-19", "22:00 – Fri 02:00"),
        ("2026-11-20", "Thu 22:00 – 02:00"),
    ]
    assert words.when_words(night, zone=BERLIN) == "Thursday 19 November, 22:00 – Friday 20 November 2026, 02:00"


def test_agenda_lists_some_guests_with_their_answers_and_counts_the_rest() -> None:
    guests = tuple(AttendeeView(email=f"{name}@x.example", response="needs_action") for name in "abcdef")
    guests = (AttendeeView(email="mia@x.example", response="accepted"), *guests)
    (entry,) = agenda(meeting("2026-11-19T09:00", "2026-11-19T10:00", attendees=guests))[0].meetings
    assert [(guest.email, guest.answer) for guest in entry.guests[:2]] == [
        ("mia@x.example", "accepted"),
        ("a@x.example", "no answer yet"),
    ]
    assert (len(entry.guests), entry.more_guests) == (4, "and 3 more")


def test_details_tell_the_time_where_the_meeting_was_made() -> None:
    event = meeting("2026-11-19T09:00", "2026-11-19T10:00", zone=NEW_YORK, time_zone="America/New_York")
    shown = view.detail_of(
        event, zone=BERLIN, its_zone=NEW_YORK, agent_name="Bri", accounts={CALENDAR.id: CALENDAR.account}
    )
    assert shown.when == "Thursday 19 November 2026, 15:00–16:00"
    assert shown.elsewhere == "09:00–10:00 in America/New_York"
    assert shown.account == "bri@northwind.example"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//[", "meet.example", ""])
def test_link_that_does_not_lead_to_the_web_is_left_out(url: str) -> None:
    shown = view.detail_of(
        replace(MEETING, html_url=url, meet_url=url), zone=BERLIN, its_zone=BERLIN, agent_name="Bri", accounts={}
    )
    assert (shown.html_url, shown.meet_url) == ("", "")
    assert words.safe_url("https://meet.example/abc") == "https://meet.example/abc"


def test_days_are_named_in_full_and_weeks_briefly() -> None:
    assert words.week_words(MONDAY) == "16 – 22 November 2026"
    assert words.week_words(date(2026, 11, 30)) == "30 November – 6 December 2026"
    assert words.week_words(date(2026, 12, 28)) == "28 December 2026 – 3 January 2027"
    assert words.when_words(all_day("2026-11-19", "2026-11-20"), zone=BERLIN) == "Thursday 19 November 2026, all day"
    assert words.zone_words(BERLIN, now=NOW) == "UTC+1"
    assert words.zone_words(KOLKATA, now=NOW) == "UTC+5:30"
    assert words.zone_words(NEW_YORK, now=NOW) == "UTC−5"
    assert words.zone_words(ZoneInfo("UTC"), now=NOW) == "UTC"


def test_buttons_keep_what_is_chosen_otherwise() -> None:
    paths = view.paths_of(replace(ASKED, view="agenda"), today=date(2026, 11, 20))
    assert paths.before == f"/admin/ai-team/{AGENT}/calendar?week=2026-11-09&view=agenda"
    assert paths.after == f"/admin/ai-team/{AGENT}/calendar?week=2026-11-23&view=agenda"
    assert paths.week == f"/admin/ai-team/{AGENT}/calendar?week=2026-11-16&view=week"


def test_filters_are_offered_only_among_several_calendars() -> None:
    other = replace(CALENDAR, id=UUID(int=4), account="ops@northwind.example")
    assert view.choices_of((CALENDAR,), ASKED) == ()
    chosen = view.choices_of((CALENDAR, other), replace(ASKED, calendar_id=str(other.id)))
    assert [(choice.name, choice.is_current) for choice in chosen] == [
        ("All calendars", False),
        ("bri@northwind.example", False),
        ("ops@northwind.example", True),
    ]


def test_week_is_scrolled_to_working_hours_or_to_what_is_earlier() -> None:
    assert first_hour(week()[0]) == 7
    assert first_hour(week(meeting("2026-11-19T05:30", "2026-11-19T06:30"))[0]) == 5
    assert first_hour(week(meeting("2026-11-18T22:00", "2026-11-19T02:00"))[0]) == 7


def test_head_says_how_changes_come_and_what_the_last_sync_did() -> None:
    source = view.source_of(CARD, is_reading=False)
    assert (source.watch, source.watch_kind) == ("Active (expires in 6 days)", "ok")
    assert (source.note, source.today, source.not_now) == ("Nothing had changed.", "3 meetings today", "")
    off = view.source_of(replace(CARD, watch=replace(CARD.watch, state="off")), is_reading=True)
    assert (off.watch_kind, off.is_reading, off.not_now) == ("off", True, view.OUT_OF_USE)


def test_sync_is_waited_for_until_it_ended_failed_or_nobody_does_it() -> None:
    asked_at = NOW + timedelta(seconds=1)
    soon = NOW + timedelta(seconds=5)
    failing = replace(CARD, is_failing=True)
    read = replace(CARD, calendar=replace(CALENDAR, synced_at=soon))
    assert not view.has_ended(CARD, asked_at=asked_at, now=soon, was_told=True)
    assert not view.has_ended(failing, asked_at=asked_at, now=soon, was_told=False)
    assert view.has_ended(failing, asked_at=asked_at, now=soon, was_told=True)
    assert view.has_ended(read, asked_at=asked_at, now=soon, was_told=False)
    assert view.has_ended(CARD, asked_at=asked_at, now=NOW + timedelta(minutes=2), was_told=False)
