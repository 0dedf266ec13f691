"""The form for keys posts straight to the server: only from our own pages, only signed in, never repeated."""

from collections.abc import Generator

import pytest
from starlette.testclient import TestClient

from app.http.api import create_http_app
from services.agents import AgentForm, create_agent
from services.connections import list_connections
from services.kernel.kernel import Kernel
from services.tenants import SignedIn, bootstrap, session_cookie_name, sign_in_with_link

PATH = "/api/admin/ai-agents/integrations/slack/keys"
CANARY = "canary-7f3a9c"


@pytest.fixture
def person(kernel: Kernel) -> SignedIn:
    """An owner in a browser."""
    link = bootstrap(kernel, email="ana@acme.test", tenant="Acme").sign_in_link
    return sign_in_with_link(kernel, link.rstrip("/").rsplit("/", 1)[1])


@pytest.fixture
def browser(kernel: Kernel) -> Generator[TestClient]:
    """A browser on one of our own pages."""
    origin = kernel.settings.public_url
    with TestClient(create_http_app(kernel), base_url=origin, headers={"Origin": origin}) as client:
        yield client


def form(**changes: object) -> dict[str, object]:
    """What the form for an app of one's own sends, with a token that cannot be one."""
    return {
        "scheme_id": "keys",
        "agent_id": None,
        "values": {"bot_token": CANARY, "signing_secret": "f" * 32},
        **changes,
    }


def enter(kernel: Kernel, browser: TestClient, person: SignedIn) -> None:
    """Give the browser the session's cookie."""
    browser.cookies.set(session_cookie_name(kernel.settings), person.session_token.reveal())


def test_nobody_connects_anything(browser: TestClient) -> None:
    assert browser.post(PATH, json=form()).status_code == 401


def test_pages_of_others_connect_nothing(kernel: Kernel, browser: TestClient, person: SignedIn) -> None:
    enter(kernel, browser, person)
    answer = browser.post(PATH, json=form(), headers={"Origin": "https://evil.test"})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")


def test_wrong_value_is_named_and_not_repeated(
    kernel: Kernel, browser: TestClient, person: SignedIn, caplog: pytest.LogCaptureFixture
) -> None:
    enter(kernel, browser, person)
    answer = browser.post(PATH, json=form())
    assert (answer.status_code, answer.json()["field"]) == (422, "bot_token")
    assert CANARY not in answer.text + caplog.text
    assert list_connections(kernel, actor=person.actor) == ()


@pytest.mark.parametrize("body", [b"", b"[]", b'{"values": "%s"}' % CANARY.encode(), b'{"x": "%s"}' % CANARY.encode()])
def test_damaged_form_is_refused_without_quoting_it(
    kernel: Kernel, browser: TestClient, person: SignedIn, body: bytes
) -> None:
    enter(kernel, browser, person)
    answer = browser.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert CANARY not in answer.text


def test_agent_of_another_tenant_is_unknown(kernel: Kernel, browser: TestClient, person: SignedIn) -> None:
    link = bootstrap(kernel, email="ben@beta.test", tenant="Beta").sign_in_link
    other = sign_in_with_link(kernel, link.rstrip("/").rsplit("/", 1)[1])
    theirs = create_agent(kernel, actor=other.actor, form=AgentForm(name="Theirs"))
    enter(kernel, browser, person)
    assert browser.post(PATH, json=form(agent_id=str(theirs.id))).status_code == 404
