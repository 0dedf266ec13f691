"""What the pages' forms for keys send past the page framework: an account's keys, the same again, an app's."""

from collections.abc import Mapping

import httpx2
import pytest
from starlette.testclient import TestClient

from app.http.api import create_http_app
from services import connections
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from tests.integration.connections.scene import PUBLIC_URL, Browser
from tests.integration.connections.test_keys import connect_slack, slack_values
from tests.support.sandbox import SandboxClient

APP = {
    "name": "Ours",
    "client_id": "111.222",
    "client_secret": "0123456789abcdef",
    "signing_secret": "fedcba9876543210",
}


def post(
    kernel: Kernel, what: str, body: Mapping[str, object], *, browser: Browser | None, origin: str = PUBLIC_URL
) -> httpx2.Response:
    headers = {"origin": origin, **(browser.headers if browser else {})}
    with TestClient(create_http_app(kernel), base_url=PUBLIC_URL) as client:
        return client.post(f"/api/admin/ai-agents/integrations/slack/{what}", json=body, headers=headers)


def test_keys_are_replaced_for_the_connection_that_is_named(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient
) -> None:
    before = connect_slack(kernel, owner.actor, sandbox, None)
    body = {"scheme_id": "keys", "connection_id": str(before.id), "values": slack_values(sandbox)}
    answer = post(kernel, "keys", body, browser=owner)
    assert (answer.status_code, answer.json()) == (201, {"id": str(before.id)})


def test_keys_of_a_strangers_connection_are_not_replaced(
    kernel: Kernel, owner: Browser, stranger: Browser, sandbox: SandboxClient
) -> None:
    theirs = connect_slack(kernel, owner.actor, sandbox, None)
    body = {"scheme_id": "keys", "connection_id": str(theirs.id), "values": slack_values(sandbox)}
    assert post(kernel, "keys", body, browser=stranger).status_code == 404
    body["connection_id"] = str(new_id())
    assert post(kernel, "keys", body, browser=stranger).status_code == 404


def test_app_of_ones_own_is_kept_with_the_manifest_it_was_made_from(kernel: Kernel, owner: Browser) -> None:
    answer = post(kernel, "apps", {"manifest_version": 1, "values": APP}, browser=owner)
    assert answer.status_code == 201
    [app] = connections.list_apps(kernel, actor=owner.actor)
    assert (str(app.id), app.name, app.manifest_version) == (answer.json()["id"], "Ours", 1)
    again = post(kernel, "apps", {"manifest_version": 1, "values": APP}, browser=owner)
    assert again.status_code == 409
    assert APP["client_secret"] not in again.text


def test_wrong_value_is_named_by_its_field_and_not_repeated(kernel: Kernel, owner: Browser) -> None:
    answer = post(kernel, "apps", {"values": {**APP, "client_secret": "with a space"}}, browser=owner)
    assert (answer.status_code, answer.json()["field"]) == (422, "client_secret")
    assert "with a space" not in answer.text


@pytest.mark.parametrize("what", ["keys", "apps"])
def test_forms_are_taken_from_our_own_pages_and_signed_in_people_only(
    kernel: Kernel, owner: Browser, what: str
) -> None:
    body: dict[str, object] = {"values": APP} if what == "apps" else {"scheme_id": "keys", "values": {}}
    assert post(kernel, what, body, browser=owner, origin="https://evil.test").status_code == 403
    assert post(kernel, what, body, browser=None).status_code == 401
