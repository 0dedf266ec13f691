"""What may be claimed beside what has begun: a connection is worked on by one worker, in the order of arrival."""

import pytest

from services.kernel.ids import new_id
from services.webhooks.claiming import Begun, plan

ONE, OTHER = new_id(), new_id()


def begun(connection_id: object = ONE, *, is_free: bool, cut_offs: int = 0) -> Begun:
    """Return a delivery whose last attempt has not ended."""
    assert connection_id in (ONE, OTHER)
    return Begun(new_id(), ONE if connection_id == ONE else OTHER, cut_offs, is_free)


def test_nothing_has_begun() -> None:
    assert (plan([]).cut_off, plan([]).held, plan([]).behind) == (None, frozenset(), frozenset())


def test_what_a_worker_is_at_holds_its_connection() -> None:
    found = plan([begun(is_free=False)])
    assert (found.cut_off, found.held, found.behind) == (None, {ONE}, {ONE})


def test_what_was_cut_off_comes_before_what_is_new_of_its_connection() -> None:
    first, second, third = begun(is_free=True), begun(is_free=True), begun(OTHER, is_free=True)
    found = plan([first, second, third])
    assert (found.cut_off, found.held, found.behind) == (first, frozenset(), {ONE, OTHER})


def test_what_was_cut_off_waits_while_a_worker_is_at_its_connection() -> None:
    other = begun(OTHER, is_free=True)
    found = plan([begun(is_free=True), begun(is_free=False), other])
    assert (found.cut_off, found.held) == (other, {ONE})


@pytest.mark.parametrize("is_free", [True, False])
def test_a_killer_holds_its_connection_up_only_twice(is_free: bool) -> None:
    assert plan([begun(is_free=is_free, cut_offs=1)]).behind == {ONE}
    assert plan([begun(is_free=is_free, cut_offs=2)]).behind == frozenset()
