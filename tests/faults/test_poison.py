"""What kills every worker that touches it is put aside after a few attempts, and a person is told."""

from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import text, update
from sqlmodel import col

from models import Conversation, Turn
from services.agents.playbook import PlaybookRunner
from services.conversations import list_conversations
from services.kernel.settings import Settings
from services.turns.machine import MOST_CUT_OFF
from tests.support.line import Line, running_line

QUESTION = "What are your opening hours?"


class Killed(BaseException):
    """Stands for kill -9: nothing catches it, nothing is tidied up."""


@pytest.fixture
def line(settings: Settings, tmp_path: Path) -> Generator[Line]:
    """Webhook door, sandbox, and a worker on demand."""
    with running_line(settings, tmp_path) as running:
        yield running


def let_leases_run_out(line: Line) -> None:
    """Let the time pass in which a dead worker still counts as alive."""
    with line.kernel.unscoped_session("test") as session:
        for model in (Conversation, Turn):
            held = col(model.lease_until).is_not(None)
            session.exec(update(model).where(held).values(lease_until=text("now() - interval '1 s'")))


def test_a_turn_that_kills_its_workers_ends_in_a_persons_hands(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = line.open_shop("Northwind")
    deaths = 0

    def die(*_: object, **__: object) -> None:
        nonlocal deaths
        deaths += 1
        raise Killed

    written = line.sandbox.sms(QUESTION, to=shop.number)
    line.sandbox.wait_for_webhooks(*written.event_ids)
    monkeypatch.setattr(PlaybookRunner, "answer_many", die)
    for _ in range(MOST_CUT_OFF + 2):
        try:
            line.work(with_sweep=True)
        except Killed:
            let_leases_run_out(line)
    assert deaths == MOST_CUT_OFF
    [conversation] = list_conversations(line.kernel, actor=shop.actor, state="waiting").items
    assert "a person is needed" in conversation.state_reason
    assert line.work(with_sweep=True) == 0
