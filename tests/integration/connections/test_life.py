"""What happens to a connection that stays: status, history, pause, name, agent, and repair by keys."""

from datetime import timedelta
from uuid import UUID

import pytest

from models import CauseClass, ConnectionStatus, Role
from services import connections
from services.connections import AgentChoice, ConnectionChanges, ConnectionView
from services.kernel.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NeedsReauth,
    NotFound,
    PatchbayError,
    Refused,
    RetryLater,
)
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.tenants import Actor, system_actor
from tests.integration.connections.consent import connect_by_consent
from tests.integration.connections.scene import Browser, as_role, audit_actions, new_agent
from tests.integration.connections.test_keys import connect_slack, connect_twilio, load, slack_values, twilio_values
from tests.support.clock import FakeClock
from tests.support.sandbox import SandboxClient

DOWN = RetryLater("Slack is not available (HTTP 503).", status=503, provider="slack")
BUSY = RetryLater("Slack asks us to slow down.", status=429, provider="slack")
GONE = NeedsReauth("Slack no longer accepts this connection's token. Connect again.", provider="slack")
LACKING = Refused("A right is missing.", code="missing_scope", provider="slack")
ELSEWHERE = Refused("The channel is archived.", code="is_archived", provider="slack")


@pytest.fixture
def view(kernel: Kernel, owner: Browser, sandbox: SandboxClient) -> ConnectionView:
    """A connection to Slack by keys, for no agent."""
    return connect_slack(kernel, owner.actor, sandbox, None)


def fail(kernel: Kernel, actor: Actor, view: ConnectionView, *errors: PatchbayError) -> ConnectionView:
    """Let calls fail one after the other."""
    for error in errors:
        row = load(kernel, actor, view.id)
        with kernel.unit_of_work(actor.tenant_id) as work:
            connections.note_failure(work, row, error, now=kernel.clock.now())
    return now_of(kernel, actor, view)


def succeed(kernel: Kernel, actor: Actor, view: ConnectionView) -> ConnectionView:
    """Let a call go through."""
    row = load(kernel, actor, view.id)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connections.note_success(work, row, now=kernel.clock.now())
    return now_of(kernel, actor, view)


def now_of(kernel: Kernel, actor: Actor, view: ConnectionView) -> ConnectionView:
    return connections.get_connection(kernel, actor=actor, connection_id=view.id)


def steps(kernel: Kernel, actor: Actor, view: ConnectionView) -> list[tuple[str, str, str]]:
    """Return the history as (from, to, cause), the oldest first."""
    page = connections.list_transitions(kernel, actor=actor, connection_id=view.id)
    return [(item.from_status, item.to_status, item.cause) for item in reversed(page.items)]


def test_connecting_is_the_first_line_of_the_history(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    [first] = connections.list_transitions(kernel, actor=owner.actor, connection_id=view.id).items
    assert (first.from_status, first.to_status, first.cause) == ("pending", "active", "none")
    assert (first.reason, first.actor_kind, first.actor_label) == ("Connected", "user", owner.actor.label)
    assert view.next_check_at is not None
    assert timedelta(minutes=54) <= view.next_check_at - first.created_at <= timedelta(minutes=66)


def test_a_provider_that_is_down_twice_degrades_and_the_first_success_repairs(
    kernel: Kernel, owner: Browser, view: ConnectionView
) -> None:
    once = fail(kernel, owner.actor, view, DOWN)
    assert (once.status, once.cause, once.error_count) == ("active", "none", 1)
    twice = fail(kernel, owner.actor, view, DOWN)
    assert (twice.status, twice.cause, twice.last_error) == ("degraded", "provider_down", DOWN.message)
    assert twice.next_check_at is not None
    assert view.next_check_at is not None
    assert twice.next_check_at < view.next_check_at
    after = succeed(kernel, owner.actor, view)
    assert (after.status, after.cause, after.last_error, after.error_count) == ("active", "none", "", 0)
    assert steps(kernel, owner.actor, view)[1:] == [
        ("active", "degraded", "provider_down"),
        ("degraded", "active", "none"),
    ]
    assert audit_actions(kernel, owner.actor) == ["connection.created"]


def test_one_success_in_between_starts_the_count_again(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    fail(kernel, owner.actor, view, DOWN)
    succeed(kernel, owner.actor, view)
    assert fail(kernel, owner.actor, view, DOWN).status == "active"


def test_a_refused_credential_needs_a_person_at_once(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    after = fail(kernel, owner.actor, view, GONE)
    assert (after.status, after.cause, after.next_check_at) == ("needs_reauth", "authorisation", None)
    still = fail(kernel, owner.actor, view, DOWN, DOWN)
    assert (still.status, still.cause) == ("needs_reauth", "authorisation")


def test_causes_are_told_apart(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    assert fail(kernel, owner.actor, view, BUSY, BUSY).cause == "rate_limit"
    assert fail(kernel, owner.actor, view, DOWN).cause == "provider_down"
    assert fail(kernel, owner.actor, view, LACKING).cause == "permission"
    assert [step[2] for step in steps(kernel, owner.actor, view)[1:]] == ["rate_limit", "provider_down", "permission"]


def test_a_missing_right_is_not_forgotten_because_another_call_goes_through(
    kernel: Kernel, owner: Browser, view: ConnectionView
) -> None:
    assert fail(kernel, owner.actor, view, LACKING).status == "degraded"
    assert succeed(kernel, owner.actor, view).cause == "permission"
    assert connections.test_connection(kernel, actor=owner.actor, connection_id=view.id).succeeded
    assert now_of(kernel, owner.actor, view).status == "active"


def test_a_call_that_was_under_way_does_not_repair_a_refused_credential(
    kernel: Kernel, owner: Browser, view: ConnectionView
) -> None:
    fail(kernel, owner.actor, view, GONE)
    after = succeed(kernel, owner.actor, view)
    assert (after.status, after.cause, after.last_error) == ("needs_reauth", "authorisation", GONE.message)
    assert connections.test_connection(kernel, actor=owner.actor, connection_id=view.id).succeeded
    assert now_of(kernel, owner.actor, view).status == "active"


def test_nor_does_it_during_a_pause(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    connections.pause(kernel, actor=owner.actor, connection_id=view.id)
    fail(kernel, owner.actor, view, GONE)
    assert succeed(kernel, owner.actor, view).cause == "authorisation"
    assert connections.resume(kernel, actor=owner.actor, connection_id=view.id).status == "needs_reauth"


def test_a_refusal_about_one_channel_changes_nothing(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    after = fail(kernel, owner.actor, view, ELSEWHERE, ELSEWHERE, ELSEWHERE)
    assert (after.status, after.cause, after.error_count) == ("active", "none", 3)


def test_a_change_that_comes_too_late_is_dropped(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    stale = load(kernel, owner.actor, view.id)
    connections.disconnect(kernel, actor=owner.actor, connection_id=view.id)
    before = steps(kernel, owner.actor, view)
    actor = system_actor(owner.actor.tenant_id, "Slack")
    with kernel.unit_of_work(owner.actor.tenant_id) as work:
        for to in (ConnectionStatus.NEEDS_REAUTH, ConnectionStatus.DEGRADED, ConnectionStatus.PAUSED):
            assert not connections.change_status(
                work,
                stale,
                to=to,
                cause=CauseClass.AUTHORISATION,
                reason="late",
                actor=actor,
                now=kernel.clock.now(),
            )
    assert steps(kernel, owner.actor, view) == before


def test_the_history_is_paged_latest_first(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    for _ in range(3):
        connections.pause(kernel, actor=owner.actor, connection_id=view.id)
        connections.resume(kernel, actor=owner.actor, connection_id=view.id)
    seen: list[str] = []
    cursor = ""
    while True:
        page = connections.list_transitions(kernel, actor=owner.actor, connection_id=view.id, cursor=cursor, limit=3)
        seen += [item.to_status for item in page.items]
        cursor = page.next_cursor
        if not cursor:
            break
    assert seen == ["active", "paused"] * 3 + ["active"]
    with pytest.raises(InvalidInput):
        connections.list_transitions(kernel, actor=owner.actor, connection_id=view.id, cursor="x")


def test_pausing_and_resuming_is_written_down(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    paused = connections.pause(kernel, actor=owner.actor, connection_id=view.id)
    assert (paused.status, paused.next_check_at) == ("paused", None)
    assert connections.pause(kernel, actor=owner.actor, connection_id=view.id) == paused
    resumed = connections.resume(kernel, actor=owner.actor, connection_id=view.id)
    assert (resumed.status, resumed.next_check_at) == ("active", kernel.clock.now())
    assert connections.resume(kernel, actor=owner.actor, connection_id=view.id) == resumed
    assert audit_actions(kernel, owner.actor) == ["connection.created", "connection.paused", "connection.resumed"]


def test_trouble_during_a_pause_shows_when_it_ends(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    connections.pause(kernel, actor=owner.actor, connection_id=view.id)
    assert fail(kernel, owner.actor, view, DOWN, DOWN).status == "paused"
    assert fail(kernel, owner.actor, view, GONE).status == "paused"
    after = connections.resume(kernel, actor=owner.actor, connection_id=view.id)
    assert (after.status, after.cause) == ("needs_reauth", "authorisation")


def test_what_is_disconnected_can_be_neither_paused_nor_changed(
    kernel: Kernel, owner: Browser, view: ConnectionView
) -> None:
    connections.disconnect(kernel, actor=owner.actor, connection_id=view.id)
    for act in (connections.pause, connections.resume):
        with pytest.raises(Conflict):
            act(kernel, actor=owner.actor, connection_id=view.id)
    with pytest.raises(Conflict):
        connections.update_settings(
            kernel, actor=owner.actor, connection_id=view.id, changes=ConnectionChanges(name="Desk")
        )


def test_a_connection_is_named_and_given_to_another_agent(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    agent_id = new_agent(kernel, owner.actor)
    changes = ConnectionChanges(name="  Front   desk ", agent=AgentChoice(agent_id))
    after = connections.update_settings(kernel, actor=owner.actor, connection_id=view.id, changes=changes)
    assert (view.name, after.name, after.agent_name) == ("Northwind Creators", "Front desk", "Bri")
    assert after.used_by.agents == ("Bri",)
    back = connections.update_settings(
        kernel, actor=owner.actor, connection_id=view.id, changes=ConnectionChanges(name="", agent=AgentChoice(None))
    )
    assert (back.name, back.agent_id) == ("Northwind Creators", None)
    again = connections.update_settings(kernel, actor=owner.actor, connection_id=view.id, changes=ConnectionChanges())
    assert again == back
    assert audit_actions(kernel, owner.actor).count("connection.updated") == 2


def test_wrong_changes_are_named(
    kernel: Kernel, owner: Browser, stranger: Browser, sandbox: SandboxClient, view: ConnectionView
) -> None:
    def change(changes: ConnectionChanges) -> ConnectionView:
        return connections.update_settings(kernel, actor=owner.actor, connection_id=view.id, changes=changes)

    for name in ("x" * 81, "a\x00b", "a\u202eb"):
        with pytest.raises(InvalidInput) as caught:
            change(ConnectionChanges(name=name))
        assert caught.value.field == "name"
    for agent_id in (new_id(), new_agent(kernel, stranger.actor)):
        with pytest.raises(NotFound):
            change(ConnectionChanges(agent=AgentChoice(agent_id)))
    taken = new_agent(kernel, owner.actor, "Ana")
    connect_slack(kernel, owner.actor, sandbox, taken)
    with pytest.raises(Conflict, match="already connected for Ana"):
        change(ConnectionChanges(agent=AgentChoice(taken)))


def test_rights_are_checked(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    viewer = as_role(owner.actor, Role.VIEWER)
    for act in (connections.pause, connections.resume, connections.plan_reconnect, connections.delete_connection):
        with pytest.raises(Forbidden):
            act(kernel, actor=viewer, connection_id=view.id)
    assert connections.list_transitions(kernel, actor=viewer, connection_id=view.id).items
    assert connections.preview_disconnect(kernel, actor=viewer, connection_id=view.id).sentences


def test_another_tenants_connection_is_not_there(kernel: Kernel, stranger: Browser, view: ConnectionView) -> None:
    for act in (
        connections.pause,
        connections.resume,
        connections.plan_reconnect,
        connections.preview_disconnect,
        connections.list_transitions,
        connections.disconnect,
        connections.delete_connection,
    ):
        with pytest.raises(NotFound):
            act(kernel, actor=stranger.actor, connection_id=view.id)


def test_keys_repair_the_same_account_and_no_other(kernel: Kernel, owner: Browser, sandbox: SandboxClient) -> None:
    view = connect_twilio(kernel, owner.actor, sandbox, None)
    fail(kernel, owner.actor, view, GONE)
    plan = connections.plan_reconnect(kernel, actor=owner.actor, connection_id=view.id)
    assert (plan.kind, plan.url, [field.name for field in plan.fields]) == ("keys", "", ["account_sid", "auth_token"])
    other = sandbox.identities.other_twilio
    with pytest.raises(Refused) as caught:
        connections.reconnect_with_keys(
            kernel,
            actor=owner.actor,
            connection_id=view.id,
            values={"account_sid": other.account_sid, "auth_token": other.auth_token},
        )
    assert caught.value.code == "wrong_account"
    assert now_of(kernel, owner.actor, view).status == "needs_reauth"
    token = twilio_values(sandbox)["auth_token"]
    after = connections.reconnect_with_keys(
        kernel, actor=owner.actor, connection_id=view.id, values={"auth_token": token}
    )
    assert (after.id, after.status, after.cause) == (view.id, "active", "none")
    assert after.webhook_urls == view.webhook_urls
    assert steps(kernel, owner.actor, view)[-1] == ("needs_reauth", "active", "none")


def test_consent_is_repaired_in_a_browser(kernel: Kernel, owner: Browser, sandbox: SandboxClient) -> None:
    view = connect_by_consent(kernel, owner, sandbox)
    plan = connections.plan_reconnect(kernel, actor=owner.actor, connection_id=view.id)
    path = f"/api/admin/ai-agents/integrations/slack/oauth?connection_id={view.id}"
    assert (plan.kind, plan.url, plan.fields) == ("consent", kernel.settings.public_url + path, ())
    with pytest.raises(Refused) as caught:
        connections.reconnect_with_keys(kernel, actor=owner.actor, connection_id=view.id, values=slack_values(sandbox))
    assert caught.value.code == "needs_consent"


def test_lists_are_narrowed_by_status(kernel: Kernel, owner: Browser, view: ConnectionView, clock: FakeClock) -> None:
    def listed(state: str) -> list[UUID]:
        return [item.id for item in connections.list_connections(kernel, actor=owner.actor, state=state)]

    assert (listed("active"), listed("paused")) == ([view.id], [])
    connections.pause(kernel, actor=owner.actor, connection_id=view.id)
    assert (listed("active"), listed("paused"), listed("")) == ([], [view.id], [view.id])
    with pytest.raises(InvalidInput):
        listed("broken")
