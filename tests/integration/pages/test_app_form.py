"""The form that replaces the secrets of an app of one's own: by fetch, never repeated, nobody else's."""

from collections.abc import Generator

import pytest
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.http.api import create_http_app
from models import AuditEntry, ProviderApp
from services.connections import ProviderAppView, create_app
from services.kernel.kernel import Kernel
from services.tenants import SignedIn, bootstrap, session_cookie_name, sign_in_with_link

PATH = "/api/admin/ai-agents/integrations/slack/apps"
CANARY = "canary-7f3a9c-0123456789abcdef"
VALUES = {"name": "Bri", "client_id": "111.222", "client_secret": "c" * 32, "signing_secret": "d" * 32}


def sign_in(kernel: Kernel, email: str, tenant: str) -> SignedIn:
    """An owner in a browser."""
    link = bootstrap(kernel, email=email, tenant=tenant).sign_in_link
    return sign_in_with_link(kernel, link.rstrip("/").rsplit("/", 1)[1])


@pytest.fixture
def person(kernel: Kernel) -> SignedIn:
    """Who owns the app."""
    return sign_in(kernel, "ana@acme.test", "Acme")


@pytest.fixture
def app(kernel: Kernel, person: SignedIn) -> ProviderAppView:
    """The company's own app."""
    return create_app(kernel, actor=person.actor, provider="slack", values=VALUES)


@pytest.fixture
def browser(kernel: Kernel, person: SignedIn) -> Generator[TestClient]:
    """The owner's browser on one of our own pages."""
    origin = kernel.settings.public_url
    with TestClient(create_http_app(kernel), base_url=origin, headers={"Origin": origin}) as client:
        client.cookies.set(session_cookie_name(kernel.settings), person.session_token.reveal())
        yield client


def row_of(kernel: Kernel, person: SignedIn) -> ProviderApp:
    """The company's only app as it is stored."""
    with kernel.unit_of_work(person.actor.tenant_id) as work:
        return work.session.exec(select(ProviderApp).where(col(ProviderApp.tenant_id) == person.actor.tenant_id)).one()


def form(app: ProviderAppView, **values: str) -> dict[str, object]:
    """What the browser sends."""
    return {"app_id": str(app.id), "values": {"client_secret": "", "signing_secret": "", **values}}


def test_one_secret_is_replaced_and_the_other_stays(
    kernel: Kernel, browser: TestClient, person: SignedIn, app: ProviderAppView
) -> None:
    before = row_of(kernel, person)
    answer = browser.post(PATH, json=form(app, signing_secret="e" * 32))
    assert (answer.status_code, answer.json()) == (201, {"id": str(app.id)})
    after = row_of(kernel, person)
    assert after.sealed_signing_secret != before.sealed_signing_secret
    assert (after.sealed_client_secret, after.name, after.client_id) == (before.sealed_client_secret, "Bri", "111.222")
    with kernel.unit_of_work(person.actor.tenant_id) as work:
        written = select(AuditEntry).where(
            col(AuditEntry.tenant_id) == person.actor.tenant_id, col(AuditEntry.action) == "connection.app_updated"
        )
        assert work.session.exec(written).one().detail["secrets_replaced"] == "signing_secret"


def test_nothing_typed_is_said_to_be_nothing(browser: TestClient, app: ProviderAppView) -> None:
    answer = browser.post(PATH, json=form(app))
    assert (answer.status_code, answer.json()["field"]) == (422, "client_secret")


def test_wrong_secret_is_named_and_not_repeated(
    browser: TestClient, app: ProviderAppView, caplog: pytest.LogCaptureFixture
) -> None:
    answer = browser.post(PATH, json=form(app, client_secret=f"{CANARY} {'x' * 5000}"))
    assert answer.status_code == 422
    assert CANARY not in answer.text + caplog.text


def test_app_of_another_company_is_unknown(kernel: Kernel, browser: TestClient, app: ProviderAppView) -> None:
    other = sign_in(kernel, "ben@beta.test", "Beta")
    browser.cookies.clear()
    browser.cookies.set(session_cookie_name(kernel.settings), other.session_token.reveal())
    assert browser.post(PATH, json=form(app, client_secret=CANARY)).status_code == 404


def test_nobody_replaces_anything(browser: TestClient, app: ProviderAppView) -> None:
    browser.cookies.clear()
    assert browser.post(PATH, json=form(app, client_secret=CANARY)).status_code == 401
