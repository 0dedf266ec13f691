"""What the rows say is what the rules see: each finding from the place its facts come from."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from models import (
    Author,
    DeliveryState,
    Direction,
    Message,
    MessageState,
    Role,
    WebhookDelivery,
    WebhookRefusal,
)
from services.connections import assign_number, disconnect, pause, resume
from services.conversations import list_conversations
from services.health import FindingView, get_health, list_findings, list_overview, summarise
from services.kernel.errors import NotFound
from services.kernel.ids import lowest_id, new_id
from tests.integration.connections.scene import as_role
from tests.integration.health.ward import Ward

HOURS = "what are your opening hours"


def id_at(at: datetime) -> UUID:
    """Return an id as it would have been made then."""
    return UUID(int=lowest_id(at).int | int.from_bytes(os.urandom(9)))


def findings(ward: Ward, connection_id: UUID | None = None) -> list[FindingView]:
    return list(list_findings(ward.line.kernel, actor=ward.shop.actor, connection_id=connection_id))


def codes(ward: Ward, connection_id: UUID | None = None) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity) for finding in findings(ward, connection_id)]


def delivery(ward: Ward, *, at: datetime, state: DeliveryState = DeliveryState.PROCESSED) -> WebhookDelivery:
    row_id = id_at(at)
    return WebhookDelivery(
        tenant_id=ward.shop.actor.tenant_id,
        id=row_id,
        connection_id=ward.shop.slack.id,
        provider="slack",
        kind="events",
        event_type="message",
        dedupe_key=str(row_id),
        body=b"",
        state=state,
        trace_id=row_id,
        received_at=at,
        next_attempt_at=ward.clock.now() + timedelta(hours=1),
    )


def refusal(ward: Ward, *, at: datetime, count: int, reason: str = "bad_signature") -> WebhookRefusal:
    return WebhookRefusal(
        tenant_id=ward.shop.actor.tenant_id,
        id=new_id(),
        connection_id=ward.shop.slack.id,
        reason=reason,
        hour=at.replace(minute=0, second=0, microsecond=0),
        count=count,
        last_at=at,
    )


def failed_sends(ward: Ward, *, count: int, code: str = "channel_is_archived") -> Iterator[Message]:
    ward.line.settle(*ward.line.sandbox.sms(HOURS, to=ward.shop.number).event_ids)
    [conversation] = list_conversations(ward.line.kernel, actor=ward.shop.actor).items
    for _ in range(count):
        row_id = id_at(ward.clock.now())
        yield Message(
            tenant_id=ward.shop.actor.tenant_id,
            id=row_id,
            conversation_id=conversation.id,
            connection_id=ward.shop.twilio.id,
            direction=Direction.OUTBOUND,
            author=Author.AGENT,
            author_label="Bri",
            text="",
            state=MessageState.FAILED,
            error_code=code,
            error_text="The number cannot be reached",
            trace_id=row_id,
            created_at=ward.clock.now(),
            next_attempt_at=ward.clock.now(),
        )


def test_a_new_connection_is_well_and_looked_at_by_itself(ward: Ward) -> None:
    assert findings(ward) == []
    summary = summarise(ward.line.kernel, actor=ward.shop.actor)
    assert (summary.connections, summary.healthy, summary.errors, summary.warnings, summary.next_at) == (
        2,
        2,
        0,
        0,
        None,
    )
    with ward.line.kernel.unscoped_session("test") as session:
        rows = session.connection().exec_driver_sql("SELECT health_due_at FROM connection").scalars().all()
    assert all(timedelta(minutes=50) < due - ward.clock.now() < timedelta(minutes=70) for due in rows)


def test_a_token_that_ends_is_looked_at_again_at_that_moment(ward: Ward) -> None:
    ends_at = ward.clock.now() + timedelta(minutes=20)
    ward.change(ward.shop.slack, token_expires_at=ends_at)
    ward.look()
    [finding] = findings(ward)
    assert (finding.code, finding.worsens_at, finding.repair.act) == ("token_expires", ends_at, "reconnect")
    assert finding.repair.address == f"/admin/integrations?connection={ward.shop.slack.id}&act=reconnect"
    assert summarise(ward.line.kernel, actor=ward.shop.actor).next_at == ends_at
    with ward.line.kernel.unscoped_session("test") as session:
        rows = session.connection().exec_driver_sql("SELECT min(health_due_at) FROM connection").scalar_one()
    assert rows == ends_at
    ward.clock.advance(timedelta(minutes=20))
    assert codes(ward) == [("token_expires", "error")]
    # One that renews itself is no forecast until it has ended all the same.
    ward.change(ward.shop.slack, token_expires_at=ward.clock.now() + timedelta(hours=1), refresh_due_at=ends_at)
    assert codes(ward) == []


def test_what_a_providers_module_notes_becomes_a_forecast(ward: Ward) -> None:
    soon = (ward.clock.now() + timedelta(hours=20)).isoformat()
    ward.change(ward.shop.slack, settings={"token_dies_at": soon, "watch_expires_at": soon})
    assert codes(ward) == [("testing_token", "warning"), ("watch_expires", "warning")]
    naive = (ward.clock.now() - timedelta(hours=1)).astimezone(UTC).replace(tzinfo=None).isoformat()
    ward.change(ward.shop.slack, settings={"token_dies_at": naive, "watch_expires_at": "soon"})
    assert codes(ward) == [("testing_token", "error")]


def test_missing_scope_compares_what_is_asked_for_with_what_was_granted(ward: Ward) -> None:
    granted = [scope for scope in ward.shop.slack.scopes if scope != "users:read"]
    ward.change(ward.shop.slack, scopes=granted)
    [finding] = findings(ward)
    assert (finding.code, finding.what) == ("missing_scope", "Slack has not granted: users:read.")


def test_calls_that_fail_twice_are_a_finding_and_one_that_succeeds_ends_it(ward: Ward) -> None:
    ward.line.sandbox.fail("slack", "500", count=2)
    assert not ward.try_out(ward.shop.slack)
    assert codes(ward) == []
    assert not ward.try_out(ward.shop.slack)
    ward.line.work()
    [finding] = findings(ward)
    assert (finding.code, finding.what, finding.repair.act) == ("failing", "Slack does not answer our calls.", "test")
    assert ward.open_codes() == ["failing"]
    assert ward.try_out(ward.shop.slack)
    ward.line.work()
    assert (codes(ward), ward.open_codes()) == ([], [])


def test_an_incident_shows_to_each_tenant_without_saying_who_else(ward: Ward) -> None:
    other = ward.line.open_shop("Harbor", is_second=True)
    ward.tell_slack()
    ward.line.sandbox.fail("twilio", "500", count=2)
    for _ in range(2):
        assert not ward.try_out(ward.shop.twilio)
    ward.line.work()
    assert ward.open_codes(ward.shop.twilio) == ["failing"]

    ward.line.sandbox.fail("twilio", "500", count=2)
    for _ in range(2):
        assert not ward.try_out(other.twilio, shop=other)
    ward.line.work()
    for shop in (ward.shop, other):
        [finding] = list_findings(ward.line.kernel, actor=shop.actor, connection_id=shop.twilio.id)
        assert (finding.code, finding.what) == (
            "provider_incident",
            "Twilio is in trouble: 2 connections here fail, not only yours.",
        )
    ward.look()
    assert ward.open_codes(ward.shop.twilio) == ["provider_incident"]
    assert len(ward.told("slack")) == 1  # the same trouble, better known: told once
    assert ward.try_out(ward.shop.twilio)
    ward.line.work()
    assert len(ward.told("slack")) == 2
    [left] = list_findings(ward.line.kernel, actor=other.actor)
    assert left.code == "failing"


def test_without_the_secret_nothing_can_be_checked(ward: Ward) -> None:
    with ward.line.kernel.unit_of_work(ward.shop.actor.tenant_id) as work:
        work.session.connection().exec_driver_sql(
            "DELETE FROM credential WHERE name = 'signing_secret' AND tenant_id = %(tenant)s",
            {"tenant": ward.shop.actor.tenant_id},
        )
    assert codes(ward) == [("no_signing", "error")]


def test_refused_webhooks_show_rate_and_reason(ward: Ward) -> None:
    now = ward.clock.now()
    ward.add(refusal(ward, at=now - timedelta(hours=25), count=500))
    assert codes(ward) == []
    ward.add(refusal(ward, at=now - timedelta(minutes=1), count=3))
    ward.add(*(delivery(ward, at=now - timedelta(hours=hours)) for hours in (1, 2, 30)))
    [finding] = findings(ward)
    assert finding.what == (
        "3 of 5 requests from Slack were refused within a day (60 %): their signature does not fit the secret we hold."
    )
    ward.change(ward.shop.slack, last_event_at=now + timedelta(minutes=30))
    ward.clock.advance(timedelta(hours=1))
    assert codes(ward) == []


def test_dead_letters_and_retries(ward: Ward) -> None:
    now = ward.clock.now()
    ward.add(delivery(ward, at=now - timedelta(minutes=11), state=DeliveryState.FAILED))
    [finding] = findings(ward)
    assert (finding.code, finding.severity, finding.repair.act) == ("deliveries_failing", "warning", "open_log")
    assert finding.worsens_at == now + timedelta(hours=1)
    ward.add(delivery(ward, at=now - timedelta(hours=2), state=DeliveryState.DEAD))
    ward.add(delivery(ward, at=now - timedelta(hours=25), state=DeliveryState.DEAD))
    [finding] = findings(ward)
    assert (finding.severity, finding.what[:10]) == ("error", "1 delivery")


def test_failing_sends(ward: Ward) -> None:
    ward.add(*failed_sends(ward, count=3, code="opted_out"))
    assert codes(ward) == []
    ward.add(*failed_sends(ward, count=3))
    [finding] = findings(ward)
    assert (finding.code, finding.connection_id) == ("sends_failing", ward.shop.twilio.id)
    assert finding.what.endswith("answers could not be sent within a day: The number cannot be reached.")


def test_silence_is_measured_against_the_days_before(ward: Ward) -> None:
    last = ward.clock.now().astimezone(UTC).replace(hour=12)
    ward.change(ward.shop.slack, connected_at=last - timedelta(days=40), last_event_at=last)
    for back, count in ((1, 40), (2, 38), (3, 44), (4, 40), *((back, 40) for back in range(5, 15)), (15, 900)):
        ward.add(*(delivery(ward, at=last - timedelta(days=back)) for _ in range(count)))
    ward.clock.advance(last + timedelta(days=3) - ward.clock.now() - timedelta(seconds=1))
    assert codes(ward) == []
    ward.clock.advance(timedelta(seconds=1))
    [finding] = findings(ward)
    assert (finding.code, finding.since) == ("silence", last)
    assert finding.what == "No event for 3 days, usual is 40 a day."
    ward.clock.advance(timedelta(days=20))
    assert codes(ward) == [("silence", "error")]  # it does not become usual


def test_a_number_without_an_agent(ward: Ward) -> None:
    twilio = ward.shop.twilio
    for number in twilio.numbers:
        assign_number(
            ward.line.kernel, actor=ward.shop.actor, connection_id=twilio.id, number_id=number.id, agent_id=None
        )
    ward.line.work()
    [finding] = findings(ward)
    assert (finding.code, finding.repair.act) == ("no_number", "assign_number")
    assert ward.open_codes() == ["no_number"]
    assign_number(
        ward.line.kernel,
        actor=ward.shop.actor,
        connection_id=twilio.id,
        number_id=twilio.numbers[0].id,
        agent_id=ward.shop.agent.id,
    )
    ward.line.work()
    assert (codes(ward), ward.open_codes()) == ([], [])


def test_a_pause_is_a_note_and_ends_no_trouble(ward: Ward) -> None:
    ward.tell_slack()
    ward.change(ward.shop.twilio, token_expires_at=ward.clock.now() + timedelta(days=1))
    ward.look()
    pause(ward.line.kernel, actor=ward.shop.actor, connection_id=ward.shop.twilio.id)
    ward.line.work()
    assert codes(ward) == [("token_expires", "warning"), ("paused", "note")]
    assert ward.open_codes() == ["token_expires"]
    summary = summarise(ward.line.kernel, actor=ward.shop.actor)
    assert (summary.paused, summary.warnings) == (1, 1)
    resume(ward.line.kernel, actor=ward.shop.actor, connection_id=ward.shop.twilio.id)
    ward.line.work()
    assert len(ward.told()) == 1


def test_an_uninstalled_app_is_told_and_what_a_person_ends_is_not(ward: Ward) -> None:
    ward.tell_phone()
    ward.line.sandbox.slack_control("uninstall", app=ward.line.sandbox.identities.own_app.app_id)
    ward.line.settle(*(item.id for item in ward.line.sandbox.ledger().webhooks))
    [finding] = findings(ward, ward.shop.slack.id)
    assert (finding.code, finding.repair.act) == ("ended_by_provider", "reconnect")
    assert len(ward.told("twilio")) == 1
    disconnect(ward.line.kernel, actor=ward.shop.actor, connection_id=ward.shop.twilio.id)
    ward.line.work()
    assert codes(ward, ward.shop.twilio.id) == []


def test_the_overview_filters_and_counts(ward: Ward) -> None:
    ward.break_phone()
    kernel, actor = ward.line.kernel, ward.shop.actor
    everything = list_overview(kernel, actor=actor)
    assert [row.connection.provider for row in everything.rows] == ["twilio", "slack"]  # what is broken comes first
    assert [row.severity for row in everything.rows] == ["error", ""]
    assert everything.total == 2
    assert {(option.value, option.count) for option in everything.statuses} == {("active", 1), ("needs_reauth", 1)}
    assert {(option.value, option.count) for option in everything.causes} == {("authorisation", 1)}
    assert everything.rows[1].last_success_at is not None

    def shown(**filters: str) -> list[str]:
        return [row.connection.provider for row in list_overview(kernel, actor=actor, **filters).rows]

    assert shown(provider="slack") == ["slack"]
    assert shown(status="needs_reauth") == ["twilio"]
    assert shown(cause="authorisation") == ["twilio"]
    assert shown(cause="provider_down") == []
    assert shown(query=" TWIL ") == ["twilio"]
    assert shown(query="bri") == ["twilio", "slack"]
    disconnect(kernel, actor=actor, connection_id=ward.shop.slack.id)
    assert shown() == ["twilio"]
    assert shown(status="disconnected") == ["slack"]


def test_an_agent_sees_what_concerns_it(ward: Ward) -> None:
    ward.break_phone()
    ward.change(ward.shop.twilio, agent_id=None)  # the whole company's, with a number of the agent's
    kernel, actor = ward.line.kernel, ward.shop.actor
    assert [f.code for f in list_findings(kernel, actor=actor, agent_id=ward.shop.agent.id)] == ["needs_reauth"]
    assert list_findings(kernel, actor=actor, agent_id=new_id()) == ()


def test_tenants_do_not_see_each_others_health(ward: Ward) -> None:
    other = ward.line.open_shop("Harbor", is_second=True)
    ward.tell_slack()
    ward.break_phone()
    ward.line.work()
    kernel = ward.line.kernel
    assert list_findings(kernel, actor=other.actor) == ()
    assert list_findings(kernel, actor=other.actor, connection_id=ward.shop.twilio.id) == ()
    assert {row.connection.id for row in list_overview(kernel, actor=other.actor).rows} == {
        other.slack.id,
        other.twilio.id,
    }
    with pytest.raises(NotFound):
        get_health(kernel, actor=other.actor, connection_id=ward.shop.twilio.id)
    ward.line.sandbox.fail("twilio", "401")
    assert not ward.try_out(other.twilio, shop=other)
    ward.line.work()
    assert len(ward.told()) == 1  # nobody else's place is told


def test_every_role_sees_health(ward: Ward) -> None:
    for role in Role:
        actor = as_role(ward.shop.actor, role)
        assert list_findings(ward.line.kernel, actor=actor) == ()
        assert summarise(ward.line.kernel, actor=actor).healthy == 2
