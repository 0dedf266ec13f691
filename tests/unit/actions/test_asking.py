"""What an agent gives: read field by field, and kept as the database can hold it."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from services.actions.asking import MAX_INPUT_CHARACTERS, read_input, storable
from services.provider_kit.contract import Action, ActionResult, ActionRisk


class Meeting(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str = Field(min_length=1)
    starts_at: datetime
    guests: tuple[str, ...] = ()


BOOK = Action(
    name="book_meeting",
    label="Book a meeting",
    description="Books a meeting.",
    risk=ActionRisk.WRITES,
    input=Meeting,
    describe=lambda given: given.title,
    run=lambda client, given, context: ActionResult(output={}, said=""),
)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ('{"starts_at": "2026-11-20T10:00:00Z"}', "title: Field required"),
        ('{"title": "", "starts_at": "2026-11-20T10:00:00Z"}', "title: String should have at least 1 character"),
        ('{"title": "Kick-off", "starts_at": "soon"}', "starts_at: Input should be a valid datetime"),
        ('{"title": "x", "starts_at": "2026-11-20T10:00:00Z", "guests": [1]}', "guests.0: Input should be a valid"),
        ('{"title": "x", "starts_at": "2026-11-20T10:00:00Z", "calendar": "boss"}', "calendar: Extra inputs"),
        ("{broken", "arguments: Invalid JSON"),
        ("[]", "arguments: Input should be an object"),
        ("", "title: Field required"),
        (" " * (MAX_INPUT_CHARACTERS + 1), "Shorten them"),
    ],
)
def test_what_is_wrong_names_its_field(arguments: str, says: str) -> None:
    given, wrong = read_input(BOOK, arguments)
    assert given is None and says in wrong


def test_stored_input_is_read_as_it_was_given() -> None:
    first, _ = read_input(BOOK, '{"title": "Kick-off", "starts_at": "2026-11-20T10:00:00+01:00", "guests": ["a"]}')
    assert first is not None
    again, wrong = read_input(BOOK, first.model_dump(mode="json"))
    assert (again, wrong) == (first, "")


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_nothing_that_the_database_refuses_is_kept(value: object) -> None:
    said = repr(storable(value))
    assert "\\x00" not in said
    assert storable(storable(value)) == storable(value)


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert storable({"a\x00": ["b\ud83d", 1, None, True]}) == {"a": ["b?", 1, None, True]}
