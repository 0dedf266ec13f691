"""The end of a connection: counted first, access given back, secrets gone, and finished after a crash at any step."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Connection as DbConnection

from models import Ending
from services import connections
from services.connections import ConnectionView, Consequences
from services.kernel.errors import Conflict, NotFound
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.tenants import Actor
from services.webhooks.sweep import run as sweep
from tests.integration.connections.consent import connect_by_consent
from tests.integration.connections.history import add_contact, add_history
from tests.integration.connections.scene import Browser, audit_actions, count_rows, new_agent
from tests.integration.connections.test_keys import connect_slack, connect_twilio, load
from tests.support.line import OnDemandQueue
from tests.support.sandbox import SandboxClient

HISTORY = ("conversation", "message", "turn", "webhook_delivery", "failed_attempt", "contact")


class Killed(BaseException):
    """Ends the process here; no ``except Exception`` of ours may survive it."""


@pytest.fixture
def agent_id(kernel: Kernel, owner: Browser) -> UUID:
    """An agent."""
    return new_agent(kernel, owner.actor)


@pytest.fixture
def view(kernel: Kernel, owner: Browser, sandbox: SandboxClient, agent_id: UUID) -> ConnectionView:
    """A connection to Slack by consent, with one conversation."""
    return connect_with_history(kernel, owner, sandbox, agent_id=agent_id)


def connect_with_history(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, *, agent_id: UUID | None = None
) -> ConnectionView:
    """Connect Slack by consent for an agent, a new one if none is given, and add a conversation."""
    agent_id = agent_id or new_agent(kernel, owner.actor, f"Bri {new_id()}")
    connected = connect_by_consent(kernel, owner, sandbox, agent_id=agent_id)
    contact_id = add_contact(kernel, owner.actor)
    add_history(kernel, owner.actor, connection_id=connected.id, agent_id=agent_id, contact_id=contact_id)
    return connected


@contextmanager
def killed_at_commit(kernel: Kernel, number: int) -> Generator[None]:
    """Let the process die just before its nth commit from here on."""
    count = 0

    def on_commit(connection: DbConnection) -> None:
        nonlocal count
        count += 1
        if count == number:
            driver = connection.connection.dbapi_connection
            assert driver
            driver.close()  # as the system closes a dead process's sockets; the server rolls back
            raise Killed

    event.listen(kernel.database.engine, "commit", on_commit)
    try:
        yield
    finally:
        event.remove(kernel.database.engine, "commit", on_commit)


def resume_after_crash(kernel: Kernel, actor: Actor) -> list[str]:
    """Let the dead process's lease run out, and the sweeper's finds be done; return the jobs it woke for that."""
    with kernel.unit_of_work(actor.tenant_id) as work:
        work.session.connection().execute(
            text(
                "UPDATE connection SET lease_until = clock_timestamp() - interval '1 second'"
                " WHERE tenant_id = :tenant AND lease_until IS NOT NULL"
            ),
            {"tenant": actor.tenant_id},
        )
    queue = OnDemandQueue()
    sweep(replace(kernel, queue=queue))
    found = [wake for wake in queue.wakes if wake.job == "end_connection"]
    for wake in found:
        connections.end_connection(kernel, tenant_id=wake.tenant_id, connection_id=wake.row_id)
    return [wake.job for wake in found]


def message_states(kernel: Kernel, actor: Actor) -> list[str]:
    with kernel.unit_of_work(actor.tenant_id) as work:
        rows = work.session.connection().execute(
            text("SELECT state FROM message WHERE tenant_id = :tenant ORDER BY id"), {"tenant": actor.tenant_id}
        )
        return list(rows.scalars())


def revocations(sandbox: SandboxClient) -> int:
    return sandbox.ledger().calls.get("slack auth.revoke", 0)


def test_consequences_are_counted_before_anything_happens(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    found = connections.preview_disconnect(kernel, actor=owner.actor, connection_id=view.id)
    assert found == Consequences(
        agents=("Bri",),
        channels=1,
        numbers=(),
        waiting_answers=2,
        conversations=1,
        messages=3,
        can_revoke=True,
        effects=found.effects,
        sentences=(
            "Bri stops answering here.",
            "1 channel falls silent.",
            "2 waiting answers are dropped.",
            "1 conversation can still be read, unless you delete it.",
            "Slack is told to end Patchbay's access.",
            *found.effects,
        ),
    )
    assert view.used_by.conversations == 0
    assert connections.get_connection(kernel, actor=owner.actor, connection_id=view.id).used_by.conversations == 1
    assert audit_actions(kernel, owner.actor) == ["connection.created"]


def test_keys_that_were_pasted_are_forgotten_but_not_revoked(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, agent_id: UUID
) -> None:
    slack = connect_slack(kernel, owner.actor, sandbox, agent_id)
    twilio = connect_twilio(kernel, owner.actor, sandbox, None)
    number = twilio.numbers[0]
    connections.assign_number(
        kernel, actor=owner.actor, connection_id=twilio.id, number_id=number.id, agent_id=agent_id
    )
    preview = connections.preview_disconnect(kernel, actor=owner.actor, connection_id=twilio.id)
    assert (preview.can_revoke, preview.numbers, preview.channels) == (False, (number.number,), 1)
    assert preview.sentences[:2] == ("Bri stops answering here.", "1 number falls silent.")
    for view, name in ((slack, "Slack"), (twilio, "Twilio")):
        done = connections.disconnect(kernel, actor=owner.actor, connection_id=view.id)
        assert done.revocation is not None
        assert not done.revocation.done
        assert f"stay valid at {name}" in done.revocation.said
    assert count_rows(kernel, "credential") == 0
    assert revocations(sandbox) == 0
    assert connect_slack(kernel, owner.actor, sandbox, agent_id).id == slack.id


def test_access_is_given_back_and_the_answer_reported(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, view: ConnectionView
) -> None:
    done = connections.disconnect(kernel, actor=owner.actor, connection_id=view.id)
    assert done.revocation is not None
    assert (done.revocation.done, done.revocation.said) == (True, "Slack revoked the access (auth.revoke).")
    after = done.connection
    assert (after.status, after.cause, after.is_ending, after.credential_hints) == ("disconnected", "none", False, ())
    assert (after.webhook_urls, after.next_check_at, after.token_expires_at) == ((), None, None)
    assert revocations(sandbox) == 1
    assert count_rows(kernel, "credential") == count_rows(kernel, "webhook_endpoint") == 0
    history = connections.list_transitions(kernel, actor=owner.actor, connection_id=view.id).items
    assert [(item.to_status, item.reason) for item in history[:2]] == [
        ("disconnected", "Slack revoked the access (auth.revoke)."),
        ("disconnected", "Disconnected"),
    ]
    assert audit_actions(kernel, owner.actor)[1:] == ["connection.disconnected", "connection.access_revoked"]


def test_waiting_answers_are_dropped_and_history_stays(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    connections.disconnect(kernel, actor=owner.actor, connection_id=view.id)
    assert message_states(kernel, owner.actor) == ["received", "sent", "failed"]
    assert [count_rows(kernel, table) for table in HISTORY] == [1, 3, 1, 1, 1, 1]
    preview = connections.preview_disconnect(kernel, actor=owner.actor, connection_id=view.id)
    assert (preview.waiting_answers, preview.conversations) == (0, 1)


def test_history_is_deleted_when_asked_and_nothing_of_others(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, view: ConnectionView, agent_id: UUID
) -> None:
    other = connect_twilio(kernel, owner.actor, sandbox, None)
    both = add_contact(kernel, owner.actor)
    for connection_id in (view.id, other.id):
        add_history(kernel, owner.actor, connection_id=connection_id, agent_id=agent_id, contact_id=both)
    done = connections.disconnect(kernel, actor=owner.actor, connection_id=view.id, keep_history=False)
    assert done.connection.used_by.conversations == 0
    assert [count_rows(kernel, table) for table in HISTORY] == [1, 3, 1, 1, 1, 1]
    assert count_rows(kernel, "opt_out") == 3
    assert connections.get_connection(kernel, actor=owner.actor, connection_id=other.id).used_by.conversations == 1
    assert "connection.history_deleted" in audit_actions(kernel, owner.actor)


def test_history_can_be_deleted_after_the_disconnect(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    connections.disconnect(kernel, actor=owner.actor, connection_id=view.id)
    again = connections.disconnect(kernel, actor=owner.actor, connection_id=view.id, keep_history=False)
    assert again.revocation is None
    assert [count_rows(kernel, table) for table in HISTORY] == [0, 0, 0, 0, 0, 0]
    assert audit_actions(kernel, owner.actor)[-1] == "connection.history_deleted"


def test_a_deleted_connection_is_gone_but_for_the_audit_log(
    kernel: Kernel, owner: Browser, view: ConnectionView
) -> None:
    gone = connections.delete_connection(kernel, actor=owner.actor, connection_id=view.id)
    assert gone.revocation is not None
    assert gone.revocation.done
    with pytest.raises(NotFound):
        connections.get_connection(kernel, actor=owner.actor, connection_id=view.id)
    left = ("connection", "connection_transition", "connection_check", "credential", "opt_out", *HISTORY)
    assert {table: count_rows(kernel, table) for table in left} == dict.fromkeys(left, 0)
    assert {"connection.deleted", "connection.access_revoked"} <= set(audit_actions(kernel, owner.actor))
    with pytest.raises(NotFound):
        connections.delete_connection(kernel, actor=owner.actor, connection_id=view.id)


def test_what_was_disconnected_long_ago_can_be_deleted(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    connections.disconnect(kernel, actor=owner.actor, connection_id=view.id)
    assert connections.delete_connection(kernel, actor=owner.actor, connection_id=view.id).revocation is None
    assert count_rows(kernel, "connection") == 0
    assert audit_actions(kernel, owner.actor)[-1] == "connection.deleted"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("500", "Slack is not available (HTTP 500)."),
        ("429", "Slack asks us to slow down."),
        ("reset", "could not be"),
        ("garbage", "Slack's answer could not be read."),
    ],
)
def test_secrets_are_forgotten_even_if_the_provider_does_not_answer(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, view: ConnectionView, fault: str, said: str
) -> None:
    sandbox.fail("slack", fault, method="auth.revoke")
    done = connections.disconnect(kernel, actor=owner.actor, connection_id=view.id)
    assert done.revocation is not None
    assert not done.revocation.done
    assert said in done.revocation.said or fault == "reset"
    assert done.revocation.said.endswith("The access may still be valid there: remove the app in Slack.")
    assert count_rows(kernel, "credential") == 0
    assert not done.connection.is_ending
    assert audit_actions(kernel, owner.actor)[-1] == "connection.access_not_revoked"


def test_access_that_had_ended_before_counts_as_ended(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, view: ConnectionView
) -> None:
    sandbox.fail("slack", "401", method="auth.revoke")
    done = connections.disconnect(kernel, actor=owner.actor, connection_id=view.id)
    assert done.revocation is not None
    assert (done.revocation.done, done.revocation.said) == (True, "The access had ended at Slack before.")


def test_access_that_another_connection_holds_too_is_kept(
    kernel: Kernel, owner: Browser, stranger: Browser, sandbox: SandboxClient, view: ConnectionView
) -> None:
    elsewhere = connect_by_consent(kernel, stranger, sandbox)
    preview = connections.preview_disconnect(kernel, actor=owner.actor, connection_id=view.id)
    assert not preview.can_revoke
    done = connections.disconnect(kernel, actor=owner.actor, connection_id=view.id)
    assert done.revocation is not None
    assert "another connection to the same workspace" in done.revocation.said
    assert count_rows(kernel, "credential") > 0
    assert revocations(sandbox) == 0
    assert connections.test_connection(kernel, actor=stranger.actor, connection_id=elsewhere.id).succeeded
    last = connections.disconnect(kernel, actor=stranger.actor, connection_id=elsewhere.id)
    assert last.revocation is not None
    assert last.revocation.done
    assert count_rows(kernel, "credential") == 0


def test_disconnected_accounts_are_connected_again_as_they_were(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, view: ConnectionView, agent_id: UUID
) -> None:
    connections.disconnect(kernel, actor=owner.actor, connection_id=view.id)
    again = connect_by_consent(kernel, owner, sandbox, agent_id=agent_id)
    assert (again.id, again.status, again.used_by.conversations) == (view.id, "active", 1)
    assert connections.test_connection(kernel, actor=owner.actor, connection_id=again.id).succeeded


def test_an_uninstalled_app_ends_the_connection_without_the_button(
    kernel: Kernel, owner: Browser, view: ConnectionView
) -> None:
    row = load(kernel, owner.actor, view.id)
    with kernel.unit_of_work(owner.actor.tenant_id) as work:
        connections.note_revoked(work, row, reason="The app was uninstalled in Slack.", now=kernel.clock.now())
        assert "end_connection" in {wake.job for wake in work.wakes}
    assert count_rows(kernel, "credential") == 0
    connections.end_connection(kernel, tenant_id=owner.actor.tenant_id, connection_id=view.id)
    after = connections.get_connection(kernel, actor=owner.actor, connection_id=view.id)
    assert (after.status, after.is_ending, after.last_error) == (
        "disconnected",
        False,
        "The app was uninstalled in Slack.",
    )
    assert message_states(kernel, owner.actor) == ["received", "sent", "failed"]


@pytest.mark.parametrize("ending", [Ending.KEEP_HISTORY, Ending.DELETE_ALL])
def test_whatever_step_it_dies_at_the_next_attempt_finishes(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, ending: Ending
) -> None:
    died, step = True, 0
    while died:
        step += 1
        view = connect_with_history(kernel, owner, sandbox)
        revoked_before = revocations(sandbox)

        def run(view: ConnectionView = view) -> None:
            if ending is Ending.DELETE_ALL:
                connections.delete_connection(kernel, actor=owner.actor, connection_id=view.id)
            else:
                connections.disconnect(kernel, actor=owner.actor, connection_id=view.id)

        died = False
        with killed_at_commit(kernel, step):
            try:
                run()
            except Killed:
                died = True
        if died and count_rows(kernel, "connection") and load(kernel, owner.actor, view.id).status.value == "active":
            run()  # Nothing was promised yet: the person sees an error and asks again.
        elif died:
            resume_after_crash(kernel, owner.actor)
        assert count_rows(kernel, "credential") == count_rows(kernel, "webhook_endpoint") == 0
        assert 1 <= revocations(sandbox) - revoked_before <= 2
        assert "queued" not in message_states(kernel, owner.actor)
        if ending is Ending.DELETE_ALL:
            assert count_rows(kernel, "connection") == count_rows(kernel, "conversation") == 0
        else:
            row = load(kernel, owner.actor, view.id)
            assert (row.status.value, row.ending, row.lease_until) == ("disconnected", Ending.NONE, None)
            assert count_rows(kernel, "conversation") == step
        assert resume_after_crash(kernel, owner.actor) == []
    assert step >= 5


def test_dying_while_the_provider_is_called_leaves_nothing_that_could_be_used(
    kernel: Kernel, owner: Browser, view: ConnectionView
) -> None:
    class DeadlyClient:
        def request(self, *_: object, **__: object) -> object:
            raise Killed

    dying = replace(kernel, http=DeadlyClient())  # pyright: ignore[reportArgumentType]
    with pytest.raises(Killed):
        connections.disconnect(dying, actor=owner.actor, connection_id=view.id)
    between = connections.get_connection(kernel, actor=owner.actor, connection_id=view.id)
    assert (between.status, between.is_ending, between.webhook_urls) == ("disconnected", True, ())
    with pytest.raises(Conflict):
        connections.test_connection(kernel, actor=owner.actor, connection_id=view.id)
    queue = OnDemandQueue()
    sweep(replace(kernel, queue=queue))
    assert "end_connection" not in {wake.job for wake in queue.wakes}
    assert resume_after_crash(kernel, owner.actor) == ["end_connection"]
    after = connections.get_connection(kernel, actor=owner.actor, connection_id=view.id)
    assert (after.is_ending, after.credential_hints) == (False, ())


def test_a_second_wish_may_add_to_the_first(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    with killed_at_commit(kernel, 3), pytest.raises(Killed):
        connections.disconnect(kernel, actor=owner.actor, connection_id=view.id)
    with kernel.unit_of_work(owner.actor.tenant_id) as work:
        work.session.connection().execute(
            text("UPDATE connection SET lease_until = NULL WHERE tenant_id = :tenant"),
            {"tenant": owner.actor.tenant_id},
        )
    connections.disconnect(kernel, actor=owner.actor, connection_id=view.id, keep_history=False)
    assert count_rows(kernel, "conversation") == 0


def test_the_token_that_is_being_renewed_is_waited_for(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, view: ConnectionView
) -> None:
    with kernel.unit_of_work(owner.actor.tenant_id) as work:
        work.session.connection().execute(
            text(
                "UPDATE connection SET lease_until = clock_timestamp() + interval '0.5 seconds', lease_token = id"
                " WHERE tenant_id = :tenant"
            ),
            {"tenant": owner.actor.tenant_id},
        )
    done = connections.disconnect(kernel, actor=owner.actor, connection_id=view.id)
    assert done.revocation is not None
    assert done.revocation.done
    assert not done.connection.is_ending
