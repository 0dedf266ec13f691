"""Where owners are told: set, tested, deleted, and nobody else's."""

from datetime import timedelta

import pytest

from models import Role
from services.connections import disconnect
from services.health import (
    add_notice_target,
    delete_notice_target,
    list_notice_targets,
    send_test_notice,
)
from services.health.targets import MAX_TARGETS
from services.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, RetryLater
from services.kernel.ids import new_id
from tests.integration.connections.scene import as_role
from tests.integration.health.ward import OWNER_PHONE, Ward
from tests.support.line import CHANNEL


def test_places_are_listed_with_what_they_lie_behind(ward: Ward) -> None:
    slack, phone = ward.tell_slack(), ward.tell_phone()
    assert list_notice_targets(ward.line.kernel, actor=ward.shop.actor) == (slack, phone)
    assert (slack.provider_name, slack.channel_id, slack.label, slack.can_be_reached) == (
        "Slack",
        CHANNEL,
        "#ops",
        True,
    )
    assert (phone.channel_id, phone.label) == (OWNER_PHONE, OWNER_PHONE)
    ward.break_slack()
    assert [item.can_be_reached for item in list_notice_targets(ward.line.kernel, actor=ward.shop.actor)] == [
        False,
        True,
    ]
    delete_notice_target(ward.line.kernel, actor=ward.shop.actor, target_id=slack.id)
    assert list_notice_targets(ward.line.kernel, actor=ward.shop.actor) == (phone,)


def test_a_test_notice_arrives_and_is_not_sent_in_bursts(ward: Ward) -> None:
    target = ward.tell_slack()
    outcome = send_test_notice(ward.line.kernel, actor=ward.shop.actor, target_id=target.id)
    assert (outcome.sent, outcome.message) == (True, "Sent to #ops.")
    assert ward.told() == ["Patchbay: this is a test. Notices about your connections arrive here (#ops)."]
    with pytest.raises(RetryLater) as refused:
        send_test_notice(ward.line.kernel, actor=ward.shop.actor, target_id=target.id)
    assert (refused.value.code, refused.value.after) == ("too_many_tries", timedelta(seconds=5))
    ward.clock.advance(timedelta(seconds=5))
    assert send_test_notice(ward.line.kernel, actor=ward.shop.actor, target_id=target.id).sent


@pytest.mark.parametrize("kind", ["500", "401", "429"])
def test_a_test_that_does_not_arrive_says_why(ward: Ward, kind: str) -> None:
    target = ward.tell_slack()
    ward.line.sandbox.fail("slack", kind, method="chat.postMessage")
    outcome = send_test_notice(ward.line.kernel, actor=ward.shop.actor, target_id=target.id)
    assert not outcome.sent
    assert outcome.message
    ward.line.work(with_sweep=True)
    assert ward.told() == []  # nobody is told later that this was a test


def test_a_text_message_comes_from_one_of_the_numbers(ward: Ward) -> None:
    target = ward.tell_phone()
    assert send_test_notice(ward.line.kernel, actor=ward.shop.actor, target_id=target.id).sent
    [answer] = ward.line.sandbox.answers(service="twilio")
    assert (answer.sender, answer.channel) == (ward.shop.number, OWNER_PHONE)


@pytest.mark.parametrize(
    ("is_phone", "channel_id", "field"),
    [
        (False, "", "channel_id"),
        (False, "C1 C2", "channel_id"),
        (False, "C1\x00", "channel_id"),
        (False, "C" * 101, "channel_id"),
        (True, "C0CREATOR01", "channel_id"),
        (True, "4155550142", "channel_id"),
        (True, "+0155550142", "channel_id"),
    ],
)
def test_what_cannot_be_a_place_is_refused(ward: Ward, is_phone: bool, channel_id: str, field: str) -> None:
    connection = ward.shop.twilio if is_phone else ward.shop.slack
    with pytest.raises(InvalidInput) as refused:
        add_notice_target(ward.line.kernel, actor=ward.shop.actor, connection_id=connection.id, channel_id=channel_id)
    assert refused.value.field == field


def test_a_number_is_kept_as_the_network_writes_it(ward: Ward) -> None:
    target = add_notice_target(
        ward.line.kernel,
        actor=ward.shop.actor,
        connection_id=ward.shop.twilio.id,
        channel_id=" +1 (415) 555-0199 ",
        label="Ana",
    )
    assert (target.channel_id, target.label) == (OWNER_PHONE, "Ana")


def test_a_place_is_set_once_and_there_are_not_too_many(ward: Ward) -> None:
    ward.tell_slack()
    with pytest.raises(Conflict):
        ward.tell_slack()
    for number in range(MAX_TARGETS - 1):
        add_notice_target(
            ward.line.kernel, actor=ward.shop.actor, connection_id=ward.shop.slack.id, channel_id=f"C{number}"
        )
    with pytest.raises(Conflict):
        ward.tell_phone()
    with pytest.raises(InvalidInput):
        add_notice_target(
            ward.line.kernel,
            actor=ward.shop.actor,
            connection_id=ward.shop.slack.id,
            channel_id="C99",
            label="two\nlines",
        )


def test_a_disconnected_account_is_no_place(ward: Ward) -> None:
    disconnect(ward.line.kernel, actor=ward.shop.actor, connection_id=ward.shop.slack.id)
    with pytest.raises(Conflict):
        ward.tell_slack()


def test_other_tenants_places_do_not_exist(ward: Ward) -> None:
    other = ward.line.open_shop("Harbor", is_second=True)
    target = ward.tell_slack()
    kernel = ward.line.kernel
    assert list_notice_targets(kernel, actor=other.actor) == ()
    for target_id in (target.id, new_id()):
        with pytest.raises(NotFound):
            delete_notice_target(kernel, actor=other.actor, target_id=target_id)
        with pytest.raises(NotFound):
            send_test_notice(kernel, actor=other.actor, target_id=target_id)
    with pytest.raises(NotFound):
        add_notice_target(kernel, actor=other.actor, connection_id=ward.shop.slack.id, channel_id="C1")
    assert ward.told() == []


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_changing_places_needs_the_right_to_change_connections(ward: Ward, role: Role) -> None:
    target = ward.tell_slack()
    kernel, actor = ward.line.kernel, as_role(ward.shop.actor, role)
    assert list_notice_targets(kernel, actor=actor) == (target,)
    with pytest.raises(Forbidden):
        add_notice_target(kernel, actor=actor, connection_id=ward.shop.slack.id, channel_id="C1")
    with pytest.raises(Forbidden):
        delete_notice_target(kernel, actor=actor, target_id=target.id)
    with pytest.raises(Forbidden):
        send_test_notice(kernel, actor=actor, target_id=target.id)
