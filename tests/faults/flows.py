"""F13 to F17 and F24: what comes in, and what is answered to it, is other than it should be."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from services import connections, limits
from services.limits import AlarmView, LimitDraft, LimitView
from tests.faults.events import in_another_time
from tests.faults.providers import answer_others
from tests.faults.rig import PATIENCE, Rig
from tests.faults.tenants import Tenant, connect
from tests.support.product import eventually

_SKEWS = {-297: 200, 297: 200, -303: 401, 303: 401}
"""Seconds that the sender's clock is wrong by → what it is told. Five minutes are the limit; a request takes time."""
_WINDOW = 50
_POISON_ATTEMPTS = {"raise": 5, "die": 3, "loop": 3}
"""What a message does to whoever reads it → after how many attempts it is put aside."""


def double(rig: Rig) -> None:
    """F13: each event one to five times at once, and again when all is long done."""
    pages = rig.ask(60)
    rig.sender.send_again(page.event for page in pages for _ in range(rig.rng.randrange(5)))
    rig.recovers(within=30)
    rig.sender.send_again(page.event for page in pages)
    rig.recovers(within=30)
    assert rig.statuses().keys() == {200}


def reorder(rig: Rig) -> None:
    """F14: windows of 50 in any order, edits and deletions before what they are about."""
    for _ in rig.rounds(quick=1, whole=6):
        questions = [rig.contacts.ask() for _ in range(_WINDOW - 10)]
        later = [rig.contacts.about(event) for event in questions if event.provider == "slack"][:10]
        window = [*questions, *later]
        rig.rng.shuffle(window)
        rig.forgiven |= {event.message for event in later}
        rig.sender.send(window)
        rig.recovers(within=30)


def skew_clocks(rig: Rig) -> None:
    """F15: signatures of another time, a worker that is ten minutes ahead, and one that is an hour late."""
    for seconds, expected in _SKEWS.items():
        event = in_another_time(rig.contacts.ask(provider="slack"), seconds=seconds)
        status = rig.sender.post(event).status
        assert status == expected, f"{seconds} s: {status}"
    workers = [
        rig.product.spawn_command("worker", "--number", name, environment={"RIG_CLOCK_SECONDS": skew})
        for name, skew in (("8", "600"), ("9", "-3600"))
    ]
    try:
        with rig.load():
            rig.ask(40)
            for _ in range(3):
                rig.await_answered()
        rig.recovers(within=30)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(timeout=20)


def revoke_access(rig: Rig) -> None:
    """F16: the provider refuses the token in the midst of the work; what waits leaves once it is connected again."""
    *others, tenant = rig.tenants
    known = _losses(rig, tenant)
    rig.product.sandbox.fail("slack", "401", method="chat.postMessage", count=1_000)
    rig.ask(10, tenant=tenant, provider="slack")
    rig.recovers(within=30, what="a connection that waits", done=lambda: _status(rig, tenant) == "needs_reauth")
    rig.ask(5, tenant=tenant, provider="slack")
    answer_others(rig, others)
    rig.product.sandbox.control("faults/clear", {})
    company = tenant.company
    keys = {"bot_token": company.bot_token, "signing_secret": company.app.signing_secret}
    connect(rig.kernel, tenant.actor, "slack", keys, agent_id=tenant.shop.agent.id)
    rig.recovers(within=10)
    assert _status(rig, tenant) == "active"
    assert _losses(rig, tenant) == known + 1, "it was said more than once"


def _status(rig: Rig, tenant: Tenant) -> str:
    return connections.get_connection(rig.kernel, actor=tenant.actor, connection_id=tenant.shop.slack.id).status


def _losses(rig: Rig, tenant: Tenant) -> int:
    history = connections.list_transitions(rig.kernel, actor=tenant.actor, connection_id=tenant.shop.slack.id)
    return sum(item.to_status == "needs_reauth" for item in history.items)


def poison(rig: Rig) -> None:
    """F17: a message that fails, kills or never lets go whoever reads it; it is put aside, the others are answered."""
    *others, tenant = rig.tenants
    for act, attempts in _POISON_ATTEMPTS.items():
        event = rig.contacts.by_phone(tenant, text=f"poison: {act}")
        rig.forgiven.add(event.message)
        begin = rig.product.log_size()
        rig.sender.send([event])
        answer_others(rig, others)
        rig.recovers(within=60, what="a dead letter", done=lambda event=event: rig.is_dead(event.message))
        answer_others(rig, [tenant, *others])
        found = rig.records.attempts_at(event.message)
        assert found == attempts, f"poison: {act} was tried {found} times"
        deaths = rig.product.said(begin).count(b"supervisor.child.died")
        assert deaths == (attempts if act == "die" else 0), f"poison: {act} took {deaths} workers, one at a time"


def storm(rig: Rig) -> None:
    """F24: two machines that answer one another; it ends at the limit, and the tenant is told."""
    tenant = rig.tenants[4]
    most = 15
    before = limits.get_agent_limits(rig.kernel, actor=tenant.actor, agent_id=tenant.shop.agent.id).limits
    wide = [_draft(item) for item in before]
    used = next(item.windows[1].used for item in before if item.group == "sms")
    narrow = [replace(item, per_hour=used + most, excess="drop") if item.group == "sms" else item for item in wide]
    limits.set_agent_limits(rig.kernel, actor=tenant.actor, agent_id=tenant.shop.agent.id, drafts=narrow)
    try:
        asked = _converse(rig, tenant, most=most + 10)
        rig.recovers(within=60)
        told = [item for item in rig.seen() if item.place.provider == "twilio"]
        assert len(told) <= most < asked, f"{len(told)} answers to {asked} messages"
        assert _alarms(rig, tenant), "nobody was told"
    finally:
        limits.set_agent_limits(rig.kernel, actor=tenant.actor, agent_id=tenant.shop.agent.id, drafts=wide)


def _draft(view: LimitView) -> LimitDraft:
    minute, hour, day = (item.most for item in view.windows)
    return LimitDraft(group=view.group, per_minute=minute, per_hour=hour, per_day=day, excess=view.excess)


def _alarms(rig: Rig, tenant: Tenant) -> Mapping[UUID, Sequence[AlarmView]]:
    with rig.kernel.unit_of_work(tenant.actor.tenant_id) as work:
        return limits.list_alarms(work, [tenant.shop.twilio.id], now=rig.kernel.clock.now())


def _converse(rig: Rig, tenant: Tenant, *, most: int) -> int:
    """Ask, and ask again as soon as there is an answer; return how often."""
    for place in range(most):
        event = rig.contacts.by_phone(tenant, caller="+14155559999")
        rig.forgiven.add(event.message)
        rig.sender.send([event])
        goal = place + 1
        if not _comes_true(lambda goal=goal: len(rig.seen()) >= goal, seconds=5 * PATIENCE):
            return goal
    return most


def _comes_true(condition: Callable[[], bool], *, seconds: float) -> bool:
    try:
        eventually(condition, what="", seconds=seconds)
    except AssertionError:
        return False
    return True
