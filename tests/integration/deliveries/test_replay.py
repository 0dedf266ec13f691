"""Replays of three kinds: each happens once, keeps the trace, and is in the audit log with its reason."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from models import ConversationState, MessageState, RehearsalState
from services.conversations import get_thread, give_back, list_conversations
from services.kernel.errors import Conflict, InvalidInput, NotFound, PatchbayError
from services.kernel.ids import new_id
from services.traces import get_trace
from services.turns import run_rehearsal
from services.webhooks import get_delivery
from tests.integration.deliveries.conftest import HOURS, Log

TIMES = 6


def at_once(log: Log, kind: str, **asked: object) -> list[object]:
    """Ask for the same replay several times at the same moment; return what came of each."""

    def ask(_: int) -> object:
        try:
            return log.replay(kind, **asked)
        except PatchbayError as error:
            return error.code

    with ThreadPoolExecutor(TIMES) as pool:
        return list(pool.map(ask, range(TIMES)))


def test_dead_letters_of_one_cause_are_repaired_at_once(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = log.break_processing(monkeypatch, times=3)
    cause = dead[0].cause
    planned = log.replay("process", cause=cause, dry_run=True, reason="")
    assert (planned.id, planned.matched, planned.replayed, planned.remaining) == (None, 3, 3, 0)
    assert {item.state for item in log.sms()} == {"dead"} and log.audited("delivery.replayed") == []
    done = log.replay("process", cause=cause)
    assert (done.matched, done.replayed) == (3, 3)
    log.line.work()
    assert {item.state for item in log.sms()} == {"processed"}
    assert log.answers() == 3
    assert {item.trace_id for item in log.sms()} == {item.trace_id for item in dead}
    [(about, detail)] = log.audited("delivery.replayed")
    assert about is None
    assert (detail["kind"], detail["reason"], detail["replayed"], detail["filter.cause"]) == (
        "process",
        "The directory is back.",
        3,
        cause,
    )


def test_one_delivery_processed_again_keeps_its_trace_and_its_story(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    [dead] = log.break_processing(monkeypatch)
    log.replay("process", delivery_id=dead.id)
    log.line.work()
    detail = get_delivery(log.line.kernel, actor=log.actor, delivery_id=dead.id)
    assert (detail.state, detail.attempt, detail.cause) == ("processed", 1, "")
    [story] = detail.replays
    assert (story.kind, story.state_before, story.reason_before) == ("process", "dead", "The directory is away.")
    assert len(detail.attempts) == log.line.kernel.settings.max_attempts
    trace = get_trace(log.line.kernel, actor=log.actor, trace_id=dead.trace_id)
    titles = [step.title for step in trace.steps]
    assert any(title.endswith("had it processed again") for title in titles)
    assert titles[-1] == "Accepted by Twilio"
    assert log.answers() == 1


def test_what_took_effect_stays_once(log: Log) -> None:
    log.answer()
    [done] = log.sms()
    with pytest.raises(Conflict, match="took effect already"):
        log.replay("process", delivery_id=done.id)
    assert log.replay("process", state="processed").replayed == 0
    log.line.work(with_sweep=True)
    assert (log.answers(), len(log.sms())) == (1, 1)


def test_ignored_is_routed_anew_by_todays_rules(log: Log) -> None:
    app = log.line.sandbox.identities.own_app.app_id
    said = log.line.sandbox.slack_message(HOURS, channel="C0CREATOR01", app=app)
    log.line.settle(*said.event_ids)
    ignored = [item for item in log.deliveries(provider="slack") if item.state == "ignored"]
    assert ignored
    assert log.replay("process", delivery_id=ignored[0].id).replayed == 1
    log.line.work()
    again = get_delivery(log.line.kernel, actor=log.actor, delivery_id=ignored[0].id)
    assert (again.state, again.attempt) == ("ignored", 1)


def test_clicks_at_the_same_moment_process_once(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    [dead] = log.break_processing(monkeypatch)
    outcomes = at_once(log, "process", delivery_id=dead.id)
    assert len([outcome for outcome in outcomes if not isinstance(outcome, str)]) == 1
    assert {outcome for outcome in outcomes if isinstance(outcome, str)} == {"not_replayable"}
    log.line.work()
    assert log.answers() == 1
    assert len(log.audited("delivery.replayed")) == 1


def test_same_key_is_the_same_act(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = log.break_processing(monkeypatch, times=2)
    outcomes = at_once(log, "process", cause=dead[0].cause, idempotency_key="one")
    assert len({str(outcome) for outcome in outcomes}) == 1
    log.line.work()
    assert log.replay("process", cause=dead[0].cause, idempotency_key="one") == outcomes[0]
    assert (log.answers(), len(log.audited("delivery.replayed"))) == (2, 1)
    with pytest.raises(Conflict) as refused:
        log.replay("rehearse", cause=dead[0].cause, idempotency_key="one")
    assert refused.value.code == "key_used"


def test_agent_drafts_another_answer_that_is_not_sent(log: Log) -> None:
    log.answer()
    [done] = log.sms()
    before = get_trace(log.line.kernel, actor=log.actor, trace_id=done.trace_id)
    assert log.replay("rehearse", delivery_id=done.id).replayed == 1
    waiting = get_trace(log.line.kernel, actor=log.actor, trace_id=done.trace_id)
    assert not waiting.is_finished
    log.line.work()
    [draft] = log.rehearsals()
    assert (draft.state, draft.text) == (RehearsalState.DONE, "We are open from 9 to 17, Monday to Friday.")
    trace = get_trace(log.line.kernel, actor=log.actor, trace_id=done.trace_id)
    [step] = [step for step in trace.steps if step.title == "Draft by the playbook, not sent"]
    assert draft.text in step.detail and trace.is_finished
    assert {step.title for step in before.steps} < {step.title for step in trace.steps}
    assert log.answers() == 1
    [conversation] = list_conversations(log.line.kernel, actor=log.actor).items
    thread = get_thread(log.line.kernel, actor=log.actor, conversation_id=conversation.id)
    assert len(thread.messages) == 2


def test_rehearsal_that_would_hand_over_changes_nobodys_charge(log: Log) -> None:
    log.answer("Do you deliver to the moon by camel?")
    [conversation] = list_conversations(log.line.kernel, actor=log.actor, state="all").items
    give_back(log.line.kernel, actor=log.actor, conversation_id=conversation.id)
    log.replay("rehearse", delivery_id=log.sms()[0].id)
    log.line.work()
    [draft] = log.rehearsals()
    [after] = list_conversations(log.line.kernel, actor=log.actor, state="all").items
    assert draft.would_hand_over and after.state == ConversationState.AGENT


def test_clicks_at_the_same_moment_rehearse_once(log: Log) -> None:
    log.answer()
    [done] = log.sms()
    at_once(log, "rehearse", delivery_id=done.id)
    log.line.work()
    assert [draft.state for draft in log.rehearsals()] == [RehearsalState.DONE]
    log.replay("rehearse", delivery_id=done.id)
    assert len(log.rehearsals()) == 2


def test_rehearsal_goes_on_after_its_worker_died_and_jobs_may_run_twice(log: Log) -> None:
    log.answer()
    log.replay("rehearse", delivery_id=log.sms()[0].id)
    log.line.queue.wakes.clear()
    log.line.work(with_sweep=True)
    [draft] = log.rehearsals()
    log.line.queue.wakes.clear()
    run_rehearsal(log.line.kernel, tenant_id=draft.tenant_id, rehearsal_id=draft.id)
    run_rehearsal(log.line.kernel, tenant_id=draft.tenant_id, rehearsal_id=new_id())
    assert [(item.state, item.attempt) for item in log.rehearsals()] == [(RehearsalState.DONE, 1)]


def test_failed_answer_is_sent_again_once(log: Log) -> None:
    for words in ("STOP", HOURS, "START"):
        log.answer(words)
    assert (log.outbound().state, log.answers()) == (MessageState.FAILED, 0)
    [unsent] = log.sms(state="unsent")
    planned = log.replay("send", state="unsent", dry_run=True)
    assert (planned.matched, planned.replayed, planned.may_double) == (1, 1, 0)
    outcomes = at_once(log, "send", delivery_id=unsent.id)
    assert len([outcome for outcome in outcomes if not isinstance(outcome, str)]) == 1
    log.line.work()
    assert (log.outbound().state, log.answers()) == (MessageState.SENT, 1)
    assert log.sms(state="unsent") == []


def test_answer_that_came_back_is_a_new_message_to_the_provider(log: Log) -> None:
    log.answer()
    log.set_outbound(MessageState.FAILED)
    log.replay("send", delivery_id=log.sms(state="unsent")[0].id)
    log.line.work()
    sent = log.outbound()
    assert (sent.state, sent.resends, log.answers()) == (MessageState.SENT, 1, 2)
    assert len({answer.id for answer in log.line.sandbox.answers(service="twilio")}) == 2


def test_unknown_answer_is_sent_again_only_if_that_is_said(log: Log) -> None:
    log.answer()
    log.set_outbound(MessageState.UNKNOWN)
    [unsent] = log.sms(state="unsent")
    with pytest.raises(Conflict) as refused:
        log.replay("send", delivery_id=unsent.id)
    assert refused.value.code == "may_double"
    planned = log.replay("send", state="unsent", dry_run=True)
    assert (planned.replayed, planned.may_double, planned.left_out) == (0, 0, 1)
    skipped = log.replay("send", state="unsent")
    assert (skipped.replayed, skipped.left_out) == (0, 1)
    assert log.outbound().state is MessageState.UNKNOWN
    done = log.replay("send", delivery_id=unsent.id, may_double=True)
    assert (done.replayed, done.may_double) == (1, 1)
    log.line.work()
    assert (log.outbound().state, log.answers()) == (MessageState.SENT, 2)


def test_replay_says_which_and_why(log: Log) -> None:
    for asked, field in (
        ({"kind": "process"}, "state"),
        ({"kind": "again", "state": "dead"}, "kind"),
        ({"kind": "process", "state": "dead", "reason": " "}, "reason"),
        ({"kind": "process", "state": "dead", "reason": "x" * 301}, "reason"),
        ({"kind": "process", "state": "dead", "idempotency_key": "k" * 81}, "idempotency_key"),
    ):
        with pytest.raises(InvalidInput) as refused:
            log.replay(str(asked.pop("kind")), **asked)
        assert refused.value.field == field
    for kind in ("process", "rehearse", "send"):
        with pytest.raises(NotFound):
            log.replay(kind, delivery_id=new_id())


def test_range_of_time_limits_a_replay(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    newest, oldest = log.break_processing(monkeypatch, times=2)
    assert log.replay("process", state="dead", until=newest.received_at).replayed == 1
    log.line.work()
    assert [item.id for item in log.sms(state="dead")] == [newest.id]
    assert log.replay("process", state="dead", since=newest.received_at + timedelta(hours=1)).matched == 0
    assert oldest.id in {item.id for item in log.sms(state="processed")}
