"""Limits where messages leave: what is over them waits, is handed over or dropped; people are not limited."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import cast
from uuid import UUID

import pytest
from redis import Redis

from models import Author, Conversation, Message
from services.conversations import (
    ConversationView,
    MessageView,
    add_reply,
    get_thread,
    list_conversations,
    reply,
    take_over,
)
from services.health import list_findings
from services.kernel.db import Wake
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel, build_kernel
from services.kernel.leases import in_seconds
from services.kernel.limiter import RedisLimiter
from services.limits import (
    WAITS_FOR_LIMIT,
    WAITS_FOR_PACE,
    LimitDraft,
    get_agent_limits,
    get_company_limit,
    set_agent_limits,
    set_company_limit,
)
from services.sending import send_due
from tests.support.line import Line, Shop

ASKED = "When is the payout?"
ANSWER = "The payout goes out every Friday."


def limit(line: Line, shop: Shop, *, excess: str = "wait", per_day: int = 1) -> None:
    """Let the agent send so many text messages a day."""
    draft = LimitDraft(group="sms", per_day=per_day, excess=excess)
    set_agent_limits(line.kernel, actor=shop.actor, agent_id=shop.agent.id, drafts=[draft])


def ask(line: Line, shop: Shop) -> None:
    """Let the contact ask by text message, and the line do its work."""
    line.settle(*line.sandbox.sms(ASKED, to=shop.number).event_ids)


def conversation(line: Line, shop: Shop) -> ConversationView:
    [found] = list_conversations(line.kernel, actor=shop.actor, state="all").items
    return found


def answers(line: Line, shop: Shop) -> list[MessageView]:
    thread = get_thread(line.kernel, actor=shop.actor, conversation_id=conversation(line, shop).id)
    return [message for message in thread.messages if message.direction == "outbound"]


def wipe(line: Line) -> None:
    """Let Redis forget everything, as a restart without its file does."""
    redis = Redis.from_url(line.kernel.settings.redis_url)
    for key in cast(Iterator[bytes], redis.scan_iter(count=1000)):
        redis.unlink(key)


def test_what_is_over_waits_and_says_for_what_and_until_when(line: Line, shop: Shop) -> None:
    limit(line, shop)
    ask(line, shop)
    ask(line, shop)
    first, second = answers(line, shop)
    assert first.state in {"sent", "delivered"}
    assert (second.state, second.error_code) == ("queued", WAITS_FOR_LIMIT)
    assert second.error_text.startswith("Waits for the limit: 1 a day for Bri on SMS; next at ")
    assert second.error_text.endswith("00:00 UTC.")
    assert len(line.sandbox.answers(service="twilio")) == 1
    assert conversation(line, shop).state == "agent"


def test_a_waiting_message_leaves_once_the_limit_is_raised(line: Line, shop: Shop) -> None:
    limit(line, shop)
    ask(line, shop)
    ask(line, shop)
    line.work(with_sweep=True)
    assert len(line.sandbox.answers(service="twilio")) == 1, "its time has not come"
    limit(line, shop, per_day=2)
    line.work(with_sweep=True)
    assert len(line.sandbox.answers(service="twilio")) == 2


def test_what_is_over_is_handed_over(line: Line, shop: Shop) -> None:
    limit(line, shop, excess="hand_over")
    ask(line, shop)
    ask(line, shop)
    [_, second] = answers(line, shop)
    assert (second.state, second.error_code) == ("failed", "limit_handed_over")
    found = conversation(line, shop)
    assert found.state == "waiting"
    assert found.state_reason.startswith("Handed over: the agent's limit is used up (1 a day for Bri on SMS; next at ")
    assert len(line.sandbox.answers(service="twilio")) == 1


def test_what_is_over_is_dropped_with_notice(line: Line, shop: Shop) -> None:
    limit(line, shop, excess="drop")
    ask(line, shop)
    ask(line, shop)
    [_, second] = answers(line, shop)
    assert (second.state, second.error_code) == ("failed", "limit_dropped")
    assert second.error_text.startswith("Not sent. The limit: 1 a day for Bri on SMS; next at ")
    assert conversation(line, shop).state == "agent"
    assert len(line.sandbox.answers(service="twilio")) == 1


def test_a_persons_reply_is_not_limited_and_does_not_stay_behind_what_waits(line: Line, shop: Shop) -> None:
    limit(line, shop)
    ask(line, shop)
    ask(line, shop)
    found = conversation(line, shop)
    take_over(line.kernel, actor=shop.actor, conversation_id=found.id)
    reply(line.kernel, actor=shop.actor, conversation_id=found.id, text="Ana here.", idempotency_key="1")
    line.work()
    assert [item.text for item in line.sandbox.answers(service="twilio")] == [ANSWER, "Ana here."]
    limits = get_agent_limits(line.kernel, actor=shop.actor, agent_id=shop.agent.id)
    [day] = [view.windows[2] for view in limits.limits if view.group == "sms"]
    assert (day.used, day.left) == (1, 0)


def test_an_answer_that_waited_until_a_person_took_over_is_not_sent_after_theirs(line: Line, shop: Shop) -> None:
    limit(line, shop)
    ask(line, shop)
    ask(line, shop)
    take_over(line.kernel, actor=shop.actor, conversation_id=conversation(line, shop).id)
    limit(line, shop, per_day=5)
    line.work(with_sweep=True)
    [_, second] = answers(line, shop)
    assert (second.state, second.error_code) == ("failed", "limit_overtaken")
    assert len(line.sandbox.answers(service="twilio")) == 1


def test_all_agents_together_have_a_limit_too(line: Line, shop: Shop) -> None:
    set_company_limit(line.kernel, actor=shop.actor, draft=LimitDraft(group="all", per_hour=1, excess="drop"))
    ask(line, shop)
    ask(line, shop)
    [_, second] = answers(line, shop)
    assert "1 an hour for all agents together on all channels" in second.error_text
    company = get_company_limit(line.kernel, actor=shop.actor)
    assert (company.windows[1].used, company.windows[1].left, company.is_default) == (1, 0, False)


def test_owners_see_at_four_fifths_and_at_the_end_how_much_is_used(line: Line, shop: Shop) -> None:
    limit(line, shop, per_day=5)
    for number in range(5):
        assert _severity(line, shop) == ("warning" if number == 4 else ""), number
        ask(line, shop)
    assert _severity(line, shop) == "error"
    [finding] = list_findings(line.kernel, actor=shop.actor)
    assert (finding.connection_id, finding.repair.act) == (shop.twilio.id, "change_limit")
    assert "5 a day for Bri on SMS" in finding.what
    limit(line, shop, per_day=50)
    assert _severity(line, shop) == ""


def test_wiped_redis_changes_nothing(line: Line, shop: Shop) -> None:
    limit(line, shop, excess="drop", per_day=2)
    ask(line, shop)
    wipe(line)
    ask(line, shop)
    wipe(line)
    ask(line, shop)
    assert [message.error_code for message in answers(line, shop)] == ["", "", "limit_dropped"]


def test_a_retry_does_not_count_again(line: Line, shop: Shop) -> None:
    limit(line, shop, excess="drop")
    line.sandbox.fail("twilio", "503")
    ask(line, shop)
    [first] = answers(line, shop)
    assert first.state != "failed"
    _make_due(line, shop)
    line.work(with_sweep=True)
    assert len(line.sandbox.answers(service="twilio")) == 1


def test_redis_away_puts_off_and_nothing_is_lost(line: Line, shop: Shop) -> None:
    ask(line, shop)
    _add_answers(line, shop, 1)
    away = replace(line.kernel, limiter=RedisLimiter(Redis(host="127.0.0.1", port=1)))
    send_due(away, tenant_id=shop.actor.tenant_id)
    assert answers(line, shop)[1].state == "queued"
    send_due(line.kernel, tenant_id=shop.actor.tenant_id)
    assert len(line.sandbox.answers(service="twilio")) == 2


def test_a_provider_is_not_asked_faster_than_its_pace(line: Line, shop: Shop) -> None:
    """Twilio's pace is 60 segments at once; these two messages have more."""
    ask(line, shop)
    for message_id in _add_answers(line, shop, 2, text="x" * 153 * 40):
        line.run_job(Wake("send_message", shop.actor.tenant_id, message_id))
    last = answers(line, shop)[-1]
    assert (last.state, last.error_code) == ("queued", WAITS_FOR_PACE)
    assert last.error_text.startswith("Waits for Twilio's pace, 1 segment in 1 s; next at ")


@pytest.mark.parametrize("is_wiped", [False, True], ids=["redis stays", "redis is wiped"])
def test_twenty_workers_at_once_send_exactly_what_the_limit_lets_through(
    line: Line, shop: Shop, is_wiped: bool
) -> None:
    limit(line, shop, excess="drop", per_day=8)
    ask(line, shop)
    messages = _add_answers(line, shop, 20, apart=True)
    start = threading.Barrier(20)

    def work(message_id: UUID, kernel: Kernel) -> None:
        start.wait()
        send_due(kernel, tenant_id=shop.actor.tenant_id)

    kernels = [build_kernel(line.kernel.settings) for _ in range(4)]
    threads = [
        threading.Thread(target=work, args=(message_id, replace(kernels[number % 4], queue=line.queue)))
        for number, message_id in enumerate(messages)
    ]
    for thread in threads:
        thread.start()
    if is_wiped:
        for _ in range(10):
            wipe(line)
    for thread in threads:
        thread.join()
    line.work(with_sweep=True)
    for kernel in kernels:
        kernel.close()
    assert len(line.sandbox.answers(service="twilio")) == 8


def _add_answers(line: Line, shop: Shop, count: int, *, text: str = ANSWER, apart: bool = False) -> list[UUID]:
    """Put answers of the agent into the outbox; ``apart``: each in a conversation of its own."""
    with line.kernel.unit_of_work(shop.actor.tenant_id) as work:
        found = work.session.get_one(Conversation, (shop.actor.tenant_id, conversation(line, shop).id))
        added: list[UUID] = []
        for number in range(count):
            place = found
            if apart:
                values = found.model_dump() | {"id": new_id(), "external_key": f"apart {number}"}
                place = Conversation.model_validate(values)
                work.session.add(place)
                work.session.flush()
            message = add_reply(
                work,
                conversation=place,
                text=text,
                author=Author.AGENT,
                author_label="Bri",
                reply_to="",
                trace_id=new_id(),
                now=line.kernel.clock.now(),
            )
            added.append(message.id)
        work.wakes.clear()
    return added


def _severity(line: Line, shop: Shop) -> str:
    found = list_findings(line.kernel, actor=shop.actor)
    return next((finding.severity for finding in found if finding.code == "limit_used"), "")


def _make_due(line: Line, shop: Shop) -> None:
    with line.kernel.unit_of_work(shop.actor.tenant_id) as work:
        for view in answers(line, shop):
            message = work.session.get_one(Message, (shop.actor.tenant_id, view.id))
            message.next_attempt_at = in_seconds(0)
            message.lease_until = in_seconds(0)
            work.session.add(message)
