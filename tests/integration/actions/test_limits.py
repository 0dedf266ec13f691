"""How much an agent may do: what is over it waits, is handed over to a person's decision, or is not done."""

import pytest

from models import GrantMode
from services.actions import approve
from services.limits import LimitDraft, get_agent_limits, set_agent_limits
from tests.integration.actions.conftest import Desk, posting


def one_a_day(desk: Desk, *, excess: str, per_day: int = 1) -> None:
    """Limit the agent's actions."""
    draft = LimitDraft(group="actions", per_day=per_day, excess=excess)
    set_agent_limits(desk.line.kernel, actor=desk.shop.actor, agent_id=desk.shop.agent.id, drafts=[draft])


def act_twice(desk: Desk) -> None:
    """Let the contact ask twice for what the agent does by an action."""
    desk.grant("post_message", GrantMode.ALLOWED)
    for words in ("First.", "Second."):
        desk.script(posting(words), "Let me see.")
        desk.write(words)


@pytest.mark.parametrize(
    ("excess", "state", "code"),
    [
        ("wait", "queued", "waits_for_limit"),
        ("hand_over", "awaiting_approval", "limit_handed_over"),
        ("drop", "failed", "limit_dropped"),
    ],
)
def test_what_is_over_the_limit_is_not_done(desk: Desk, excess: str, state: str, code: str) -> None:
    one_a_day(desk, excess=excess)
    act_twice(desk)
    assert [post.text for post in desk.posts()] == ["First."]
    first, second = desk.runs()
    assert first.state == "succeeded"
    assert (second.state, second.error_code) == (state, code)
    assert "1 a day for Bri for actions; next at " in second.said


def test_what_waits_is_done_once_there_is_room(desk: Desk) -> None:
    one_a_day(desk, excess="wait")
    act_twice(desk)
    one_a_day(desk, excess="wait", per_day=2)
    desk.line.work(with_sweep=True)
    assert [post.text for post in desk.posts()] == ["First.", "Second."]


def test_what_was_handed_over_is_done_if_a_person_says_so_and_counts_for_no_agent(desk: Desk) -> None:
    one_a_day(desk, excess="hand_over")
    act_twice(desk)
    approve(desk.line.kernel, actor=desk.shop.actor, run_id=desk.runs()[1].id)
    desk.line.work()
    assert [post.text for post in desk.posts()] == ["First.", "Second."]
    view = get_agent_limits(desk.line.kernel, actor=desk.shop.actor, agent_id=desk.shop.agent.id)
    [day] = [limit.windows[2] for limit in view.limits if limit.group == "actions"]
    assert (day.used, day.left) == (1, 0)
