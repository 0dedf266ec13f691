"""What the company's settings show of the limit of all agents together, and what they make of what was typed."""

from datetime import UTC, datetime

import pytest

from app.pages.tenant.limit import EXCESSES, Gauge, field_of, gauges, read_draft, shown_values
from models import Excess
from services.kernel.errors import InvalidInput
from services.limits import LimitDraft, LimitView, LimitWindowView

RESET = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)


def limit(most: int | None, used: int) -> LimitView:
    windows = tuple(
        LimitWindowView(
            span=span, most=most, used=used, left=None if most is None else max(0, most - used), resets_at=RESET
        )
        for span in ("minute", "hour", "day")
    )
    return LimitView(group="all", label="All channels", excess="drop", is_default=False, windows=windows)


def gauge(most: int | None, used: int) -> Gauge:
    return gauges(limit(most, used))[1]


@pytest.mark.parametrize(
    ("used", "percent", "chip", "kind"),
    [
        (0, 0, "", "ok"),
        (79, 79, "", "ok"),
        (80, 80, "80 % used", "soon"),
        (99, 99, "99 % used", "soon"),
        (100, 100, "Used up", "broken"),
        (140, 100, "Used up", "broken"),
    ],
)
def test_alarm_comes_at_four_fifths_and_at_the_cap(used: int, percent: int, chip: str, kind: str) -> None:
    shown = gauge(100, used)
    assert (shown.percent, shown.chip, shown.chip_kind) == (percent, chip, kind)


def test_used_left_and_reset_are_said() -> None:
    assert gauge(10_000, 1_200).words == "1,200 of 10,000 used, 8,800 left; anew at 16:00 UTC"
    without = gauge(None, 1_200)
    assert (without.words, without.has_limit) == ("1,200 used, no limit; anew at 16:00 UTC", False)


def test_form_shows_and_reads_the_same() -> None:
    shown = shown_values(limit(5_000, 0))
    assert shown == {"per_minute": "5000", "per_hour": "5000", "per_day": "5000", "excess": "drop"}
    assert read_draft(shown) == LimitDraft(group="all", per_minute=5_000, per_hour=5_000, per_day=5_000, excess="drop")
    assert read_draft({"per_hour": " 1,000 ", "per_day": ""}) == LimitDraft(group="all", per_hour=1_000)
    assert [value for value, _ in EXCESSES] == list(Excess)


@pytest.mark.parametrize("typed", ["many", "-1", "1.5", "٣", "9" * 30])
def test_what_is_no_number_is_refused_beside_its_field(typed: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_draft({"per_day": typed})
    assert field_of(caught.value) == "per_day"


def test_what_the_service_refuses_is_shown_beside_its_field() -> None:
    assert field_of(InvalidInput("Enter a number.", field="all.per_hour")) == "per_hour"
