"""A process killed in the middle of a renewal, a rotation of keys or a disconnect: the next one finishes the work.

The work is done by a process of its own, which kill -9 ends while a provider keeps silent or a table is locked.
"""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from models import DataKeyState, RotationState
from services import connections, vault
from services.connections import ConnectionView
from services.kernel.kernel import Kernel, build_kernel
from services.kernel.settings import Settings
from services.tenants import Actor
from tests.integration.connections.consent import connect_by_consent
from tests.integration.connections.scene import Browser, audit_actions, count_rows, new_tenant
from tests.integration.vault.safe import new_safe
from tests.support.line import Line, running_line
from tests.support.product import eventually

Act = Callable[[Kernel, Actor, UUID], object]

RENEWAL, REVOCATION = "oauth.v2.access", "auth.revoke"


def renew(kernel: Kernel, actor: Actor, connection_id: UUID) -> None:
    connections.refresh_connection(kernel, tenant_id=actor.tenant_id, connection_id=connection_id)


def disconnect(kernel: Kernel, actor: Actor, connection_id: UUID) -> None:
    connections.disconnect(kernel, actor=actor, connection_id=connection_id)


def rotate(kernel: Kernel, actor: Actor, rotation_id: UUID) -> None:
    vault.resume_rotation(kernel, tenant_id=actor.tenant_id, rotation_id=rotation_id)


def run_act(settings: Settings, act: Act, actor: Actor, row_id: UUID) -> None:
    """Do what the killed process does, with seams of its own."""
    act(build_kernel(settings), actor, row_id)


def kill_in_the_middle(kernel: Kernel, act: Act, *, actor: Actor, row_id: UUID, moment: Callable[[], bool]) -> None:
    """Let another process begin the act, and end it with kill -9 once the moment has come."""
    # From a server that has imported all this once: each child then begins at once.
    context = get_context("forkserver")
    context.set_forkserver_preload(["pytest", __name__])
    child = context.Process(target=run_act, args=(kernel.settings, act, actor, row_id), daemon=True)
    child.start()
    try:
        eventually(lambda: moment() or not child.is_alive(), what=f"the middle of {act.__name__}", seconds=30)
        assert child.is_alive(), f"{act.__name__} ended by itself: {child.exitcode}"
    finally:
        child.kill()
        child.join(timeout=10)
    assert child.exitcode == -signal.SIGKILL


@pytest.fixture
def line(settings: Settings, tmp_path: Path) -> Generator[Line]:
    """The product on a fresh database, by real time."""
    with running_line(settings, tmp_path / "providers") as running:
        yield running


@pytest.fixture
def owner(line: Line) -> Browser:
    """The owner of the tenant."""
    return new_tenant(line.kernel, "northwind")


@pytest.fixture
def slack(line: Line, owner: Browser) -> ConnectionView:
    """A connection whose token ends and can be renewed once with each refresh token."""
    line.sandbox.rotate_tokens()
    connected = connect_by_consent(line.kernel, owner, line.sandbox)
    line.work()
    return connected


def kill_while_slack_is_silent(line: Line, act: Act, slack: ConnectionView, *, fault: str, actor: Actor) -> None:
    """Kill the process that waits for Slack's answer to the act; its lease holds the others off, then runs out."""
    method = RENEWAL if act is renew else REVOCATION
    line.sandbox.fail("slack", fault, method=method)
    before = calls(line, method)
    kill_in_the_middle(line.kernel, act, actor=actor, row_id=slack.id, moment=lambda: not line.sandbox.pending_faults())
    line.work(with_sweep=True)
    assert calls(line, method) == before + 1, "the dead process's lease still counts"
    _execute(line.kernel, "UPDATE connection SET lease_until = clock_timestamp() WHERE lease_until IS NOT NULL")
    line.work(with_sweep=True)
    assert calls(line, method) == before + 2


def calls(line: Line, method: str) -> int:
    return line.sandbox.ledger().calls.get(f"slack {method}", 0)


def _execute(kernel: Kernel, statement: str) -> None:
    with kernel.unscoped_session("test moves the database's time") as session:
        session.connection().execute(text(statement))


def let_token_end(kernel: Kernel) -> None:
    _execute(kernel, "UPDATE connection SET refresh_due_at = clock_timestamp(), token_expires_at = clock_timestamp()")


def test_killed_in_a_renewal_that_the_provider_never_took_on(line: Line, owner: Browser, slack: ConnectionView) -> None:
    let_token_end(line.kernel)

    kill_while_slack_is_silent(line, renew, slack, fault="hang", actor=owner.actor)

    after = connections.get_connection(line.kernel, actor=owner.actor, connection_id=slack.id)
    assert (after.status, after.error_count) == ("active", 0)
    assert after.token_expires_at is not None and after.token_expires_at > line.kernel.clock.now()
    assert connections.test_connection(line.kernel, actor=owner.actor, connection_id=slack.id).succeeded


def test_killed_in_a_renewal_that_spent_the_refresh_token(line: Line, owner: Browser, slack: ConnectionView) -> None:
    let_token_end(line.kernel)

    kill_while_slack_is_silent(line, renew, slack, fault="accept_then_hang", actor=owner.actor)

    after = connections.get_connection(line.kernel, actor=owner.actor, connection_id=slack.id)
    assert after.status == "needs_reauth"
    assert "cut off" in after.last_error
    line.work(with_sweep=True)
    assert calls(line, RENEWAL) == 3, "what was refused is not asked again"
    again = connect_by_consent(line.kernel, owner, line.sandbox)
    assert (again.id, again.status) == (slack.id, "active")
    assert connections.test_connection(line.kernel, actor=owner.actor, connection_id=slack.id).succeeded


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("hang", "Slack revoked the access (auth.revoke)."),
        ("accept_then_hang", "The access had ended at Slack before."),
    ],
)
def test_killed_in_a_disconnect(line: Line, owner: Browser, slack: ConnectionView, fault: str, said: str) -> None:
    kill_while_slack_is_silent(line, disconnect, slack, fault=fault, actor=owner.actor)

    after = connections.get_connection(line.kernel, actor=owner.actor, connection_id=slack.id)
    assert (after.status, after.is_ending, after.credential_hints) == ("disconnected", False, ())
    assert count_rows(line.kernel, "credential") == count_rows(line.kernel, "webhook_endpoint") == 0
    history = connections.list_transitions(line.kernel, actor=owner.actor, connection_id=slack.id).items
    assert [item.reason for item in history[:2]] == [said, "Disconnected"]
    assert audit_actions(line.kernel, owner.actor)[1:] == ["connection.disconnected", "connection.access_revoked"]
    line.work(with_sweep=True)
    assert calls(line, REVOCATION) == 2


@contextmanager
def locked(kernel: Kernel, table: str) -> Generator[Callable[[], bool]]:
    """Lock a table against writes; yields the condition that somebody waits for it."""
    waits = text("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = CAST(:table AS regclass)")
    with kernel.unscoped_session("test locks a table") as session:
        session.connection().execute(text(f"LOCK TABLE {table} IN SHARE MODE"))
        yield lambda: session.connection().execute(waits, {"table": table}).first() is not None


def test_killed_in_a_rotation_again_and_again(line: Line) -> None:
    """Before the new key seals, in the midst of the secrets, and before the old key is switched off."""
    kernel = line.kernel
    safe = new_safe(kernel, credentials=600)  # more than one batch
    rotation = safe.start()
    line.queue.wakes.clear()  # the first wake-up dies with the process that had it
    seen: list[tuple[RotationState, int]] = []
    for table in ("data_key", "provider_app", "credential", "key_rotation", "data_key"):
        with locked(kernel, table) as waited_for:
            kill_in_the_middle(kernel, rotate, actor=safe.actor, row_id=rotation.id, moment=waited_for)
            seen.append((safe.rotation().state, safe.rows_by_key().get(rotation.new_key_id, 0)))
        assert safe.opened() == safe.expected, f"killed while it waited for {table}"
    assert seen == [
        (RotationState.ADDED, 0),
        (RotationState.PROMOTED, 0),
        (RotationState.PROMOTED, 3),
        (RotationState.PROMOTED, 3),
        (RotationState.REENCRYPTED, len(safe.expected)),
    ]

    def is_over() -> bool:
        # The database may need a moment to notice the death, and holds the dead one's locks until then.
        line.work(with_sweep=True)
        return safe.rotation().state is RotationState.RETIRED

    eventually(is_over, what="the end of the rotation", seconds=10)
    assert safe.rows_by_key() == {rotation.new_key_id: len(safe.expected)}
    assert safe.opened() == safe.expected
    assert safe.keys()[rotation.old_key_id].state is DataKeyState.RETIRED
