"""What the log shows: filters, groups by cause, and one delivery with all that is known of it."""

from datetime import timedelta

import httpx2
import pytest

from models import Role
from services.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from services.kernel.ids import new_id
from services.webhooks import (
    STATES,
    DeliveryFilter,
    get_delivery,
    list_deliveries,
    list_groups,
    list_refused,
    reveal_body,
)
from tests.integration.deliveries.conftest import HOURS, Log
from tests.support.line import webhook_url


def test_filters_find_what_they_say(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.answer()
    log.line.settle(*log.line.sandbox.slack_message(HOURS, app=log.line.sandbox.identities.own_app.app_id).event_ids)
    [dead] = log.break_processing(monkeypatch)
    kernel, actor = log.line.kernel, log.actor

    def found(wanted: DeliveryFilter) -> set[str]:
        return {str(item.id) for item in list_deliveries(kernel, actor=actor, wanted=wanted).items}

    everything = list_deliveries(kernel, actor=actor, limit=100).items
    assert [item.id for item in everything] == sorted((item.id for item in everything), reverse=True)
    for field in ("provider", "event_type", "state"):
        for value in {getattr(item, field) for item in everything}:
            assert found(DeliveryFilter(**{field: value})) == {
                str(item.id) for item in everything if getattr(item, field) == value
            }, (field, value)
    assert found(DeliveryFilter(cause="RetryLater/directory_away")) == {str(dead.id)}
    assert found(DeliveryFilter(search=str(dead.trace_id))) == {str(dead.id)}
    key = get_delivery(kernel, actor=actor, delivery_id=dead.id).dedupe_key
    assert found(DeliveryFilter(search=key)) == found(DeliveryFilter(search=key.partition(":")[2])) == {str(dead.id)}
    assert found(DeliveryFilter(search="nothing'like\\this%")) == set()
    assert found(DeliveryFilter(since=dead.received_at)) >= {str(dead.id)}
    earlier = {str(item.id) for item in everything if item.received_at < dead.received_at}
    assert found(DeliveryFilter(until=dead.received_at)) == earlier
    assert found(DeliveryFilter(since=dead.received_at + timedelta(days=1))) == set()
    assert found(DeliveryFilter(connection_id=new_id())) == set()


def test_pages_follow_one_another_without_gap_or_repeat(log: Log) -> None:
    for _ in range(3):
        log.write()
    kernel = log.line.kernel
    first = list_deliveries(kernel, actor=log.actor, limit=2)
    second = list_deliveries(kernel, actor=log.actor, limit=2, cursor=first.next_cursor)
    assert len({item.id for item in (*first.items, *second.items)}) == 3
    assert second.next_cursor == ""


def test_nonsense_is_refused_by_name(log: Log) -> None:
    for wanted, field in (
        (DeliveryFilter(state="sleeping"), "state"),
        (DeliveryFilter(cause="x" * 401), "cause"),
        (DeliveryFilter(search="a\x00b"), "search"),
    ):
        with pytest.raises(InvalidInput) as refused:
            list_deliveries(log.line.kernel, actor=log.actor, wanted=wanted)
        assert refused.value.field == field
    for state in STATES:
        list_deliveries(log.line.kernel, actor=log.actor, state=state)
    with pytest.raises(NotFound):
        get_delivery(log.line.kernel, actor=log.actor, delivery_id=new_id())


def test_failures_are_grouped_by_cause(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.answer()
    log.break_processing(monkeypatch, times=3)
    [group] = list_groups(log.line.kernel, actor=log.actor)
    assert (group.provider, group.cause, group.reason) == (
        "twilio",
        "RetryLater/directory_away",
        "The directory is away.",
    )
    assert (group.count, group.dead, group.next_attempt_at) == (3, 3, None)
    assert group.first_at < group.last_at
    assert list_groups(log.line.kernel, actor=log.actor, wanted=DeliveryFilter(provider="slack")) == ()


def test_one_delivery_tells_its_times_attempts_headers_and_body(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    [dead] = log.break_processing(monkeypatch)
    detail = get_delivery(log.line.kernel, actor=log.actor, delivery_id=dead.id)
    assert [(time.name, time.at is not None) for time in detail.times] == [
        ("received", True),
        ("acknowledged", True),
        ("started", True),
        ("done", True),
    ]
    offsets = [time.offset_ms for time in detail.times]
    assert offsets == sorted(offsets) and offsets[0] == 0
    limit = log.line.kernel.settings.max_attempts
    assert [attempt.number for attempt in detail.attempts] == list(range(1, limit + 1))
    assert {(attempt.error, attempt.code, attempt.provider) for attempt in detail.attempts} == {
        ("RetryLater", "directory_away", "twilio")
    }
    assert detail.attempts[0].next_attempt_at is not None and detail.attempts[-1].next_attempt_at is None
    assert detail.headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert not any("signature" in name for name in detail.headers)
    assert "Body = what are your opening hours" in detail.body.text
    assert log.shop.number not in detail.body.text and "[phone]" in detail.body.text
    assert [(option.kind, bool(option.refusal)) for option in detail.options] == [
        ("process", False),
        ("rehearse", True),
        ("send", True),
    ]


def test_same_request_again_is_shown_as_a_duplicate(log: Log) -> None:
    event = log.line.sandbox.sms(HOURS, to=log.shop.number).event_ids[0]
    log.line.settle(event)
    log.line.sandbox.deliver_again(event, times=2)
    log.line.sandbox.wait_until(
        lambda ledger: any(item.id == event and len(item.statuses) == 3 for item in ledger.webhooks),
        what="three requests",
    )
    [delivery] = log.sms()
    assert (delivery.duplicates, log.answers()) == (2, 1)


def test_whole_body_is_revealed_to_whom_it_may_and_noted(log: Log) -> None:
    log.answer()
    [delivery] = log.sms()
    kernel = log.line.kernel
    for role in (Role.VIEWER, Role.OPERATOR):
        with pytest.raises(Forbidden):
            reveal_body(kernel, actor=log.as_role(role), delivery_id=delivery.id)
    assert log.audited("delivery.revealed") == []
    body = reveal_body(kernel, actor=log.as_role(Role.ADMIN), delivery_id=delivery.id)
    assert body.is_whole and body.size == len(body.text) and "%2B" in body.text
    assert [what for what, _ in log.audited("delivery.revealed")] == [delivery.id]
    with pytest.raises(NotFound):
        reveal_body(kernel, actor=log.actor, delivery_id=new_id())


def test_requests_turned_away_are_counted(log: Log) -> None:
    url = webhook_url(log.shop.twilio, "sms")
    form = {"AccountSid": "AC0", "MessageSid": "SM0", "Body": "hi"}
    answer = httpx2.post(url, data=form, headers={"x-twilio-signature": "wrong"}, trust_env=False)
    assert answer.status_code == 401
    log.line.sandbox.wait_until(
        lambda _: bool(list_refused(log.line.kernel, actor=log.actor)), what="the count to be written"
    )
    [refused] = list_refused(log.line.kernel, actor=log.actor)
    assert (refused.provider, refused.count) == ("twilio", 1)


def test_who_may_not_see_the_log_sees_nothing_and_viewers_replay_nothing(log: Log) -> None:
    log.answer()
    [delivery] = log.sms()
    for kind in ("process", "rehearse", "send"):
        with pytest.raises(Forbidden):
            log.replay(kind, delivery_id=delivery.id, actor=log.as_role(Role.VIEWER))
    with pytest.raises(Conflict):
        log.replay("send", delivery_id=delivery.id, actor=log.as_role(Role.OPERATOR))
