"""Cursors name a place in a list, and nothing else is taken for one."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.kernel.errors import InvalidInput
from services.kernel.ids import new_id
from services.kernel.paging import read_id, read_key, read_time, write_key


def test_a_cursor_comes_back_as_it_was() -> None:
    row, at = new_id(), datetime(2026, 11, 20, 12, 30, 1, 5, tzinfo=UTC)
    assert read_time(write_key(row, at)) == (at, row)
    assert read_key(write_key(row, "#a|b – ü")) == ("#a|b – ü", row)
    assert read_id(str(row)) == row


def test_the_first_page_has_none() -> None:
    assert read_id("") is read_key("") is read_time("") is None


@pytest.mark.parametrize("cursor", ["x", "ünicode", "AAAA", "fA==", str(UUID(int=1))[:-1], "YWJjfGRlZg=="])
def test_anything_else_is_refused_by_its_field(cursor: str) -> None:
    for read in (read_id, read_key, read_time):
        with pytest.raises(InvalidInput) as refused:
            read(cursor)
        assert refused.value.field == "cursor"


def test_a_name_is_no_time() -> None:
    with pytest.raises(InvalidInput):
        read_time(write_key(new_id(), "general"))
