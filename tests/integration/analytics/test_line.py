"""The line leaves behind what analytics counts: answers, and hand-overs by the agent or by its limit."""

from collections.abc import Generator
from pathlib import Path

import pytest

from models import Excess
from services.analytics import NumbersView, get_analytics
from services.kernel.settings import Settings
from services.limits import LimitDraft, set_agent_limits
from tests.support.line import Line, Shop, running_line

HOURS = "what are your opening hours"


@pytest.fixture
def line(settings: Settings, tmp_path: Path) -> Generator[Line]:
    with running_line(settings, tmp_path) as running:
        yield running


@pytest.fixture
def shop(line: Line) -> Shop:
    return line.open_shop("Northwind")


def write(line: Line, shop: Shop, words: str, *, sender: str = "+14155550142") -> None:
    """Let a contact write, and do all the work."""
    line.settle(*line.sandbox.sms(words, to=shop.number, sender=sender).event_ids)
    line.work()


def numbers(line: Line, shop: Shop) -> NumbersView:
    return get_analytics(line.kernel, actor=shop.actor, span="24h").total.numbers


def test_answer_hand_over_and_silence_are_told_apart(line: Line, shop: Shop) -> None:
    write(line, shop, HOURS)
    found = numbers(line, shop)
    assert (found.inbound, found.asked, found.answered, found.handed_over, found.failed) == (1, 1, 1, 0, 0)
    assert found.p50_ms is not None and found.p50_ms >= 0
    write(line, shop, "Can you paint my boat?")
    found = numbers(line, shop)
    assert (found.inbound, found.asked, found.answered, found.handed_over) == (2, 2, 2, 1)
    write(line, shop, HOURS)  # a person is waited for: the agent is silent
    found = numbers(line, shop)
    assert (found.inbound, found.asked, found.answered, found.handed_over) == (3, 2, 2, 1)


def test_hand_over_by_a_limit_counts_for_the_message_it_came_of(line: Line, shop: Shop) -> None:
    drafts = [LimitDraft(group="sms", per_day=1, excess=Excess.HAND_OVER)]
    set_agent_limits(line.kernel, actor=shop.actor, agent_id=shop.agent.id, drafts=drafts)
    for sender in ("+14155550142", "+14155550143"):
        write(line, shop, HOURS, sender=sender)
    found = numbers(line, shop)
    assert (found.asked, found.answered, found.failed, found.handed_over) == (2, 1, 1, 1)
