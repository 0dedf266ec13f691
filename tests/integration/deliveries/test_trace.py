"""The trace says what a message waited for and how long, long after it has left."""

from datetime import timedelta
from uuid import UUID

from sqlmodel import col, select, update

from models import MessageWait
from services.limits import LimitDraft, set_agent_limits
from services.traces import TraceView, get_trace
from tests.integration.deliveries.conftest import Log


def trace(log: Log, trace_id: UUID) -> TraceView:
    """Return a message's whole way."""
    return get_trace(log.line.kernel, actor=log.actor, trace_id=trace_id)


def limit(log: Log, per_day: int) -> None:
    """Let the agent send so many text messages a day."""
    draft = LimitDraft(group="sms", per_day=per_day, excess="wait")
    set_agent_limits(log.line.kernel, actor=log.actor, agent_id=log.shop.agent.id, drafts=[draft])


def test_limit_that_held_an_answer_back_stands_in_its_trace(log: Log) -> None:
    limit(log, 1)
    log.answer()
    log.answer()
    held = log.sms()[0].trace_id
    waiting = next(step for step in trace(log, held).steps if step.title == "Held back by a limit")
    assert (waiting.status, waiting.took_ms) == ("waiting", None)
    assert "a day" in waiting.detail
    assert not trace(log, held).is_finished

    log.make_due()
    log.line.work(with_sweep=True)
    with log.line.kernel.unscoped_session("test") as session:
        assert len(session.exec(select(MessageWait)).all()) == 1, "the same wait is noted once, however often it is met"
        earlier = waiting.at - timedelta(minutes=5)
        session.exec(update(MessageWait).where(col(MessageWait.trace_id) == held).values(began_at=earlier))

    limit(log, 100)
    log.make_due()
    log.line.work(with_sweep=True)
    assert log.answers() == 2
    over = next(step for step in trace(log, held).steps if step.title == "Held back by a limit")
    assert over.status == "info" and over.took_ms is not None and over.took_ms >= 300_000


def test_steps_that_last_say_how_long(log: Log) -> None:
    log.answer()
    [done] = log.sms()
    took = {step.title: step.took_ms for step in trace(log, done.trace_id).steps}
    lasting = [title for title, value in took.items() if value is not None]
    assert any(title.startswith("Received from") for title in lasting)
    assert any(title.startswith("Answered by") for title in lasting)
    assert any(title.startswith("Accepted by") for title in lasting)
    assert all(value is None or value >= 0 for value in took.values())
