"""Alarms about limits: owners are told once, in time, and see when the cap is reached, whatever Redis forgets."""

import pytest
from sqlalchemy import text, update
from sqlmodel import col, select

from models import Connection, HealthFinding, HealthNotice, LimitAlarm, LimitGroup, Message
from services.health import add_notice_target, list_findings
from services.limits import (
    Leaving,
    LimitDraft,
    get_agent_limits,
    get_company_limit,
    let_through,
    set_company_limit,
    with_counts,
)
from tests.integration.limits.test_sending import ask, limit, wipe
from tests.support.line import CHANNEL, Line, Shop


def told(line: Line) -> list[str]:
    """Return what owners were told, in order; the sweeper has looked, more often than needed."""
    for _ in range(2):
        line.work(with_sweep=True)
    with line.kernel.unscoped_session("test") as session:
        return [row.text for row in sorted(session.exec(select(HealthNotice)), key=lambda row: row.id)]


def a_day_passes(line: Line, shop: Shop) -> None:
    """Let what was counted be yesterday's, and what was told as well."""
    yesterday = text("interval '1 day'")
    with line.kernel.unscoped_session("test moves the database's time") as session:
        for model, columns in (
            (Message, ("counted_at",)),
            (LimitAlarm, ("raised_at", "resets_at")),
            (HealthFinding, ("since",)),
        ):
            values = {name: getattr(model, name) - yesterday for name in columns}
            session.exec(update(model).where(col(model.tenant_id) == shop.actor.tenant_id).values(**values))
    wipe(line)


def said(line: Line) -> list[str]:
    """Return what owners were told of limits: the number that is used, or the time until which they are used up."""
    return [
        "reached" if "The limit is used up until" in words else "four fifths" for words in told(line) if "used" in words
    ]


def tell_owners(line: Line, shop: Shop) -> None:
    add_notice_target(line.kernel, actor=shop.actor, connection_id=shop.slack.id, channel_id=CHANNEL, label="#ops")


def test_owners_are_told_once_at_four_fifths_and_once_at_the_cap(line: Line, shop: Shop) -> None:
    tell_owners(line, shop)
    limit(line, shop, per_day=5, excess="drop")
    counts: list[int] = []
    severities: list[str] = []
    for _ in range(6):
        ask(line, shop)
        wipe(line)
        counts.append(len(told(line)))
        severities.append(next((item.severity for item in list_findings(line.kernel, actor=shop.actor)), ""))
    assert counts == [0, 0, 0, 1, 2, 2]
    assert severities == ["", "", "", "warning", "error", "error"]
    warning, reached = told(line)
    assert "4 are used of the limit of 5 a day for Bri on SMS" in warning
    assert "The limit is used up until" in reached
    assert len(line.sandbox.answers(service="slack", channel=CHANNEL)) == 2


def test_owners_are_told_again_in_the_next_window(line: Line, shop: Shop) -> None:
    tell_owners(line, shop)
    limit(line, shop, per_day=5, excess="drop")
    for day in range(1, 3):
        for _ in range(4):
            ask(line, shop)
        assert said(line) == ["four fifths"] * day
        a_day_passes(line, shop)


def test_lowering_a_limit_below_what_is_used_is_told(line: Line, shop: Shop) -> None:
    tell_owners(line, shop)
    for _ in range(3):
        ask(line, shop)
    assert told(line) == []
    limit(line, shop, per_day=2, excess="drop")
    assert said(line) == ["reached"]
    [finding] = list_findings(line.kernel, actor=shop.actor)
    assert (finding.code, finding.severity) == ("limit_used", "error")
    limit(line, shop, per_day=2, excess="wait")
    assert len(said(line)) <= 2
    draft = LimitDraft(group="all", per_day=3, excess="drop")
    set_company_limit(line.kernel, actor=shop.actor, draft=draft)
    assert "3 a day for all agents together" in " ".join(told(line))


class Interrupted(Exception):
    """The transaction ends here."""


def test_what_was_counted_in_vain_hides_no_alarm(line: Line, shop: Shop) -> None:
    """Redis has counted the eighth of ten, whose transaction was rolled back with its alarm; the ninth raises it."""
    limit(line, shop, per_day=10)
    tenant_id = shop.actor.tenant_id

    def leave(*, fails: bool = False) -> None:
        with line.kernel.unit_of_work(tenant_id) as work:
            connection = work.session.get(Connection, {"tenant_id": tenant_id, "id": shop.twilio.id})
            assert connection is not None
            leaving = Leaving(connection=connection, agent_id=shop.agent.id, group=LimitGroup.SMS)
            let_through(line.kernel, work, leaving)
            if fails:
                raise Interrupted

    with_counts(line.kernel, tenant_id=tenant_id, attempt=leave)
    for _ in range(6):
        leave()
    with pytest.raises(Interrupted):
        leave(fails=True)
    assert list_findings(line.kernel, actor=shop.actor) == ()
    leave()
    [finding] = list_findings(line.kernel, actor=shop.actor)
    assert finding.what.startswith("9 are used of the limit of 10 a day for Bri on SMS")


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
