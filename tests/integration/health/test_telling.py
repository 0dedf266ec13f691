"""Owners are told once that something broke and once that it is well again, whatever dies in between."""

import threading
from datetime import timedelta

import pytest

from models import HealthNotice, NoticeState, OptOut
from services.connections import connect_with_keys, disconnect
from services.health import add_notice_target, delete_notice_target, list_findings, notices, observe, send_notice
from services.health.observing import ALL_BROKEN, NO_TARGET
from services.kernel.errors import InvalidInput
from services.kernel.ids import new_id
from services.webhooks.sweep import run as sweep
from tests.integration.health.ward import OWNER_PHONE, Ward


def test_breaking_and_mending_tells_once_each(ward: Ward) -> None:
    ward.tell_slack()
    ward.break_phone()
    ward.line.work()
    [began] = ward.told()
    assert "Twilio no longer accepts our access" in began
    assert f"/admin/integrations?connection={ward.shop.twilio.id}&act=reconnect" in began.replace("&amp;", "&")
    for _ in range(3):
        ward.clock.advance(timedelta(hours=1))
        ward.look()
    assert ward.told() == [began]

    assert ward.try_out(ward.shop.twilio)
    ward.line.work()
    ward.clock.advance(timedelta(hours=1))
    ward.look()
    assert len(ward.told()) == 2
    assert "is well again" in ward.told()[1]
    assert "Twilio accepts our access again." in ward.told()[1]
    [row] = ward.findings(ward.shop.twilio)
    assert row.told_at is not None
    assert row.resolved_at is not None
    assert row.resolution_told_at is not None

    ward.break_phone()
    ward.line.work()
    assert len(ward.told()) == 3


def test_every_place_is_told_and_says_so_on_the_finding(ward: Ward) -> None:
    ward.tell_slack()
    ward.tell_phone()
    ward.change(ward.shop.slack, token_expires_at=ward.clock.now() + timedelta(days=2))
    ward.look()
    assert (len(ward.told("slack")), len(ward.told("twilio"))) == (1, 1)
    [finding] = list_findings(ward.line.kernel, actor=ward.shop.actor)
    assert (finding.code, finding.severity, finding.untold_reason) == ("token_expires", "warning", "")
    assert finding.told_at == ward.clock.now()
    [answer] = ward.line.sandbox.answers(service="twilio")
    assert (answer.sender, answer.channel) == (ward.shop.number, OWNER_PHONE)


def test_a_broken_connection_is_not_told_of_through_itself(ward: Ward) -> None:
    ward.tell_slack()
    ward.tell_phone()
    ward.break_slack()
    ward.line.work()
    assert (len(ward.told("slack")), len(ward.told("twilio"))) == (0, 1)
    assert ward.try_out(ward.shop.slack)
    ward.line.work()
    assert (len(ward.told("slack")), len(ward.told("twilio"))) == (0, 2)  # who never heard of it hears of no end


def test_where_nobody_can_be_told_that_is_written_down(ward: Ward) -> None:
    ward.break_slack()
    ward.line.work()
    [finding] = list_findings(ward.line.kernel, actor=ward.shop.actor, connection_id=ward.shop.slack.id)
    assert (finding.told_at, finding.untold_reason) == (None, NO_TARGET)


def test_the_only_place_lies_behind_what_is_broken(ward: Ward) -> None:
    target = ward.tell_slack()
    ward.break_slack()
    ward.line.work()
    [finding] = list_findings(ward.line.kernel, actor=ward.shop.actor)
    assert (finding.told_at, finding.untold_reason) == (None, ALL_BROKEN)
    assert ward.notices() == []

    ward.tell_phone()  # a place that works is told at once of what nobody heard of
    ward.line.work()
    [finding] = list_findings(ward.line.kernel, actor=ward.shop.actor)
    assert (finding.told_at, finding.untold_reason) == (ward.clock.now(), "")
    assert len(ward.told()) == 1
    delete_notice_target(ward.line.kernel, actor=ward.shop.actor, target_id=target.id)


def test_what_is_over_before_it_was_told_is_not_told(ward: Ward) -> None:
    ward.tell_slack()
    ward.break_phone()
    ward.line.queue.wakes.clear()
    observe(ward.line.kernel, tenant_id=ward.shop.actor.tenant_id)
    ward.line.queue.wakes.clear()
    assert ward.try_out(ward.shop.twilio)
    ward.line.work(with_sweep=True)
    assert ward.told() == []
    assert ward.open_codes() == []


def test_lost_wake_ups_cost_time_and_no_notice(ward: Ward) -> None:
    ward.tell_slack()
    ward.break_phone()
    for _ in range(3):  # the look, the notice, and once more for nothing
        ward.line.queue.wakes.clear()
        ward.change(ward.shop.twilio, health_due_at=ward.clock.now() - timedelta(hours=1))
        sweep(ward.line.kernel)
        ward.line.work()
    assert len(ward.told()) == 1


def test_looks_at_the_same_time_tell_once(ward: Ward) -> None:
    ward.tell_slack()
    ward.break_phone()
    threads = [
        threading.Thread(target=observe, args=(ward.line.kernel,), kwargs={"tenant_id": ward.shop.actor.tenant_id})
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ward.line.work()
    assert ward.open_codes() == ["needs_reauth"]
    assert len(ward.told()) == 1


class Killed(BaseException):
    """Stands for kill -9: nothing catches it, nothing is tidied up."""


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_worker_killed_around_the_sending_tells_once(ward: Ward, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    ward.tell_slack()
    ward.break_phone()
    ward.line.queue.wakes.clear()
    observe(ward.line.kernel, tenant_id=ward.shop.actor.tenant_id, connection_id=ward.shop.twilio.id)
    ward.line.queue.wakes.clear()
    name = "_attempt" if place == "before" else "_succeed"

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(notices, name, die)
        with pytest.raises(Killed):
            send_notice(ward.line.kernel, tenant_id=ward.shop.actor.tenant_id, notice_id=ward.notice_id)
    assert len(ward.told()) == (0 if place == "before" else 1)
    for _ in range(3):
        ward.expire_leases()
        sweep(ward.line.kernel)
        ward.line.work()
    assert len(ward.told()) == 1
    [notice] = ward.notices()
    assert notice.state is NoticeState.SENT
    assert ward.findings(ward.shop.twilio)[0].told_at is not None


def test_a_notice_nobody_can_look_up_is_never_sent_again(ward: Ward) -> None:
    person = "U0MIA000001"  # a person's own conversation cannot be read back by her id
    ward.tell_slack()
    with ward.line.kernel.unit_of_work(ward.shop.actor.tenant_id) as work:
        work.session.connection().exec_driver_sql(
            "UPDATE notice_target SET channel_id = %(person)s WHERE tenant_id = %(tenant)s",
            {"person": person, "tenant": ward.shop.actor.tenant_id},
        )
    ward.line.sandbox.fail("slack", "accept_then_reset", method="chat.postMessage")
    ward.break_phone()
    ward.line.work()
    for _ in range(3):
        ward.expire_leases()
        ward.line.work(with_sweep=True)
        ward.look()
    assert len(ward.told()) == 1
    [notice] = ward.notices()
    assert notice.state is NoticeState.UNKNOWN


def test_a_place_that_refuses_leaves_it_to_the_next_look(ward: Ward) -> None:
    target = ward.tell_slack()
    with ward.line.kernel.unit_of_work(ward.shop.actor.tenant_id) as work:
        work.session.connection().exec_driver_sql(
            "UPDATE notice_target SET channel_id = 'C0NOWHERE00' WHERE tenant_id = %(tenant)s",
            {"tenant": ward.shop.actor.tenant_id},
        )
    ward.break_phone()
    ward.line.work()
    [finding] = list_findings(ward.line.kernel, actor=ward.shop.actor)
    assert "Slack does not show this channel" in finding.untold_reason
    assert [notice.state for notice in ward.notices()] == [NoticeState.FAILED]
    ward.look()
    assert len(ward.notices()) == 1  # not again within the hour
    ward.clock.advance(timedelta(hours=1))
    ward.look()
    assert [notice.target_id for notice in ward.notices()] == [target.id, target.id]


def test_a_busy_provider_gets_the_notice_later(ward: Ward) -> None:
    ward.tell_slack()
    ward.line.sandbox.fail("slack", "429", method="chat.postMessage", retry_after=1)
    ward.break_phone()
    ward.line.work()
    assert ward.told() == []
    ward.expire_leases()
    ward.line.work(with_sweep=True)
    assert len(ward.told()) == 1


def test_an_owner_who_opted_out_gets_no_text_message(ward: Ward) -> None:
    ward.tell_phone()
    ward.add(
        OptOut(
            tenant_id=ward.shop.actor.tenant_id,
            id=new_id(),
            connection_id=ward.shop.twilio.id,
            sender=ward.shop.number,
            contact=OWNER_PHONE,
            keyword="STOP",
            created_at=ward.clock.now(),
        )
    )
    ward.break_slack()
    ward.line.work()
    assert ward.told() == []
    [finding] = list_findings(ward.line.kernel, actor=ward.shop.actor)
    assert "opted out" in finding.untold_reason


def test_the_end_waits_for_the_beginning(ward: Ward) -> None:
    ward.tell_slack()
    ward.break_phone()
    ward.line.work()
    with ward.line.kernel.unit_of_work(ward.shop.actor.tenant_id) as work:
        [notice] = ward.notices()
        row = work.session.merge(HealthNotice(**notice.model_dump()))
        row.state = NoticeState.SENDING
        row.lease_until = ward.clock.now() + timedelta(hours=1)
    assert ward.try_out(ward.shop.twilio)
    ward.line.work(with_sweep=True)
    assert len(ward.told()) == 1
    ward.expire_leases()
    ward.line.work(with_sweep=True)
    assert [text.count("is well again") for text in ward.told()] == [0, 1]


def test_what_a_person_disconnects_ends_in_silence(ward: Ward) -> None:
    ward.tell_slack()
    ward.break_phone()
    ward.line.work()
    disconnect(ward.line.kernel, actor=ward.shop.actor, connection_id=ward.shop.twilio.id)
    ward.line.work()
    ward.look()
    assert ward.open_codes() == []
    assert len(ward.told()) == 1


def test_worse_news_of_the_same_trouble_is_not_told_again(ward: Ward) -> None:
    ward.tell_slack()
    ward.change(ward.shop.twilio, token_expires_at=ward.clock.now() + timedelta(hours=2))
    ward.look()
    ward.clock.advance(timedelta(hours=3))
    ward.look()
    [row] = ward.findings(ward.shop.twilio)
    assert (row.code, row.severity, row.worsens_at) == ("token_expires", "error", None)
    assert len(ward.told()) == 1


def test_an_owner_is_told_by_e_mail(ward: Ward) -> None:
    identity = ward.line.sandbox.identities.resend
    mailbox = connect_with_keys(
        ward.line.kernel,
        actor=ward.shop.actor,
        provider="resend",
        scheme_id="keys",
        agent_id=ward.shop.agent.id,
        values={"api_key": identity.api_key, "signing_secret": identity.webhook_secret},
    )
    with pytest.raises(InvalidInput) as refused:
        add_notice_target(ward.line.kernel, actor=ward.shop.actor, connection_id=mailbox.id, channel_id="C0123456789")
    assert refused.value.field == "channel_id"
    add_notice_target(
        ward.line.kernel, actor=ward.shop.actor, connection_id=mailbox.id, channel_id=" Ana@Harbor.Example"
    )
    ward.break_phone()
    ward.line.work()
    [letter] = ward.line.sandbox.answers(service="resend")
    assert letter.channel == "ana@harbor.example"
    assert letter.sender == f"patchbay@{identity.domain}" or identity.domain in letter.sender
    assert "Twilio no longer accepts our access" in letter.text
    [notice] = ward.notices()
    assert notice.state is NoticeState.SENT
