"""Tokens are renewed before they end: once, whoever asks; and a process that dies in between leaves a way on."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from app.http.api import create_http_app
from models import CauseClass, Connection, ConnectionStatus
from services import connections
from services.connections.clients import open_secrets
from services.connections.token_times import AHEAD
from services.kernel.errors import NeedsReauth, RetryLater
from services.kernel.http import OutboundClient, OutboundResponse
from services.kernel.kernel import Kernel, build_kernel
from services.tenants import Actor
from services.webhooks import sweep
from tests.integration.connections.scene import PUBLIC_URL
from tests.integration.connections.walk import start_walk
from tests.support.circuits import is_open, set_circuit
from tests.support.clock import FakeClock
from tests.support.line import OnDemandQueue
from tests.support.sandbox import SandboxClient, running_sandbox

LIFETIME = timedelta(hours=12)
METHOD = "slack oauth.v2.access"


@pytest.fixture
def sandbox(tmp_path: Path, clock: FakeClock) -> Iterator[SandboxClient]:
    """The providers, living by the test's clock, with token rotation."""
    with running_sandbox(tmp_path / "providers", public_url=PUBLIC_URL, clock=clock) as client:
        client.rotate_tokens(seconds=round(LIFETIME.total_seconds()))
        yield client


@dataclass(frozen=True, slots=True)
class Link:
    """A connection whose tokens end."""

    kernel: Kernel
    sandbox: SandboxClient
    clock: FakeClock
    actor: Actor
    id: UUID

    def row(self) -> Connection:
        """Return its row."""
        with self.kernel.unit_of_work(self.actor.tenant_id) as work:
            row = work.session.get(Connection, {"tenant_id": self.actor.tenant_id, "id": self.id})
            assert row is not None
            return row

    def stored(self) -> dict[str, str]:
        """Return its secrets as they are stored."""
        with self.kernel.unit_of_work(self.actor.tenant_id) as work:
            row = work.session.get(Connection, {"tenant_id": self.actor.tenant_id, "id": self.id})
            assert row is not None
            return {name: secret.reveal() for name, secret in open_secrets(self.kernel, work, row).items()}

    def fresh(self, kernel: Kernel | None = None) -> dict[str, str]:
        """Return its secrets, renewed if they are about to end."""
        secrets = connections.fresh_secrets(
            kernel or self.kernel, tenant_id=self.actor.tenant_id, connection_id=self.id
        )
        return {name: secret.reveal() for name, secret in secrets.items()}

    def requests(self) -> int:
        """Return how often the provider was asked for a token, the consent included."""
        return self.sandbox.ledger().calls[METHOD]

    def let_lease_run_out(self) -> None:
        """Let the time pass that a dead process's lease still counts."""
        with self.kernel.unscoped_session("test moves the database's time") as session:
            session.connection().execute(
                text("UPDATE connection SET lease_until = clock_timestamp() - interval '1 second'")
            )


@pytest.fixture
def link(kernel: Kernel, sandbox: SandboxClient, clock: FakeClock) -> Link:
    """A connection made by consent."""
    with TestClient(create_http_app(kernel), base_url=PUBLIC_URL, follow_redirects=False) as web:
        walk = start_walk(kernel, web, sandbox, clock)
        walk.come_back()
    [view] = connections.list_connections(kernel, actor=walk.owner.actor)
    return Link(kernel, sandbox, clock, walk.owner.actor, view.id)


class Killed(BaseException):
    """The process ends here; nothing of its own runs any more."""


class DyingClient(OutboundClient):
    """Lets the process die just before, or just after, the provider has answered."""

    def __init__(self, *, after_the_answer: bool) -> None:
        super().__init__(allow_loopback=True)
        self._after_the_answer = after_the_answer

    def request(self, *arguments: Any, **options: Any) -> OutboundResponse:
        """Die."""
        if self._after_the_answer:
            super().request(*arguments, **options)
        raise Killed


class TardyClient(OutboundClient):
    """Takes a second for every answer, far longer than everybody else needs to ask."""

    def __init__(self) -> None:
        super().__init__(allow_loopback=True)

    def request(self, *arguments: Any, **options: Any) -> OutboundResponse:
        """Answer late."""
        answer = super().request(*arguments, **options)
        threading.Event().wait(1.0)
        return answer


def test_consent_says_when_the_token_ends_and_when_it_is_renewed(link: Link) -> None:
    row = link.row()

    assert row.token_expires_at == link.clock.now() + LIFETIME
    assert row.refresh_due_at == link.clock.now() + LIFETIME - AHEAD
    assert set(link.stored()) == {"bot_token", "refresh_token"}


def test_a_token_with_enough_time_left_is_left_alone(link: Link) -> None:
    before = link.stored()
    link.clock.advance(LIFETIME - AHEAD - timedelta(seconds=1))

    assert link.fresh() == before
    assert link.requests() == 1


def test_a_token_is_renewed_before_it_ends(link: Link) -> None:
    before = link.stored()
    link.clock.advance(LIFETIME - AHEAD)

    after = link.fresh()

    assert before["bot_token"] != after["bot_token"] and before["refresh_token"] != after["refresh_token"]
    assert after == link.stored()
    row = link.row()
    assert (row.status, row.lease_token, row.lease_until) == (ConnectionStatus.ACTIVE, None, None)
    assert row.token_expires_at == link.clock.now() + LIFETIME
    assert row.refreshed_at == link.clock.now()
    assert connections.test_connection(link.kernel, actor=link.actor, connection_id=link.id).succeeded


def test_twenty_workers_that_want_the_token_cause_one_request(link: Link) -> None:
    link.clock.advance(LIFETIME)  # over: nobody can go on with the old one
    with ThreadPoolExecutor(20) as pool:
        answers = [running.result() for running in [pool.submit(link.fresh) for _ in range(20)]]

    assert link.requests() == 2
    assert all(answer == link.stored() for answer in answers)
    assert link.row().error_count == 0


def test_two_processes_that_want_the_token_cause_one_request(link: Link) -> None:
    """Kernels share nothing but the database, as processes do."""
    others = [build_kernel(link.kernel.settings, clock=link.clock) for _ in range(2)]
    link.clock.advance(LIFETIME)
    with ThreadPoolExecutor(8) as pool:
        answers = [running.result() for running in [pool.submit(link.fresh, others[n % 2]) for n in range(8)]]
    for other in others:
        other.close()

    assert link.requests() == 2
    assert all(answer == link.stored() for answer in answers)


def test_whoever_needs_a_token_that_still_lives_does_not_wait(link: Link) -> None:
    link.clock.advance(LIFETIME - AHEAD)
    before = link.stored()
    with link.kernel.unscoped_session("test plays another process") as session:
        session.connection().execute(
            text("UPDATE connection SET lease_until = clock_timestamp() + interval '1 hour', lease_token = id")
        )

    assert link.fresh() == before
    assert link.requests() == 1


def test_a_slow_provider_never_looks_like_bad_credentials(link: Link) -> None:
    link.clock.advance(LIFETIME)
    tardy = replace(link.kernel, http=TardyClient())
    with ThreadPoolExecutor(5) as pool:
        answers = [running.result() for running in [pool.submit(link.fresh, tardy) for _ in range(5)]]

    assert all(answer == link.stored() for answer in answers)
    assert link.requests() == 2
    assert (link.row().status, link.row().error_count) == (ConnectionStatus.ACTIVE, 0)


@pytest.mark.parametrize("kind", ["429", "500", "reset", "garbage"])
def test_trouble_that_may_pass_is_tried_again_and_is_not_a_refusal(link: Link, kind: str) -> None:
    before = link.stored()
    link.clock.advance(LIFETIME - AHEAD)
    link.sandbox.fail("slack", kind, method="oauth.v2.access")

    assert link.fresh() == before  # still good for a while
    row = link.row()
    assert row.status in (ConnectionStatus.ACTIVE, ConnectionStatus.DEGRADED)
    assert row.refresh_due_at is not None and row.refresh_due_at > link.clock.now()
    assert link.fresh() == before
    assert link.requests() == 2  # not again before its time

    link.clock.advance(row.refresh_due_at - link.clock.now())
    after = link.fresh()
    assert after != before
    assert (link.row().status, link.row().error_count) == (ConnectionStatus.ACTIVE, 0)


def test_a_token_that_is_over_while_the_provider_is_down_means_later(link: Link) -> None:
    link.clock.advance(LIFETIME)
    link.sandbox.fail("slack", "500", method="oauth.v2.access", count=2)
    for _ in range(2):
        with pytest.raises(RetryLater):
            link.fresh()
    assert link.row().status is not ConnectionStatus.NEEDS_REAUTH
    assert link.requests() == 2


def test_a_refusal_needs_a_person_at_the_first_answer(link: Link) -> None:
    link.clock.advance(LIFETIME)
    link.sandbox.slack_control("revoke")
    with pytest.raises(NeedsReauth):
        link.fresh()

    row = link.row()
    assert (row.status, row.cause, row.refresh_due_at) == (
        ConnectionStatus.NEEDS_REAUTH,
        CauseClass.AUTHORISATION,
        None,
    )
    assert link.requests() == 2
    connections.refresh_connection(link.kernel, tenant_id=link.actor.tenant_id, connection_id=link.id)
    assert link.requests() == 2


def test_all_who_wait_for_a_renewal_hear_that_it_was_refused(link: Link) -> None:
    link.clock.advance(LIFETIME)
    link.sandbox.slack_control("revoke")
    tardy = replace(link.kernel, http=TardyClient())

    def ask() -> str:
        try:
            link.fresh(tardy)
        except NeedsReauth:
            return "needs_reauth"
        return "token"

    with ThreadPoolExecutor(5) as pool:
        answers = [running.result() for running in [pool.submit(ask) for _ in range(5)]]
    assert answers == ["needs_reauth"] * 5
    assert link.requests() == 2


def test_a_process_killed_before_the_request_leaves_the_next_attempt_to_finish(link: Link) -> None:
    link.clock.advance(LIFETIME)
    with pytest.raises(Killed):
        link.fresh(replace(link.kernel, http=DyingClient(after_the_answer=False)))
    assert link.requests() == 1

    connections.refresh_connection(link.kernel, tenant_id=link.actor.tenant_id, connection_id=link.id)
    assert link.requests() == 1, "the dead process's lease still counts"

    link.let_lease_run_out()
    assert link.fresh() == link.stored()
    assert link.requests() == 2
    assert link.row().status is ConnectionStatus.ACTIVE


def test_a_process_killed_with_the_answer_in_its_hands_is_told_honestly(link: Link) -> None:
    link.clock.advance(LIFETIME)
    with pytest.raises(Killed):
        link.fresh(replace(link.kernel, http=DyingClient(after_the_answer=True)))
    link.let_lease_run_out()
    with pytest.raises(NeedsReauth, match="cut off"):
        link.fresh()

    row = link.row()
    assert row.status is ConnectionStatus.NEEDS_REAUTH
    assert "cut off" in row.last_error
    assert link.requests() == 3


def test_an_answer_that_was_lost_on_the_way_is_told_honestly(link: Link) -> None:
    link.clock.advance(LIFETIME)
    link.sandbox.fail("slack", "accept_then_reset", method="oauth.v2.access")
    with pytest.raises(RetryLater):
        link.fresh()
    assert link.row().status is not ConnectionStatus.NEEDS_REAUTH

    link.clock.advance(timedelta(minutes=10))
    with pytest.raises(NeedsReauth, match="cut off"):
        link.fresh()
    assert link.row().lease_token is None


def test_a_renewal_that_took_longer_than_its_lease_is_kept(link: Link) -> None:
    """Its tokens are the newest there are: dropping them would end the connection."""
    link.clock.advance(LIFETIME)

    class SlowClient(OutboundClient):
        def request(self, *arguments: Any, **options: Any) -> OutboundResponse:
            answer = super().request(*arguments, **options)
            link.let_lease_run_out()
            with pytest.raises(NeedsReauth):
                link.fresh()
            return answer

    fresh = link.fresh(replace(link.kernel, http=SlowClient(allow_loopback=True)))

    assert fresh == link.stored()
    assert connections.test_connection(link.kernel, actor=link.actor, connection_id=link.id).succeeded
    assert link.row().status is ConnectionStatus.ACTIVE


def test_a_connection_that_ended_meanwhile_gets_no_token_back(link: Link) -> None:
    link.clock.advance(LIFETIME)

    class SlowClient(OutboundClient):
        def request(self, *arguments: Any, **options: Any) -> OutboundResponse:
            answer = super().request(*arguments, **options)
            with link.kernel.unit_of_work(link.actor.tenant_id) as work:
                row = work.session.get(Connection, {"tenant_id": link.actor.tenant_id, "id": link.id})
                assert row is not None
                connections.note_revoked(work, row, reason="Uninstalled.", now=link.clock.now())
            return answer

    link.fresh(replace(link.kernel, http=SlowClient(allow_loopback=True)))

    assert link.stored() == {}
    assert link.row().status is ConnectionStatus.DISCONNECTED


def test_the_sweeper_finds_tokens_that_are_due(link: Link) -> None:
    _set(link, "refresh_due_at = clock_timestamp() + interval '1 minute'")
    assert not _is_swept(link)
    for status in ("active", "degraded", "paused"):
        _set(link, f"refresh_due_at = clock_timestamp() - interval '1 second', status = '{status}'")
        assert _is_swept(link)
    _set(link, "lease_until = clock_timestamp() + interval '1 minute'")
    assert not _is_swept(link)
    _set(link, "lease_until = NULL, status = 'needs_reauth'")
    assert not _is_swept(link)


def test_a_paused_connection_keeps_its_access(link: Link) -> None:
    _set(link, "status = 'paused'")
    link.clock.advance(LIFETIME)
    before = link.stored()

    connections.refresh_connection(link.kernel, tenant_id=link.actor.tenant_id, connection_id=link.id)

    assert link.stored() != before
    assert link.row().status is ConnectionStatus.PAUSED


def test_a_token_that_ends_without_a_way_to_renew_it_says_so_when_it_is_over(link: Link) -> None:
    with link.kernel.unscoped_session("test takes the refresh token away") as session:
        session.connection().execute(text("DELETE FROM credential WHERE name = 'refresh_token'"))
    link.clock.advance(LIFETIME)
    with pytest.raises(NeedsReauth, match="no way to renew"):
        link.fresh()
    assert link.row().status is ConnectionStatus.NEEDS_REAUTH


def test_secrets_of_a_renewal_are_sealed_like_all_others(link: Link) -> None:
    link.clock.advance(LIFETIME)
    fresh = link.fresh()
    with link.kernel.unscoped_session("test looks at everything") as session:
        rows = session.connection().execute(text("SELECT name, sealed, hint FROM credential")).all()
    assert sorted(name for name, _, _ in rows) == ["bot_token", "refresh_token"]
    for _, sealed, hint in rows:
        for value in fresh.values():
            assert value.encode() not in bytes(sealed) and value not in hint


def _is_swept(link: Link) -> bool:
    """Return whether the sweeper wakes a worker for the token."""
    queue = OnDemandQueue()
    sweep.run(replace(link.kernel, queue=queue))
    return link.id in [wake.row_id for wake in queue.wakes if wake.job == "refresh_connection"]


def _set(link: Link, assignment: str) -> None:
    with link.kernel.unscoped_session("test moves the connection") as session:
        session.connection().execute(text(f"UPDATE connection SET {assignment}"))


def test_a_token_that_still_lives_is_good_enough_while_the_provider_does_not_answer(link: Link) -> None:
    link.clock.advance(LIFETIME - AHEAD)
    set_circuit(link.kernel, link.id, next_call="+ interval '25 seconds'")
    assert link.fresh() == link.stored()
    assert link.requests() == 1
    set_circuit(link.kernel, link.id, next_call=None)
    before = link.stored()
    assert link.fresh() != before and link.requests() == 2


def test_a_token_that_is_over_waits_for_the_provider_and_its_renewal_is_the_probe(link: Link) -> None:
    link.clock.advance(LIFETIME)
    set_circuit(link.kernel, link.id, next_call="+ interval '25 seconds'")
    with pytest.raises(RetryLater, match=r"^Slack does not answer; tried again at ") as caught:
        link.fresh()
    assert caught.value.code == connections.WAITS_FOR_PROVIDER
    assert caught.value.after is not None and timedelta() < caught.value.after <= timedelta(seconds=25)
    connections.refresh_connection(link.kernel, tenant_id=link.actor.tenant_id, connection_id=link.id)
    assert link.requests() == 1 and link.row().status is ConnectionStatus.ACTIVE

    set_circuit(link.kernel, link.id, next_call="- interval '1 second'")
    connections.refresh_connection(link.kernel, tenant_id=link.actor.tenant_id, connection_id=link.id)
    assert link.requests() == 2 and not is_open(link.kernel, link.id)


def test_a_renewal_repairs_what_was_refused_with_the_token_before(link: Link) -> None:
    class RefusedMeanwhile(OutboundClient):
        def request(self, *arguments: Any, **options: Any) -> OutboundResponse:
            refusal = NeedsReauth("Slack no longer accepts this connection's token.", provider="slack")
            with link.kernel.unit_of_work(link.actor.tenant_id) as work:
                connections.note_failure(work, link.row(), refusal, now=link.clock.now())
            return super().request(*arguments, **options)

    link.clock.advance(LIFETIME)
    link.fresh(replace(link.kernel, http=RefusedMeanwhile(allow_loopback=True)))
    assert (link.row().status, link.row().cause) == (ConnectionStatus.ACTIVE, CauseClass.NONE)
