"""What the limits' part of an agent's settings shows, and what it makes of what was typed."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app.pages.agent_settings.limits import (
    EXCESSES,
    GROUPS,
    company_words,
    field_of,
    read_drafts,
    shown_values,
    used_words,
)
from models import Excess
from services.kernel.errors import InvalidInput
from services.limits import AgentLimitsView, LimitDraft, LimitView, LimitWindowView
from services.limits.rules import AGENT_GROUPS, LABELS

RESET = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)


def view(group: str, most: int | None) -> LimitView:
    windows = tuple(
        LimitWindowView(
            span=span, most=most, used=1_200, left=None if most is None else max(0, most - 1_200), resets_at=RESET
        )
        for span in ("minute", "hour", "day")
    )
    return LimitView(group=group, label=group, excess="drop", is_default=False, windows=windows)


def test_form_offers_all_that_there_is() -> None:
    assert dict(GROUPS) == {group.value: LABELS[group] for group in AGENT_GROUPS}
    assert [value for value, _ in EXCESSES] == list(Excess)


def test_values_and_use_stand_beside_one_another() -> None:
    shown = AgentLimitsView(
        agent_id=uuid4(), limits=(view("sms", 2_000), view("email", None)), company=view("all", 5_000)
    )
    values, used = shown_values(shown), used_words(shown)
    assert (values["sms_per_hour"], values["sms_excess"], values["email_per_day"]) == ("2000", "drop", "")
    assert used["sms_per_hour"] == "1,200 used, 800 left; anew at 16:00 UTC"
    assert used["email_per_day"] == "1,200 used; anew at 16:00 UTC"
    assert company_words(shown.company).startswith("All agents together: 5,000 a minute, 1,200 used; 5,000 an hour")
    assert company_words(view("all", None)) == "All agents together: no limit."


def test_what_was_typed_is_read() -> None:
    drafts = read_drafts({"sms_per_hour": " 1,000 ", "sms_per_day": "", "sms_excess": "hand_over"})
    assert LimitDraft(group="sms", per_hour=1_000, excess="hand_over") in drafts
    assert len(drafts) == len(GROUPS)


@pytest.mark.parametrize("typed", ["many", "-1", "1.5", "٣", "9" * 30])
def test_what_is_no_number_is_refused_beside_its_field(typed: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_drafts({"sms_per_hour": typed})
    assert field_of(caught.value) == "sms_per_hour"


def test_what_the_service_refuses_is_shown_beside_its_field() -> None:
    assert field_of(InvalidInput("Enter a number.", field="sms.per_hour")) == "sms_per_hour"
