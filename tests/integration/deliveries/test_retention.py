"""Deliveries lose their content for their age, and are still known if they come again."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from models import WebhookDelivery
from services.connections import disconnect
from services.kernel.clock import Clock
from services.kernel.db import Wake
from services.kernel.errors import Conflict
from services.webhooks import drain_deliveries, get_delivery, prune_deliveries, reveal_body
from services.webhooks.pruning import JOB
from services.webhooks.sweep import run as sweep
from tests.integration.deliveries.conftest import HOURS, Log
from tests.support.clock import FakeClock


def later(log: Log, *, days: float) -> Clock:
    """Let that much time go by."""
    clock = FakeClock()
    clock.advance(timedelta(days=days))
    log.line.kernel = replace(log.line.kernel, clock=clock)
    return clock


def prune(log: Log) -> int:
    """Do what the sweeper wakes for the tenant's retention."""
    sweep(log.line.kernel)
    wakes = [wake for wake in log.line.queue.wakes if wake.job == JOB]
    log.line.queue.wakes.clear()
    for wake in wakes:
        log.line.run_job(wake)
    return len(wakes)


def test_young_ones_are_kept_and_old_ones_lose_their_content(log: Log) -> None:
    log.answer()
    [delivery] = log.sms()
    assert prune(log) == 1
    assert get_delivery(log.line.kernel, actor=log.actor, delivery_id=delivery.id).body.size > 0
    later(log, days=32)
    assert prune(log) == 1
    old = get_delivery(log.line.kernel, actor=log.actor, delivery_id=delivery.id)
    assert (old.body.text, old.body.size, dict(old.headers), old.state) == ("", 0, {}, "processed")
    assert old.body.pruned_at is not None
    with pytest.raises(Conflict):
        reveal_body(log.line.kernel, actor=log.actor, delivery_id=delivery.id)


def test_each_tenant_is_looked_through_once_a_day(log: Log) -> None:
    log.answer()
    clock = later(log, days=32)
    assert isinstance(clock, FakeClock)
    assert [prune(log), prune(log)] == [1, 0]
    clock.advance(timedelta(days=1))
    assert [prune(log), prune(log)] == [1, 0]


def test_captured_request_does_nothing_although_its_content_is_gone(log: Log) -> None:
    event = log.line.sandbox.sms(HOURS, to=log.shop.number).event_ids[0]
    log.line.settle(event)
    later(log, days=32)
    prune(log)
    log.line.sandbox.deliver_again(event)
    log.line.sandbox.wait_until(
        lambda ledger: any(item.id == event and len(item.statuses) == 2 for item in ledger.webhooks),
        what="the second request",
    )
    log.line.work()
    [delivery] = log.sms()
    assert (delivery.duplicates, log.answers()) == (1, 1)


def test_dead_letter_without_content_is_not_replayed(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    [dead] = log.break_processing(monkeypatch)
    later(log, days=32)
    prune(log)
    with pytest.raises(Conflict, match="deleted for its age"):
        log.replay("process", delivery_id=dead.id)
    assert log.replay("process", state="dead").replayed == 0


def test_what_still_waits_is_given_up(log: Log) -> None:
    log.write()
    [waiting] = log.sms()
    later(log, days=32)
    prune(log)
    [given_up] = log.sms()
    assert (given_up.state, given_up.reason) == ("dead", "It waited longer than deliveries are kept")
    drain_deliveries(log.line.kernel, Wake("process_delivery", log.actor.tenant_id, waiting.id))
    assert log.sms()[0].state == "dead"


def test_rows_go_with_a_connection_that_was_disconnected_long_ago(log: Log) -> None:
    log.answer()
    disconnect(log.line.kernel, actor=log.actor, connection_id=log.shop.twilio.id)
    later(log, days=32)
    prune(log)
    assert log.sms() == []


def test_batches_follow_one_another_until_nothing_is_left(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        log.write()
    later(log, days=32)
    monkeypatch.setattr("services.webhooks.pruning.BATCH", 1)
    monkeypatch.setattr("services.webhooks.pruning.BATCHES_PER_JOB", 2)
    assert prune_deliveries(log.line.kernel, tenant_id=log.actor.tenant_id) == 2
    [again] = [wake for wake in log.line.queue.wakes if wake.job == JOB]
    log.line.run_job(again)
    with log.line.kernel.unscoped_session("test") as session:
        assert all(row.pruned_at for row in session.exec(select(WebhookDelivery)))
