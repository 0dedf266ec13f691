"""What the analytics page computes from the service's view: words, scales, addresses and files."""

import csv
import io
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pages.analytics import scale, words
from app.pages.analytics.charts import KINDS, charts_of
from app.pages.analytics.look import Look, read_look
from app.pages.analytics.sheet import csv_of, harmless
from app.pages.analytics.view import (
    SPAN_NAMES,
    agent_parts,
    channel_pills,
    dead_letters,
    figures,
    moments,
    sheet_of,
    span_pills,
    zone_note,
)
from app.pages.deliveries.view import OUTCOME_NAMES
from services.analytics import OUTCOMES, SPANS, AnalyticsView, BucketView, NumbersView, PartView
from services.kernel.ids import new_id

NOW = datetime(2026, 10, 26, 14, 20, tzinfo=UTC)
DAY = timedelta(days=1)
AGENT = str(new_id())


def numbers(inbound: int = 0, *, failed: int = 0, p50_ms: int | None = None) -> NumbersView:
    return NumbersView(
        inbound=inbound,
        asked=inbound,
        answered=inbound - failed,
        failed=failed,
        handed_over=0,
        p50_ms=p50_ms,
        p95_ms=None if p50_ms is None else 4 * p50_ms,
        failure_rate=failed / inbound if inbound else None,
        hand_over_rate=0.0 if inbound else None,
    )


def view(*days: NumbersView, before: NumbersView | None = None, dead: int | None = 0) -> AnalyticsView:
    midnight = datetime(2026, 10, 25, 23, tzinfo=UTC)
    buckets = tuple(
        BucketView(since=midnight - back * DAY, until=midnight - (back - 1) * DAY, numbers=item)
        for back, item in zip(range(len(days) - 1, -1, -1), days, strict=True)
    )
    return AnalyticsView(
        span="7d",
        unit="day",
        time_zone="Europe/Berlin",
        as_of=NOW,
        agent_id="",
        channel="",
        total=BucketView(since=buckets[0].since, until=buckets[-1].until, numbers=days[-1]),
        before=BucketView(since=NOW - 14 * DAY, until=NOW - 7 * DAY, numbers=before or numbers()),
        buckets=buckets,
        by_channel=(),
        by_agent=(PartView(key=AGENT, name='=HYPERLINK("https://evil.example")', numbers=days[-1]),),
        dead_letters=dead,
    )


def query_of(path: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


def test_every_point_leads_to_the_log_of_its_moment() -> None:
    look = Look(agent=AGENT, channel="sms")
    period = view(numbers(3), numbers(5, failed=1))
    for chart in charts_of(period, look):
        for point, moment, bucket in zip(chart.points, moments(period), period.buckets, strict=True):
            asked = query_of(chart.log + moment.query)
            assert asked.pop("outcome") in OUTCOMES
            since, until = (datetime.fromisoformat(asked.pop(name)) for name in ("since", "until"))
            assert (since, until) == (bucket.since, bucket.until)
            assert asked == {"agent": AGENT, "channel": "sms"}
            assert point.said and len(point.cells) == len(chart.headers)


def test_log_knows_every_outcome_and_page_every_span() -> None:
    assert set(OUTCOME_NAMES) == set(OUTCOMES) >= {kind.outcome for kind in KINDS.values()}
    assert list(SPAN_NAMES) == list(SPANS)


def test_missing_is_not_drawn_and_zero_is() -> None:
    charts = {chart.key: chart for chart in charts_of(view(numbers(), numbers(4)), Look())}
    assert [point.heights for point in charts["volume"].points] == [(0, 0), (100, 100)]
    assert [point.heights for point in charts["times"].points] == [(None, None), (None, None)]
    assert [point.heights for point in charts["failures"].points] == [(None,), (0,)]
    assert charts["failures"].points[0].said == "nothing to answer"
    assert charts["failures"].points[1].said == "0 %, 0 of 4"


def test_table_and_chart_say_the_same() -> None:
    [chart] = [chart for chart in charts_of(view(numbers(1_200, failed=3)), Look()) if chart.key == "volume"]
    assert chart.points[0].cells == ("1,200", "1,197")
    assert chart.points[0].said == "1200 messages received, 1,197 answered"


@given(st.lists(st.none() | st.floats(0, 1e9), max_size=20), st.sampled_from([scale.counts, scale.times]))
def test_nothing_is_higher_than_its_chart(values: list[float | None], steps: object) -> None:
    top, step = scale.top_of(values, steps())  # type: ignore[operator]
    heights = [scale.height(value, top) for value in values]
    assert all(height is None or 0 <= height <= 100 for height in heights)
    assert [height is None for height in heights] == [value is None for value in values]
    lines = scale.ticks(top, step, str)
    assert (lines[0].at, lines[-1].at) == (0, 100) and 2 <= len(lines) <= 6


@pytest.mark.parametrize(("most", "top"), [(0, 1), (3, 3), (7, 8), (41, 60), (100, 100), (1_300, 1_500)])
def test_lines_stand_at_round_numbers(most: int, top: int) -> None:
    assert scale.top_of([most], scale.counts())[0] == top


def test_address_holds_the_view_and_nothing_that_makes_no_sense() -> None:
    assert Look().path() == "/admin/analytics"
    look = read_look("30d", AGENT, "sms")
    assert query_of(look.path()) == {"span": "30d", "agent": AGENT, "channel": "sms"}
    assert read_look("1y", "Bri", "fax") == Look()
    assert [pill.is_current for pill in span_pills(look)] == [False, False, True, False]
    assert query_of(channel_pills(look)[0].path) == {"span": "30d", "agent": AGENT}


def test_figures_are_compared_with_the_period_before() -> None:
    now, before = numbers(150, failed=3, p50_ms=2_000), numbers(100, failed=1, p50_ms=2_000)
    received, took, failed, handed = figures(view(now, before=before))
    assert (received.value, received.change) == ("150", "up 50 % from 100")
    assert (took.value, took.note, took.change) == ("2.0 s", "95 of 100 within 8.0 s", "as before (2.0 s)")
    assert (failed.value, failed.change) == ("2.0 %", "up 1 point from 1.0 %")
    assert handed.change == "as before (0 %)"
    first = figures(view(numbers(2)))
    assert [figure.change for figure in first] == ["none in the period before", *["nothing to compare with"] * 3]


def test_times_are_the_tenants() -> None:
    period = view(*[numbers(1)] * 7)
    named = moments(period)
    assert (named[-1].label, named[-1].tick) == ("Mon 26 Oct, so far", "26 Oct")
    assert zone_note(period).startswith("Times in Europe/Berlin. Compared with 12 Oct, 16:20 to 19 Oct, 16:20")


def test_few_moments_are_named_below_the_chart_and_the_last_always_is() -> None:
    named = [moment.tick for moment in moments(view(*[numbers(1)] * 90))]
    assert 0 < sum(map(bool, named)) <= 6 and named[-1]


def test_dead_letters_lead_to_theirs() -> None:
    said, log = dead_letters(view(numbers(1), dead=2))
    assert said.startswith("2 requests could not be processed")
    assert query_of(log)["state"] == "dead"
    assert dead_letters(view(numbers(1), dead=0)) == dead_letters(view(numbers(1), dead=None)) == ("", "")


def test_part_leads_to_itself_and_to_its_log() -> None:
    [part] = agent_parts(view(numbers(5)), Look(channel="sms"))
    assert query_of(part.path) == {"agent": AGENT, "channel": "sms"}
    assert query_of(part.log).items() >= {"agent": AGENT, "channel": "sms", "outcome": "message"}.items()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1"])
def test_text_that_a_spreadsheet_would_run_is_made_harmless(text: str) -> None:
    assert harmless(text) == f"'{text}"


def test_numbers_and_names_stay_as_they_are() -> None:
    [row] = list(csv.reader(io.StringIO(csv_of(("a",), [(-1, "Bri, the desk", None, 0.5)]))))[1:]
    assert row == ["-1", "Bri, the desk", "", "0.5"]


def test_file_holds_what_the_table_shows() -> None:
    period = view(numbers(3), numbers(5, failed=1, p50_ms=900))
    [head, *rows] = csv.reader(io.StringIO(sheet_of("failures", period) or ""))
    assert head == ["from", "until", "failed", "to_answer", "failure_rate"]
    assert [row[2:] for row in rows] == [["0", "3", "0.0"], ["1", "5", "0.2"]]
    assert rows[1][:2] == ["2026-10-26T00:00:00+01:00", "2026-10-27T00:00:00+01:00"]
    [_, [name, *_rest]] = csv.reader(io.StringIO(sheet_of("agents", period) or ""))
    assert name.startswith("'=HYPERLINK")
    assert sheet_of("secrets", period) is None


def test_rates_and_times_are_short() -> None:
    assert [words.percent(rate) for rate in (None, 0, 0.004, 0.123, 1)] == ["–", "0 %", "0.4 %", "12 %", "100 %"]
    assert [words.round_time(ms) for ms in (0, 200, 5_000, 120_000, 3_600_000)] == [
        "0",
        "200 ms",
        "5 s",
        "2 min",
        "1 h",
    ]
