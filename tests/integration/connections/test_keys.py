"""Connecting by keys, testing, numbers and disconnecting, against the sandbox."""

import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import cast
from uuid import UUID

import pytest
from redis import Redis
from sqlalchemy import event, text

from models import Connection, ConnectionStatus, Role
from services import connections
from services.connections import ConnectionView
from services.kernel.errors import Conflict, Forbidden, InvalidInput, NeedsReauth, NotFound, Refused, RetryLater
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret
from services.kernel.vault import VaultError
from services.tenants import Actor
from tests.integration.connections.scene import (
    PUBLIC_URL,
    Browser,
    as_role,
    audit_actions,
    count_rows,
    dump_database,
    new_agent,
)
from tests.support.clock import FakeClock
from tests.support.sandbox import SandboxClient


def slack_values(sandbox: SandboxClient) -> dict[str, object]:
    app = sandbox.identities.own_app
    return {"bot_token": app.bot_token, "signing_secret": app.signing_secret}


def twilio_values(sandbox: SandboxClient) -> dict[str, object]:
    account = sandbox.identities.twilio
    return {"account_sid": account.account_sid, "auth_token": account.auth_token}


def connect_slack(kernel: Kernel, actor: Actor, sandbox: SandboxClient, agent_id: UUID | None) -> ConnectionView:
    return connections.connect_with_keys(
        kernel, actor=actor, provider="slack", scheme_id="keys", agent_id=agent_id, values=slack_values(sandbox)
    )


def connect_twilio(kernel: Kernel, actor: Actor, sandbox: SandboxClient, agent_id: UUID | None) -> ConnectionView:
    return connections.connect_with_keys(
        kernel, actor=actor, provider="twilio", scheme_id="keys", agent_id=agent_id, values=twilio_values(sandbox)
    )


def load(kernel: Kernel, actor: Actor, connection_id: UUID) -> Connection:
    with kernel.unit_of_work(actor.tenant_id) as work:
        row = work.session.get(Connection, {"tenant_id": actor.tenant_id, "id": connection_id})
        assert row is not None
        return row


def set_status(kernel: Kernel, actor: Actor, connection_id: UUID, status: ConnectionStatus) -> None:
    with kernel.unit_of_work(actor.tenant_id) as work:
        row = work.session.get(Connection, {"tenant_id": actor.tenant_id, "id": connection_id})
        assert row is not None
        row.status = status


def test_pasted_keys_are_proven_then_saved(kernel: Kernel, owner: Browser, sandbox: SandboxClient) -> None:
    agent_id = new_agent(kernel, owner.actor)
    with Redis.from_url(kernel.settings.redis_url) as redis, redis.pubsub() as listener:
        listener.subscribe(f"patchbay:live:{owner.actor.tenant_id}")
        listener.get_message(timeout=2)
        view = connect_slack(kernel, owner.actor, sandbox, agent_id)
        notice = cast("dict[str, bytes]", listener.get_message(timeout=5))
    assert json.loads(notice["data"]) == {"topic": "connection", "id": str(view.id)}
    app = sandbox.identities.own_app
    assert (view.status, view.agent_name, view.provider_name) == ("active", "Bri", "Slack")
    assert (view.external_account_id, view.external_account_name) == (app.team_id, "Northwind Creators")
    assert not view.uses_operator_app
    assert view.settings["bot_user_id"]
    assert view.connected_by == owner.actor.label
    assert view.last_check is not None
    assert view.last_check.succeeded
    assert view.last_check.summary.startswith("Signed in as @")
    assert view.last_check.summary.endswith("at Northwind Creators (auth.test)")
    assert {hint.name: hint.hint for hint in view.credential_hints} == {
        "bot_token": f"set, ends in …{app.bot_token[-4:]}",
        "signing_secret": f"set, ends in …{app.signing_secret[-4:]}",
    }
    [address] = view.webhook_urls
    prefix = f"{PUBLIC_URL}/api/ai-agents/webhooks/slack/"
    assert address.url.startswith(prefix)
    token, kind = address.url.removeprefix(prefix).split("/")
    assert kind == "events"
    assert len(token) >= 22
    assert audit_actions(kernel, owner.actor) == ["connection.created"]
    assert connections.get_connection(kernel, actor=owner.actor, connection_id=view.id) == view


def test_nothing_is_saved_when_the_provider_does_not_accept_the_keys(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient
) -> None:
    values = slack_values(sandbox) | {"bot_token": "xoxb-0000000000-0000000000-wrong"}
    with pytest.raises(Refused) as caught:
        connections.connect_with_keys(
            kernel, actor=owner.actor, provider="slack", scheme_id="keys", agent_id=None, values=values
        )
    assert caught.value.code == "invalid_auth"
    assert "xoxb-0000000000" not in str(caught.value)
    assert count_rows(kernel, "connection") == count_rows(kernel, "credential") == 0


def test_nothing_is_saved_when_the_provider_is_away(kernel: Kernel, owner: Browser, sandbox: SandboxClient) -> None:
    sandbox.fail("slack", "500")
    with pytest.raises(RetryLater):
        connect_slack(kernel, owner.actor, sandbox, None)
    assert count_rows(kernel, "connection") == count_rows(kernel, "credential") == 0
    connect_slack(kernel, owner.actor, sandbox, None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"signing_secret": ""}, "signing_secret"),
        ({"signing_secret": None}, "signing_secret"),
        ({"signing_secret": "  "}, "signing_secret"),
        ({"bot_token": "xoxp-a-persons-token"}, "bot_token"),
        ({"bot_token": ["xoxb-1234567890"]}, "bot_token"),
        ({"bot_token": "xoxb-12345\x0067890"}, "bot_token"),
        ({"team": "T1"}, "team"),
    ],
)
def test_wrong_values_are_named(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, change: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        connections.connect_with_keys(
            kernel,
            actor=owner.actor,
            provider="slack",
            scheme_id="keys",
            agent_id=None,
            values=slack_values(sandbox) | change,
        )
    assert caught.value.field == field
    assert sandbox.ledger().calls == {}


def test_unknown_providers_schemes_and_agents_are_refused(
    kernel: Kernel, owner: Browser, stranger: Browser, sandbox: SandboxClient
) -> None:
    values = slack_values(sandbox)
    foreign_agent = new_agent(kernel, stranger.actor)

    def connect(provider: str, scheme_id: str, agent_id: UUID | None) -> None:
        connections.connect_with_keys(
            kernel, actor=owner.actor, provider=provider, scheme_id=scheme_id, agent_id=agent_id, values=values
        )

    with pytest.raises(NotFound):
        connect("nothing", "keys", None)
    with pytest.raises(InvalidInput):
        connect("slack", "oauth", None)
    with pytest.raises(NotFound):
        connect("slack", "keys", new_id())
    with pytest.raises(NotFound):
        connect("slack", "keys", foreign_agent)
    assert sandbox.ledger().calls == {}


def test_the_same_account_is_connected_once_per_agent(kernel: Kernel, owner: Browser, sandbox: SandboxClient) -> None:
    first, second = new_agent(kernel, owner.actor, "Bri"), new_agent(kernel, owner.actor, "Ada")
    connect_slack(kernel, owner.actor, sandbox, first)
    with pytest.raises(Conflict, match="workspace “Northwind Creators” is already connected for “Bri”") as caught:
        connect_slack(kernel, owner.actor, sandbox, first)
    assert caught.value.code == "already_connected"
    connect_slack(kernel, owner.actor, sandbox, second)
    assert count_rows(kernel, "connection") == 2


def test_connecting_twice_at_once_makes_one_connection(kernel: Kernel, owner: Browser, sandbox: SandboxClient) -> None:
    def attempt(_: int) -> str:
        try:
            connect_slack(kernel, owner.actor, sandbox, None)
        except Conflict:
            return "conflict"
        return "connected"

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(attempt, range(4)))
    assert outcomes == ["conflict", "conflict", "conflict", "connected"]
    assert count_rows(kernel, "connection") == count_rows(kernel, "webhook_endpoint") == 1


def test_two_tenants_may_connect_the_same_account(
    kernel: Kernel, owner: Browser, stranger: Browser, sandbox: SandboxClient
) -> None:
    ours = connect_slack(kernel, owner.actor, sandbox, None)
    theirs = connect_slack(kernel, stranger.actor, sandbox, None)
    found = connections.find_connections_for_account(
        kernel, provider="slack", account_ids=[ours.external_account_id, "T0NOBODY"]
    )
    assert set(found) == {(owner.actor.tenant_id, ours.id), (stranger.actor.tenant_id, theirs.id)}
    assert (
        connections.find_connections_for_account(kernel, provider="twilio", account_ids=[ours.external_account_id])
        == []
    )
    assert connections.find_connections_for_account(kernel, provider="slack", account_ids=[]) == ()


def test_numbers_come_with_the_account_and_are_assigned_at_the_provider(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient
) -> None:
    agent_id = new_agent(kernel, owner.actor)
    view = connect_twilio(kernel, owner.actor, sandbox, agent_id)
    assert [number.number for number in view.numbers] == list(sandbox.identities.twilio.numbers)
    assert {number.agent_id for number in view.numbers} == {None}
    assert {address.kind for address in view.webhook_urls} == {"sms", "status"}
    chosen = view.numbers[0]
    after = connections.assign_number(
        kernel, actor=owner.actor, connection_id=view.id, number_id=chosen.id, agent_id=agent_id
    )
    assert [number.agent_name for number in after.numbers] == ["Bri", ""]
    written = sandbox.sms("hello", to=chosen.number)
    ours = next(address.url for address in after.webhook_urls if address.kind == "sms")
    ledger = sandbox.wait_until(lambda ledger: any(item.message_id == written.message_id for item in ledger.webhooks))
    assert {item.url for item in ledger.webhooks if item.message_id == written.message_id} == {ours}
    synced = connections.sync_numbers(kernel, actor=owner.actor, connection_id=view.id)
    assert [number.agent_name for number in synced.numbers] == ["Bri", ""]
    assert [number.id for number in synced.numbers] == [number.id for number in view.numbers]
    released = connections.assign_number(
        kernel, actor=owner.actor, connection_id=view.id, number_id=chosen.id, agent_id=None
    )
    assert [number.agent_name for number in released.numbers] == ["", ""]
    assert audit_actions(kernel, owner.actor) == [
        "connection.created",
        "connection.number_assigned",
        "connection.numbers_synced",
        "connection.number_released",
    ]


def test_a_number_stays_as_it_was_when_the_provider_refuses(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient
) -> None:
    agent_id = new_agent(kernel, owner.actor)
    view = connect_twilio(kernel, owner.actor, sandbox, None)
    sandbox.fail("twilio", "500")
    with pytest.raises(RetryLater):
        connections.assign_number(
            kernel, actor=owner.actor, connection_id=view.id, number_id=view.numbers[0].id, agent_id=agent_id
        )
    after = connections.get_connection(kernel, actor=owner.actor, connection_id=view.id)
    assert {number.agent_id for number in after.numbers} == {None}
    assert (after.error_count, after.status) == (1, "active")
    assert after.last_error


def test_a_test_says_what_it_proved_and_repairs_the_status(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, clock: FakeClock
) -> None:
    view = connect_slack(kernel, owner.actor, sandbox, None)
    sandbox.fail("slack", "401")
    failed = connections.test_connection(kernel, actor=owner.actor, connection_id=view.id)
    assert not failed.succeeded
    after = connections.get_connection(kernel, actor=owner.actor, connection_id=view.id)
    assert (after.status, after.error_count, after.last_error) == ("needs_reauth", 1, failed.summary)
    assert after.last_error_at == clock.now()
    clock.advance(timedelta(seconds=5))
    passed = connections.test_connection(kernel, actor=owner.actor, connection_id=view.id)
    assert passed.succeeded
    assert passed.summary.endswith("(auth.test)")
    after = connections.get_connection(kernel, actor=owner.actor, connection_id=view.id)
    assert (after.status, after.error_count, after.last_error) == ("active", 0, "")
    assert after.last_check == passed
    assert audit_actions(kernel, owner.actor)[1:] == ["connection.tested", "connection.tested"]


def test_a_busy_provider_is_no_reason_to_connect_again(kernel: Kernel, owner: Browser, sandbox: SandboxClient) -> None:
    view = connect_slack(kernel, owner.actor, sandbox, None)
    sandbox.fail("slack", "429")
    assert not connections.test_connection(kernel, actor=owner.actor, connection_id=view.id).succeeded
    assert connections.get_connection(kernel, actor=owner.actor, connection_id=view.id).status == "active"


def test_disconnecting_forgets_the_secrets_and_closes_the_address(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient
) -> None:
    agent_id = new_agent(kernel, owner.actor)
    view = connect_twilio(kernel, owner.actor, sandbox, None)
    connections.assign_number(
        kernel, actor=owner.actor, connection_id=view.id, number_id=view.numbers[0].id, agent_id=agent_id
    )
    after = connections.disconnect(kernel, actor=owner.actor, connection_id=view.id).connection
    assert (after.status, after.webhook_urls, after.credential_hints) == ("disconnected", (), ())
    assert {number.agent_id for number in after.numbers} == {None}
    assert count_rows(kernel, "credential") == count_rows(kernel, "webhook_endpoint") == 0
    again = connections.disconnect(kernel, actor=owner.actor, connection_id=view.id)
    assert (again.connection, again.revocation) == (after, None)
    assert audit_actions(kernel, owner.actor).count("connection.disconnected") == 1
    assert (
        connections.find_connections_for_account(kernel, provider="twilio", account_ids=[view.external_account_id])
        == []
    )
    with kernel.unit_of_work(owner.actor.tenant_id) as work:
        row = work.session.get(Connection, {"tenant_id": owner.actor.tenant_id, "id": view.id})
        assert row is not None
        assert connections.webhook_secrets(kernel, work, row) == {}
        with pytest.raises(NeedsReauth):
            connections.open_client(kernel, work, row)
    for call in (
        lambda: connections.test_connection(kernel, actor=owner.actor, connection_id=view.id),
        lambda: connections.sync_numbers(kernel, actor=owner.actor, connection_id=view.id),
    ):
        with pytest.raises(Conflict, match="disconnected"):
            call()


def test_connecting_again_keeps_the_id_and_takes_a_new_address(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient
) -> None:
    view = connect_slack(kernel, owner.actor, sandbox, None)
    connections.disconnect(kernel, actor=owner.actor, connection_id=view.id)
    again = connect_slack(kernel, owner.actor, sandbox, None)
    assert (again.id, again.status) == (view.id, "active")
    assert again.webhook_urls != view.webhook_urls
    assert audit_actions(kernel, owner.actor)[-1] == "connection.reconnected"


def test_repairing_a_refused_credential_keeps_the_address(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient
) -> None:
    view = connect_slack(kernel, owner.actor, sandbox, None)
    set_status(kernel, owner.actor, view.id, ConnectionStatus.NEEDS_REAUTH)
    again = connect_slack(kernel, owner.actor, sandbox, None)
    assert (again.id, again.status, again.webhook_urls) == (view.id, "active", view.webhook_urls)
    assert count_rows(kernel, "credential") == 2


def test_a_workers_old_copy_does_not_revive_a_disconnected_connection(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, clock: FakeClock
) -> None:
    view = connect_slack(kernel, owner.actor, sandbox, None)
    set_status(kernel, owner.actor, view.id, ConnectionStatus.NEEDS_REAUTH)
    stale = load(kernel, owner.actor, view.id)
    connections.disconnect(kernel, actor=owner.actor, connection_id=view.id)
    with kernel.unit_of_work(owner.actor.tenant_id) as work:
        connections.note_failure(work, stale, NeedsReauth("refused"), now=clock.now())
        connections.note_success(work, stale, now=clock.now())
        connections.note_event(work, stale, now=clock.now())
    after = load(kernel, owner.actor, view.id)
    assert after.status is ConnectionStatus.DISCONNECTED
    assert after.last_event_at == clock.now()


def test_a_connection_that_the_provider_ended_is_over(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, clock: FakeClock
) -> None:
    view = connect_slack(kernel, owner.actor, sandbox, None)
    with kernel.unit_of_work(owner.actor.tenant_id) as work:
        row = work.session.get(Connection, {"tenant_id": owner.actor.tenant_id, "id": view.id})
        assert row is not None
        connections.note_revoked(work, row, reason="The app was uninstalled in Slack.", now=clock.now())
        connections.note_revoked(work, row, reason="Slack revoked the token.", now=clock.now())
    after = connections.get_connection(kernel, actor=owner.actor, connection_id=view.id)
    assert (after.status, after.last_error) == ("disconnected", "The app was uninstalled in Slack.")
    assert count_rows(kernel, "credential") == 0
    assert audit_actions(kernel, owner.actor)[1:] == ["connection.revoked"]


CALLS: dict[str, Callable[[Kernel, Actor, UUID], object]] = {
    "list": lambda kernel, actor, _: connections.list_connections(kernel, actor=actor),
    "get": lambda kernel, actor, id: connections.get_connection(kernel, actor=actor, connection_id=id),
    "catalogue": lambda kernel, actor, _: connections.available_providers(kernel, actor=actor),
    "test": lambda kernel, actor, id: connections.test_connection(kernel, actor=actor, connection_id=id),
    "disconnect": lambda kernel, actor, id: connections.disconnect(kernel, actor=actor, connection_id=id),
    "sync": lambda kernel, actor, id: connections.sync_numbers(kernel, actor=actor, connection_id=id),
    "assign": lambda kernel, actor, id: connections.assign_number(
        kernel, actor=actor, connection_id=id, number_id=new_id(), agent_id=None
    ),
    "connect": lambda kernel, actor, _: connections.connect_with_keys(
        kernel, actor=actor, provider="slack", scheme_id="keys", agent_id=None, values={}
    ),
    "begin": lambda kernel, actor, _: connections.begin_oauth(kernel, actor=actor, provider="slack", agent_id=None),
}
VIEWING = {"list", "get", "catalogue"}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
@pytest.mark.parametrize("name", sorted(CALLS.keys() - VIEWING))
def test_only_admins_change_connections(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, role: Role, name: str
) -> None:
    with pytest.raises(Forbidden):
        CALLS[name](kernel, as_role(owner.actor, role), new_id())


@pytest.mark.parametrize("name", sorted(VIEWING - {"get"}))
def test_viewers_may_look(kernel: Kernel, owner: Browser, sandbox: SandboxClient, name: str) -> None:
    CALLS[name](kernel, as_role(owner.actor, Role.VIEWER), new_id())


def test_another_tenants_connection_is_not_there(
    kernel: Kernel, owner: Browser, stranger: Browser, sandbox: SandboxClient
) -> None:
    view = connect_twilio(kernel, owner.actor, sandbox, new_agent(kernel, owner.actor))
    before = dump_database(kernel)
    for name in ("get", "test", "disconnect", "sync", "assign"):
        with pytest.raises(NotFound):
            CALLS[name](kernel, stranger.actor, view.id)
    assert connections.list_connections(kernel, actor=stranger.actor) == ()
    assert dump_database(kernel) == before


def test_another_tenants_agent_cannot_get_a_number(
    kernel: Kernel, owner: Browser, stranger: Browser, sandbox: SandboxClient
) -> None:
    view = connect_twilio(kernel, owner.actor, sandbox, None)
    with pytest.raises(NotFound):
        connections.assign_number(
            kernel,
            actor=owner.actor,
            connection_id=view.id,
            number_id=view.numbers[0].id,
            agent_id=new_agent(kernel, stranger.actor),
        )


def test_swapped_ciphertexts_do_not_open(
    kernel: Kernel, owner: Browser, stranger: Browser, sandbox: SandboxClient
) -> None:
    ours = connect_slack(kernel, owner.actor, sandbox, None)
    connect_slack(kernel, stranger.actor, sandbox, None)
    for condition in (
        "a.tenant_id = b.tenant_id AND a.name <> b.name",
        "a.tenant_id <> b.tenant_id AND a.name = b.name",
    ):
        _swap_ciphertexts(kernel, condition)
        with pytest.raises(VaultError):
            _read_secrets(kernel, owner.actor, ours.id)
        _swap_ciphertexts(kernel, condition)
        assert len(_read_secrets(kernel, owner.actor, ours.id)) == 2


def _swap_ciphertexts(kernel: Kernel, condition: str) -> None:
    with kernel.unscoped_session("test plays an intruder with write access") as session:
        session.connection().execute(
            text(f"UPDATE credential a SET sealed = b.sealed FROM credential b WHERE {condition}")
        )


def _read_secrets(kernel: Kernel, actor: Actor, connection_id: UUID) -> Mapping[str, Secret]:
    with kernel.unit_of_work(actor.tenant_id) as work:
        row = work.session.get(Connection, {"tenant_id": actor.tenant_id, "id": connection_id})
        assert row is not None
        return connections.webhook_secrets(kernel, work, row)


def test_secrets_show_up_nowhere(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    agent_id = new_agent(kernel, owner.actor)
    views = [connect(kernel, owner.actor, sandbox, agent_id) for connect in (connect_slack, connect_twilio)]
    for view in views:
        connections.test_connection(kernel, actor=owner.actor, connection_id=view.id)
    views += connections.list_connections(kernel, actor=owner.actor)
    secrets = [
        str(value)
        for values in (slack_values(sandbox), twilio_values(sandbox))
        for name, value in values.items()
        if name != "account_sid"
    ]
    seen = {"views": repr(views), "logs": caplog.text + repr([record.__dict__ for record in caplog.records])}
    database = dump_database(kernel)
    for secret in secrets:
        assert secret.encode() not in database
        for place, content in seen.items():
            assert secret not in content, place


def test_a_list_costs_the_same_however_long_it_is(kernel: Kernel, owner: Browser, sandbox: SandboxClient) -> None:
    def statements() -> int:
        seen: list[str] = []

        def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
            seen.append(statement)

        event.listen(kernel.database.engine, "before_cursor_execute", note)
        try:
            connections.list_connections(kernel, actor=owner.actor)
        finally:
            event.remove(kernel.database.engine, "before_cursor_execute", note)
        return len(seen)

    connect_twilio(kernel, owner.actor, sandbox, None)
    before = statements()
    for name in ("Ada", "Bri", "Cleo"):
        connect_twilio(kernel, owner.actor, sandbox, new_agent(kernel, owner.actor, name))
    assert len(connections.list_connections(kernel, actor=owner.actor)) == 4
    assert statements() == before


def test_lists_are_narrowed_by_agent_and_provider(kernel: Kernel, owner: Browser, sandbox: SandboxClient) -> None:
    agent_id = new_agent(kernel, owner.actor)
    slack = connect_slack(kernel, owner.actor, sandbox, agent_id)
    twilio = connect_twilio(kernel, owner.actor, sandbox, None)
    assert connections.list_connections(kernel, actor=owner.actor) == (slack, twilio)
    assert connections.list_connections(kernel, actor=owner.actor, agent_id=agent_id) == (slack,)
    assert connections.list_connections(kernel, actor=owner.actor, provider="twilio") == (twilio,)


def test_refused_webhooks_of_the_last_day_are_shown(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, clock: FakeClock
) -> None:
    view = connect_slack(kernel, owner.actor, sandbox, None)
    with kernel.unit_of_work(owner.actor.tenant_id) as work:
        for hours, count in ((30, 7), (2, 3), (1, 2)):
            work.session.connection().execute(
                text(
                    "INSERT INTO webhook_refusal (tenant_id, id, connection_id, reason, hour, count, last_at) VALUES"
                    " (:tenant, :id, :connection, 'bad_signature', :now - make_interval(hours => :hours), :count,"
                    " :now - make_interval(hours => :hours))"
                ),
                {
                    "tenant": owner.actor.tenant_id,
                    "id": new_id(),
                    "connection": view.id,
                    "now": clock.now(),
                    "hours": hours,
                    "count": count,
                },
            )
    [refusal] = connections.get_connection(kernel, actor=owner.actor, connection_id=view.id).refusals
    assert (refusal.reason, refusal.count) == ("bad_signature", 5)


def test_the_catalogue_says_how_to_connect_and_what_is_missing(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient
) -> None:
    connect_twilio(kernel, owner.actor, sandbox, None)
    cards = connections.available_providers(kernel, actor=owner.actor)
    assert cards[0].slug == "twilio"
    slack = next(card for card in cards if card.slug == "slack")
    assert [scheme.is_oauth for scheme in slack.schemes] == [True, False]
    assert slack.has_operator_app
    assert slack.missing == ""
    assert "xoxb" in slack.setup_guide
    assert [field.kind for field in slack.schemes[1].fields] == ["secret", "secret"]
