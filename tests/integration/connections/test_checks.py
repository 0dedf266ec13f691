"""Proving a connection: what a test says, how often it may be asked for, and the hourly check."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select

from models import CheckOrigin, Connection, ConnectionCheck
from services import connections
from services.connections import CheckView, ConnectionView
from services.connections.breaker import OPENS_AFTER, PROBE_EVERY
from services.kernel.errors import Conflict, NeedsReauth, RetryLater
from services.kernel.http import OutboundClient, OutboundResponse
from services.kernel.kernel import Kernel
from services.provider_kit import registry
from services.tenants import Actor
from services.webhooks.sweep import run as sweep
from tests.integration.connections.scene import Browser
from tests.integration.connections.test_keys import connect_slack, load
from tests.support.circuits import is_open, set_circuit
from tests.support.clock import FakeClock
from tests.support.line import OnDemandQueue
from tests.support.sandbox import SandboxClient


@pytest.fixture
def view(kernel: Kernel, owner: Browser, sandbox: SandboxClient) -> ConnectionView:
    """A connection to Slack by keys."""
    return connect_slack(kernel, owner.actor, sandbox, None)


def run_test(kernel: Kernel, owner: Browser, view: ConnectionView) -> CheckView:
    return connections.test_connection(kernel, actor=owner.actor, connection_id=view.id)


def now_of(kernel: Kernel, owner: Browser, view: ConnectionView) -> ConnectionView:
    return connections.get_connection(kernel, actor=owner.actor, connection_id=view.id)


def make_due(kernel: Kernel, actor: Actor, view: ConnectionView) -> None:
    """Let the hourly check be due by the database's time."""
    with kernel.unit_of_work(actor.tenant_id) as work:
        row = work.session.get(Connection, {"tenant_id": actor.tenant_id, "id": view.id})
        assert row
        row.next_check_at = kernel.clock.now() - timedelta(minutes=1)


def check(kernel: Kernel, owner: Browser, view: ConnectionView) -> ConnectionView:
    """Run the hourly check."""
    make_due(kernel, owner.actor, view)
    connections.check_connection(kernel, tenant_id=owner.actor.tenant_id, connection_id=view.id)
    return now_of(kernel, owner, view)


def checks_of(kernel: Kernel, owner: Browser) -> list[ConnectionCheck]:
    with kernel.unit_of_work(owner.actor.tenant_id) as work:
        statement = select(ConnectionCheck).where(col(ConnectionCheck.tenant_id) == owner.actor.tenant_id)
        return list(work.session.exec(statement.order_by(col(ConnectionCheck.id))).all())


def test_a_test_says_with_whom_and_how_long(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    result = run_test(kernel, owner, view)
    assert result.succeeded
    assert result.cause == "none"
    assert result.summary.startswith("Signed in as @")
    assert result.summary.endswith("at Northwind Creators (auth.test)")
    assert result.duration_ms >= 0
    assert now_of(kernel, owner, view).last_check == result


def test_down_and_wrong_are_told_apart(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, view: ConnectionView, clock: FakeClock
) -> None:
    for kind, cause in (("500", "provider_down"), ("429", "rate_limit"), ("garbage", "provider_down")):
        sandbox.fail("slack", kind)
        assert run_test(kernel, owner, view).cause == cause
        clock.advance(timedelta(seconds=10))
    assert now_of(kernel, owner, view).status == "degraded"
    sandbox.fail("slack", "401")
    failed = run_test(kernel, owner, view)
    assert (failed.succeeded, failed.cause) == (False, "authorisation")
    assert now_of(kernel, owner, view).status == "needs_reauth"


def test_a_body_is_never_repeated(kernel: Kernel, owner: Browser, sandbox: SandboxClient, view: ConnectionView) -> None:
    sandbox.fail("slack", "garbage")
    failed = run_test(kernel, owner, view)
    assert "Bad Gateway" not in failed.summary
    assert "html" not in failed.summary


def test_tests_are_rationed(kernel: Kernel, owner: Browser, view: ConnectionView, clock: FakeClock) -> None:
    run_test(kernel, owner, view)
    with pytest.raises(RetryLater, match="Test it again in 5 s") as caught:
        run_test(kernel, owner, view)
    assert (caught.value.code, caught.value.after) == ("too_many_tests", timedelta(seconds=5))
    for _ in range(9):
        clock.advance(timedelta(seconds=5))
        run_test(kernel, owner, view)
    clock.advance(timedelta(seconds=5))
    with pytest.raises(RetryLater, match="Test it again in 10 s"):
        run_test(kernel, owner, view)
    clock.advance(timedelta(seconds=10))
    assert run_test(kernel, owner, view).succeeded


def test_of_many_tests_at_once_one_reaches_the_provider(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, view: ConnectionView
) -> None:
    before = sandbox.ledger().calls["slack auth.test"]

    def attempt(_: int) -> bool:
        try:
            return run_test(kernel, owner, view).succeeded
        except RetryLater:
            return False

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(attempt, range(6))).count(True) == 1
    assert sandbox.ledger().calls["slack auth.test"] == before + 1


def test_a_test_that_was_cut_off_is_not_shown_but_counted(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, view: ConnectionView
) -> None:
    class Killed(BaseException):
        """Ends the process here."""

    class DeadlyClient:
        def request(self, *_: object, **__: object) -> object:
            raise Killed

    dying = replace(kernel, http=DeadlyClient())  # pyright: ignore[reportArgumentType]
    with pytest.raises(Killed):
        run_test(dying, owner, view)
    assert now_of(kernel, owner, view).last_check == view.last_check
    assert now_of(kernel, owner, view).status == "active"
    with pytest.raises(RetryLater):
        run_test(kernel, owner, view)


def test_the_sweeper_finds_the_hourly_check(kernel: Kernel, owner: Browser, view: ConnectionView) -> None:
    def due() -> list[UUID]:
        queue = OnDemandQueue()
        sweep(replace(kernel, queue=queue))
        return [wake.row_id for wake in queue.wakes if wake.job == "check_connection"]

    assert due() == []
    make_due(kernel, owner.actor, view)
    assert due() == [view.id]
    connections.pause(kernel, actor=owner.actor, connection_id=view.id)
    assert due() == []


def test_the_hourly_check_runs_once_when_due(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, view: ConnectionView
) -> None:
    before = sandbox.ledger().calls["slack auth.test"]
    connections.check_connection(kernel, tenant_id=owner.actor.tenant_id, connection_id=view.id)
    assert sandbox.ledger().calls["slack auth.test"] == before
    make_due(kernel, owner.actor, view)

    def attempt(_: int) -> None:
        connections.check_connection(kernel, tenant_id=owner.actor.tenant_id, connection_id=view.id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(attempt, range(4)))
    assert sandbox.ledger().calls["slack auth.test"] == before + 1
    after = now_of(kernel, owner, view)
    assert after.next_check_at is not None
    assert after.next_check_at - kernel.clock.now() >= timedelta(minutes=54)
    assert [item.origin for item in checks_of(kernel, owner)] == [CheckOrigin.CONNECT, CheckOrigin.SCHEDULE]


def test_checks_see_a_provider_go_down_and_come_back(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, view: ConnectionView
) -> None:
    sandbox.fail("slack", "500", count=2)
    assert check(kernel, owner, view).status == "active"
    down = check(kernel, owner, view)
    assert (down.status, down.cause) == ("degraded", "provider_down")
    assert down.next_check_at is not None
    assert down.next_check_at - kernel.clock.now() < timedelta(minutes=6)
    up = check(kernel, owner, view)
    assert (up.status, up.cause, up.last_error) == ("active", "none", "")


def test_a_check_finds_a_refused_credential_at_once_and_stops_asking(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, view: ConnectionView
) -> None:
    sandbox.fail("slack", "401")
    broken = check(kernel, owner, view)
    assert (broken.status, broken.cause, broken.next_check_at) == ("needs_reauth", "authorisation", None)
    before = sandbox.ledger().calls["slack auth.test"]
    assert check(kernel, owner, view).status == "needs_reauth"
    assert sandbox.ledger().calls["slack auth.test"] == before


def test_a_check_finds_a_right_that_is_missing(kernel: Kernel, owner: Browser, sandbox: SandboxClient) -> None:
    granted = [scope.name for scope in registry.get_manifest("slack").scopes if scope.name != "users:read"]
    redirect_uri = connections.callback_url(kernel.settings, provider="slack")
    view = connections.connect_with_keys(
        kernel,
        actor=owner.actor,
        provider="slack",
        scheme_id="keys",
        agent_id=None,
        values={
            "bot_token": sandbox.install(scopes=granted, redirect_uri=redirect_uri),
            "signing_secret": sandbox.identities.slack_app.signing_secret,
        },
    )
    after = check(kernel, owner, view)
    assert (after.status, after.cause) == ("degraded", "permission")
    assert "Slack has not granted: users:read." in after.last_error
    assert "users:read" not in after.scopes


def test_old_checks_are_forgotten(kernel: Kernel, owner: Browser, view: ConnectionView, clock: FakeClock) -> None:
    with kernel.unit_of_work(owner.actor.tenant_id) as work:
        for row in work.session.exec(
            select(ConnectionCheck).where(col(ConnectionCheck.tenant_id) == owner.actor.tenant_id)
        ):
            row.created_at -= timedelta(days=31)
    check(kernel, owner, view)
    assert [item.origin for item in checks_of(kernel, owner)] == [CheckOrigin.SCHEDULE]


def test_a_disconnect_during_a_check_wins(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, view: ConnectionView
) -> None:
    class DisconnectingClient:
        def request(self, *_: object, **__: object) -> object:
            connections.disconnect(kernel, actor=owner.actor, connection_id=view.id)
            raise RetryLater("Slack is away.", provider="slack")

    slow = replace(kernel, http=DisconnectingClient())  # pyright: ignore[reportArgumentType]
    assert not run_test(slow, owner, view).succeeded
    row = load(kernel, owner.actor, view.id)
    assert (row.status.value, row.error_count, row.next_check_at) == ("disconnected", 0, None)
    with pytest.raises(Conflict):
        run_test(kernel, owner, view)


def test_nobody_is_asked_behind_an_open_circuit_and_the_next_check_is_the_probe(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, view: ConnectionView
) -> None:
    sandbox.fail("slack", "500", count=OPENS_AFTER)
    for _ in range(OPENS_AFTER):
        check(kernel, owner, view)
    assert is_open(kernel, view.id)
    asked = sandbox.ledger().calls["slack auth.test"]

    put_off = check(kernel, owner, view)

    assert sandbox.ledger().calls["slack auth.test"] == asked
    assert put_off.next_check_at is not None
    assert timedelta() < put_off.next_check_at - kernel.clock.now() <= PROBE_EVERY
    set_circuit(kernel, view.id, next_call="- interval '1 second'")
    assert check(kernel, owner, view).status == "active"
    assert sandbox.ledger().calls["slack auth.test"] == asked + 1
    assert not is_open(kernel, view.id)


def test_a_check_that_was_under_way_does_not_repair_what_was_refused_meanwhile(
    kernel: Kernel, owner: Browser, view: ConnectionView
) -> None:
    class RefusedMeanwhile(OutboundClient):
        def request(self, *arguments: Any, **options: Any) -> OutboundResponse:
            answer = super().request(*arguments, **options)
            with kernel.unit_of_work(owner.actor.tenant_id) as work:
                refusal = NeedsReauth("Slack no longer accepts this connection's token.", provider="slack")
                connections.note_failure(work, load(kernel, owner.actor, view.id), refusal, now=kernel.clock.now())
            return answer

    slow = replace(kernel, http=RefusedMeanwhile(allow_loopback=True))
    assert check(slow, owner, view).status == "needs_reauth"
    assert run_test(kernel, owner, view).succeeded, "begun after the refusal"
    assert now_of(kernel, owner, view).status == "active"
