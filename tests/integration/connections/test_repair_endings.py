"""Every way that a repair by consent can go wrong leaves the connection, its secrets and its state as they were."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from app.http.api import create_http_app
from services import connections
from services.kernel.kernel import Kernel
from tests.integration.connections.scene import PUBLIC_URL, count_rows
from tests.integration.connections.test_oauth_endings import ENDINGS, ONE_OF_EACH
from tests.integration.connections.walk import BEGIN, CANARY, refused_endings, start_walk
from tests.support.clock import FakeClock
from tests.support.sandbox import SandboxClient


@pytest.fixture
def web(kernel: Kernel) -> Iterator[TestClient]:
    """The product's plain HTTP routes."""
    with TestClient(create_http_app(kernel), base_url=PUBLIC_URL, follow_redirects=False) as client:
        yield client


# Deleting the agent deletes its connections: there is nothing left to repair.
CASES = [name for name in ONE_OF_EACH if name != "the agent was deleted"]


@pytest.mark.parametrize("name", CASES)
def test_a_repair_that_ends_badly_changes_nothing(
    kernel: Kernel, web: TestClient, sandbox: SandboxClient, clock: FakeClock, name: str
) -> None:
    walk = start_walk(kernel, web, sandbox, clock)
    walk.come_back()
    [view] = connections.list_connections(kernel, actor=walk.owner.actor)
    begun = web.get(BEGIN, params={"connection_id": str(view.id)}, headers=walk.owner.headers)
    walk.consent_url = begun.headers["location"]
    walk.back_url = sandbox.consent(walk.consent_url)
    before, sealed = connections.get_connection(kernel, actor=walk.owner.actor, connection_id=view.id), _sealed(kernel)

    come_back, code = ENDINGS[name]
    answer = come_back(walk)

    assert [outcome["code"] for outcome in refused_endings(kernel)[walk.endings_before :]] == [code]
    assert connections.get_connection(kernel, actor=walk.owner.actor, connection_id=view.id) == before
    assert _sealed(kernel) == sealed
    assert count_rows(kernel, "connection") == 1
    parts = urlsplit(answer.headers["location"])
    assert (parts.scheme, parts.netloc) == ("", "")
    assert parse_qs(parts.query).get("refused", [code]) == [code]
    for value in (CANARY, walk.state, walk.code):
        assert value not in repr(answer.headers) + answer.text


def _sealed(kernel: Kernel) -> list[tuple[object, ...]]:
    with kernel.unscoped_session("test looks at everything") as session:
        rows = session.connection().execute(text("SELECT id, name, sealed FROM credential ORDER BY id"))
        return [tuple(row) for row in rows]
