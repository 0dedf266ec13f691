"""Alarms about limits: owners are told once, in time, and see when the cap is reached, whatever Redis forgets."""

from sqlmodel import select

from models import HealthNotice
from services.health import add_notice_target, list_findings
from services.limits import get_agent_limits, get_company_limit
from tests.integration.limits.test_sending import ask, limit, wipe
from tests.support.line import CHANNEL, Line, Shop


def told(line: Line) -> list[str]:
    """Return what owners were told, in order; the sweeper has looked, more often than needed."""
    for _ in range(2):
        line.work(with_sweep=True)
    with line.kernel.unscoped_session("test") as session:
        return [row.text for row in sorted(session.exec(select(HealthNotice)), key=lambda row: row.id)]


def test_owners_are_told_once_at_four_fifths_and_see_when_the_cap_is_reached(line: Line, shop: Shop) -> None:
    add_notice_target(line.kernel, actor=shop.actor, connection_id=shop.slack.id, channel_id=CHANNEL, label="#ops")
    limit(line, shop, per_day=5, excess="drop")
    counts: list[int] = []
    severities: list[str] = []
    for _ in range(6):
        ask(line, shop)
        wipe(line)
        counts.append(len(told(line)))
        severities.append(next((item.severity for item in list_findings(line.kernel, actor=shop.actor)), ""))
    assert counts == [0, 0, 0, 1, 1, 1]
    assert severities == ["", "", "", "warning", "error", "error"]
    assert "4 are used of the limit of 5 a day for Bri on SMS" in told(line)[0]
    assert len(line.sandbox.answers(service="slack", channel=CHANNEL)) == 1


def test_used_and_left_are_right_after_redis_forgot(line: Line, shop: Shop) -> None:
    limit(line, shop, per_day=5)
    for _ in range(2):
        ask(line, shop)
        wipe(line)
    agent = get_agent_limits(line.kernel, actor=shop.actor, agent_id=shop.agent.id)
    day = next(item for item in agent.limits if item.group == "sms").windows[2]
    assert (day.span, day.used, day.left) == ("day", 2, 3)
    assert get_company_limit(line.kernel, actor=shop.actor).windows[2].used == 2
    assert (day.resets_at.hour, day.resets_at.minute) == (0, 0)
