"""The tenant's own apps: registered once, asked for by name, and their secrets check what comes from them."""

import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from app.http.api import create_http_app
from models import Connection, Role
from services import connections
from services.connections import ProviderAppView
from services.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.provider_kit import registry
from tests.integration.connections.scene import (
    PUBLIC_URL,
    Browser,
    as_role,
    audit_actions,
    dump_database,
    new_agent,
)
from tests.integration.connections.walk import BEGIN, CALLBACK
from tests.support.sandbox import SandboxClient


@pytest.fixture
def web(kernel: Kernel) -> Iterator[TestClient]:
    """The product's plain HTTP routes."""
    with TestClient(create_http_app(kernel), base_url=PUBLIC_URL, follow_redirects=False) as client:
        yield client


def keys(sandbox: SandboxClient) -> dict[str, object]:
    """Return what a person copies from the own app's page at Slack."""
    app = sandbox.identities.own_app
    return {
        "name": "Our own Slack app",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "signing_secret": app.signing_secret,
    }


@pytest.fixture
def own_app(kernel: Kernel, owner: Browser, sandbox: SandboxClient) -> ProviderAppView:
    """The tenant's own app."""
    return connections.create_app(kernel, actor=owner.actor, provider="slack", values=keys(sandbox), manifest_version=2)


def connect(
    web: TestClient, owner: Browser, sandbox: SandboxClient, app_id: UUID, agent_id: UUID, *, team: str = "T0NORTHWIND"
) -> dict[str, list[str]]:
    """Connect through an own app, and return what the page is told."""
    begun = web.get(BEGIN, params={"agent_id": str(agent_id), "app_id": str(app_id)}, headers=owner.headers)
    assert begun.status_code == 303, begun.text
    back = sandbox.consent(begun.headers["location"], team=team)
    answer = web.get(f"{CALLBACK}?{urlsplit(back).query}", headers=owner.headers)
    return parse_qs(urlsplit(answer.headers["location"]).query)


def test_the_guide_says_which_address_goes_where(kernel: Kernel, owner: Browser) -> None:
    guide = connections.describe_app(kernel, actor=owner.actor, provider="slack", name="Bri")

    assert guide.redirect_url == PUBLIC_URL + CALLBACK
    assert "Redirect URLs" in guide.redirect_pasted_into
    assert [(item.kind, item.url) for item in guide.webhook_urls] == [
        ("events", f"{PUBLIC_URL}/api/ai-agents/webhooks/slack/events")
    ]
    assert [field.name for field in guide.fields] == ["name", "client_id", "client_secret", "signing_secret"]
    assert guide.manifest is not None
    document = json.loads(guide.manifest.json)
    assert document["oauth_config"]["redirect_urls"] == [guide.redirect_url]
    assert document["settings"]["event_subscriptions"]["request_url"] == guide.webhook_urls[0].url
    assert document["oauth_config"]["scopes"]["bot"] == [scope.name for scope in registry.get_manifest("slack").scopes]
    assert document["display_information"]["name"] == "Bri"
    address = urlsplit(guide.manifest.create_url)
    assert (address.scheme, address.netloc, address.path) == ("https", "api.slack.com", "/apps")
    query = parse_qs(address.query)
    assert query["new_app"] == ["1"] and json.loads(query["manifest_json"][0]) == document


def test_a_newer_manifest_says_what_is_new(kernel: Kernel, owner: Browser) -> None:
    def changes(since: int) -> set[str]:
        guide = connections.describe_app(kernel, actor=owner.actor, provider="slack", since=since)
        assert guide.manifest is not None
        return {f"{part.kind} {part.name}" for part in guide.manifest.changes}

    third = {"scope channels:read", "scope groups:read", "event message.channels", "event message.groups"}
    assert changes(1) == {"scope users:read", "scope mpim:history"} | third
    assert changes(2) == third
    assert changes(3) == changes(0) == set()


def test_a_provider_without_consent_has_no_apps(kernel: Kernel, owner: Browser) -> None:
    with pytest.raises(NotFound):
        connections.describe_app(kernel, actor=owner.actor, provider="twilio")
    with pytest.raises(NotFound):
        connections.create_app(kernel, actor=owner.actor, provider="twilio", values={})


def test_an_app_is_kept_without_its_secrets_in_sight(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, own_app: ProviderAppView
) -> None:
    assert connections.list_apps(kernel, actor=owner.actor) == (own_app,)
    assert (own_app.client_id, own_app.has_signing_secret, own_app.connection_count) == (
        sandbox.identities.own_app.client_id,
        True,
        0,
    )
    database, shown = dump_database(kernel), repr(own_app)
    for secret in (sandbox.identities.own_app.client_secret, sandbox.identities.own_app.signing_secret):
        assert secret.encode() not in database and secret not in shown
    assert audit_actions(kernel, owner.actor) == ["connection.app_created"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"client_id": ""}, "client_id"),
        ({"client_id": "1 2"}, "client_id"),
        ({"client_secret": "short"}, "client_secret"),
        ({"signing_secret": ""}, "signing_secret"),
        ({"name": ""}, "name"),
        ({"tenant_id": "x"}, "tenant_id"),
    ],
)
def test_what_looks_wrong_is_named(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, change: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        connections.create_app(kernel, actor=owner.actor, provider="slack", values=keys(sandbox) | change)
    assert caught.value.field == field


def test_an_app_is_kept_once_per_tenant(
    kernel: Kernel, owner: Browser, stranger: Browser, sandbox: SandboxClient, own_app: ProviderAppView
) -> None:
    with pytest.raises(Conflict):
        connections.create_app(kernel, actor=owner.actor, provider="slack", values=keys(sandbox))
    other = connections.create_app(kernel, actor=stranger.actor, provider="slack", values=keys(sandbox))
    assert other.id != own_app.id


def test_rights_are_asked(kernel: Kernel, owner: Browser, sandbox: SandboxClient, own_app: ProviderAppView) -> None:
    viewer = as_role(owner.actor, Role.VIEWER)
    assert connections.list_apps(kernel, actor=viewer) == (own_app,)
    for act in (
        lambda: connections.create_app(kernel, actor=viewer, provider="slack", values=keys(sandbox)),
        lambda: connections.update_app(kernel, actor=viewer, app_id=own_app.id, values={}),
        lambda: connections.delete_app(kernel, actor=viewer, app_id=own_app.id),
    ):
        with pytest.raises(Forbidden):
            act()


def test_a_stranger_neither_sees_nor_uses_the_app(
    kernel: Kernel, web: TestClient, stranger: Browser, own_app: ProviderAppView
) -> None:
    assert connections.list_apps(kernel, actor=stranger.actor) == ()
    for act in (
        lambda: connections.update_app(kernel, actor=stranger.actor, app_id=own_app.id, values={}),
        lambda: connections.delete_app(kernel, actor=stranger.actor, app_id=own_app.id),
        lambda: connections.begin_oauth(kernel, actor=stranger.actor, provider="slack", app_id=own_app.id),
    ):
        with pytest.raises(NotFound):
            act()
    for app_id in (str(own_app.id), str(new_id()), "1"):
        answer = web.get(BEGIN, params={"app_id": app_id}, headers=stranger.headers)
        assert answer.status_code == 404


def test_consent_is_asked_for_the_app_that_was_chosen(
    kernel: Kernel, web: TestClient, owner: Browser, sandbox: SandboxClient, own_app: ProviderAppView
) -> None:
    agent_id = new_agent(kernel, owner.actor)
    told = connect(web, owner, sandbox, own_app.id, agent_id)
    [view] = connections.list_connections(kernel, actor=owner.actor)

    assert told == {"connected": [str(view.id)]}
    assert (view.uses_operator_app, view.settings["app_id"]) == (False, sandbox.identities.own_app.app_id)
    assert (view.provider_app_id, view.provider_app_name) == (own_app.id, "Our own Slack app")
    with kernel.unit_of_work(owner.actor.tenant_id) as work:
        row = work.session.get(Connection, {"tenant_id": owner.actor.tenant_id, "id": view.id})
        assert row is not None
        secrets = connections.webhook_secrets(kernel, work, row)
    assert {name: secret.reveal() for name, secret in secrets.items()} == {
        "signing_secret": sandbox.identities.own_app.signing_secret
    }
    [listed] = connections.list_apps(kernel, actor=owner.actor)
    assert listed.connection_count == 1


def test_an_own_app_of_another_workspace_does_not_connect_there(
    kernel: Kernel, web: TestClient, owner: Browser, sandbox: SandboxClient, own_app: ProviderAppView
) -> None:
    begun = web.get(BEGIN, params={"app_id": str(own_app.id)}, headers=owner.headers)
    with pytest.raises(AssertionError, match="invalid_team_for_non_distributed_app"):
        sandbox.consent(begun.headers["location"], team="T0HARBOR001")


def test_a_wrong_secret_is_found_out_and_corrected(
    kernel: Kernel, web: TestClient, owner: Browser, sandbox: SandboxClient
) -> None:
    values = keys(sandbox) | {"client_secret": "0" * 32}
    app = connections.create_app(kernel, actor=owner.actor, provider="slack", values=values)
    agent_id = new_agent(kernel, owner.actor)
    told = connect(web, owner, sandbox, app.id, agent_id)
    assert told["refused"] == ["exchange_refused"]
    message = connections.describe_refusal(kernel, actor=owner.actor, attempt_id=UUID(told["attempt"][0]))
    assert "client secret" in message

    connections.update_app(
        kernel, actor=owner.actor, app_id=app.id, values={"client_secret": keys(sandbox)["client_secret"]}
    )
    assert "connected" in connect(web, owner, sandbox, app.id, agent_id)


def test_the_client_id_stays(kernel: Kernel, owner: Browser, own_app: ProviderAppView) -> None:
    with pytest.raises(InvalidInput, match="cannot be changed"):
        connections.update_app(kernel, actor=owner.actor, app_id=own_app.id, values={"client_id": "1.2"})
    renamed = connections.update_app(kernel, actor=owner.actor, app_id=own_app.id, values={"name": "Other"})
    assert (renamed.name, renamed.client_id) == ("Other", own_app.client_id)


def test_an_app_in_use_is_not_deleted(
    kernel: Kernel, web: TestClient, owner: Browser, sandbox: SandboxClient, own_app: ProviderAppView
) -> None:
    connect(web, owner, sandbox, own_app.id, new_agent(kernel, owner.actor))
    with pytest.raises(Conflict, match="1 connection uses this app"):
        connections.delete_app(kernel, actor=owner.actor, app_id=own_app.id)

    with kernel.unscoped_session("test disconnects") as session:
        session.connection().execute(text("UPDATE connection SET status = 'disconnected'"))
    connections.delete_app(kernel, actor=owner.actor, app_id=own_app.id)

    assert connections.list_apps(kernel, actor=owner.actor) == ()
    [kept] = connections.list_connections(kernel, actor=owner.actor)
    assert kept.provider_app_id is None


def test_a_walk_whose_app_was_deleted_ends_in_words(
    kernel: Kernel, web: TestClient, owner: Browser, sandbox: SandboxClient, own_app: ProviderAppView
) -> None:
    begun = web.get(BEGIN, params={"app_id": str(own_app.id)}, headers=owner.headers)
    back = sandbox.consent(begun.headers["location"])
    connections.delete_app(kernel, actor=owner.actor, app_id=own_app.id)
    answer = web.get(f"{CALLBACK}?{urlsplit(back).query}", headers=owner.headers)
    assert "refused=unknown_state" in answer.headers["location"]
    assert connections.list_connections(kernel, actor=owner.actor) == ()
