"""Google's part of the sandbox as a process: its keys, its file, and what a reset forgets."""

import json
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest

from app.sandbox.identities import load_identities, sandbox_environment, state_path
from services.kernel.settings import Settings
from tests.integration.sandbox.conftest import Product
from tests.integration.sandbox.test_google_events import refusal
from tests.integration.sandbox.test_google_sync import items, pages
from tests.integration.sandbox.test_google_watch import client, watch
from tests.support.google_calendar import google_calendar
from tests.support.sandbox import SandboxClient, running_sandbox
from tests.support.sandbox_google import OPS


def test_the_environment_points_the_product_at_google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = sandbox_environment(tmp_path, sandbox_port=8001, public_url="http://127.0.0.1:8000")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    identity = load_identities(tmp_path).google
    app = settings.provider_apps["google_calendar"]
    assert (app.client_id, app.client_secret.get_secret_value()) == (identity.client_id, identity.client_secret)
    urls = {
        name: settings.provider_url("google_calendar", name, default="")
        for name in ("api", "oauth", "token", "revoke", "userinfo")
    }
    assert urls == {
        "api": "http://127.0.0.1:8001/google/",
        "oauth": "http://127.0.0.1:8001/google/o/oauth2/v2/auth",
        "token": "http://127.0.0.1:8001/google/token",
        "revoke": "http://127.0.0.1:8001/google/revoke",
        "userinfo": "http://127.0.0.1:8001/google/oauth2/v3/userinfo",
    }


def test_a_file_of_an_older_version_is_completed(tmp_path: Path, product: Product) -> None:
    before = load_identities(tmp_path)
    path = state_path(tmp_path)
    stored = json.loads(path.read_bytes())
    del stored["google"], stored["resend"]
    path.write_text(json.dumps(stored))
    completed = load_identities(tmp_path)
    assert (completed.slack_app, completed.twilio) == (before.slack_app, before.twilio)
    assert completed.google != before.google
    assert load_identities(tmp_path) == completed
    with running_sandbox(tmp_path, public_url=product.url) as sandbox:
        assert sandbox.identities == completed
        assert client(sandbox, product).events().list(calendarId="primary").execute()["items"]


def test_a_restart_keeps_tokens_meetings_and_watches(tmp_path: Path, product: Product) -> None:
    with running_sandbox(tmp_path, public_url=product.url) as sandbox:
        tokens = sandbox.google.connect(redirect_uri=product.google_redirect_uri)
        api = google_calendar(sandbox.base_url, tokens.access_token)
        watch(api, product)
        token = pages(api)[-1]["nextSyncToken"]
        added = sandbox.google.add("Before").event
        sandbox.wait_until(lambda ledger: len([item for item in ledger.webhooks if item.finished]) == 2)
    with running_sandbox(tmp_path, public_url=product.url) as sandbox:
        api = google_calendar(sandbox.base_url, tokens.access_token)
        assert [item["id"] for item in items(api, syncToken=token)] == [added]
        assert len(sandbox.google.add("After").event_ids) == 1


def test_a_reset_brings_the_first_day_back(sandbox: SandboxClient, product: Product) -> None:
    tokens = sandbox.google.connect(redirect_uri=product.google_redirect_uri)
    api = google_calendar(sandbox.base_url, tokens.access_token)
    token = pages(api)[-1]["nextSyncToken"]
    first = {item.summary for item in sandbox.google.events()}
    sandbox.google.add("Said")
    sandbox.reset()
    assert {item.summary for item in sandbox.google.events()} == first
    assert refusal(lambda: items(api, syncToken=token)) == (410, "fullSyncRequired")
    identity = sandbox.identities.google
    sandbox.reset(forget="connections")
    assert sandbox.identities.google == identity
    denied = httpx2.get(
        f"{sandbox.base_url}/google/calendar/v3/calendars/primary/events",
        headers={"authorization": f"Bearer {tokens.access_token}"},
    )
    assert denied.status_code == 401
    sandbox.reset(forget="identities")
    assert sandbox.identities.google != identity
    assert client(sandbox, product)


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("google/event/add", {"summary": "x", "start": "soon"}, "2026-11-20T09:00"),
        ("google/event/add", {"summary": "x", "start": "2026-11-20T09:00", "calendar": "nobody"}, "nobody"),
        ("google/event/add", {"summary": "x", "start": "2026-11-20T09:00", "guests": ["mia"]}, "Invalid attendee"),
        ("google/event/move", {"event": "nothing"}, "nothing"),
        ("google/event/cancel", {"event": "nothing"}, "nothing"),
        ("google/access", {"harm": "revoke", "account": OPS}, "Connect Google Calendar"),
    ],
)
def test_what_is_not_there_is_named(sandbox: SandboxClient, path: str, body: Mapping[str, object], says: str) -> None:
    answer = httpx2.post(f"{sandbox.base_url}/control/{path}", content=json.dumps(body), headers={"x-sandbox": "1"})
    assert answer.status_code == 409
    assert says in answer.json()["error"]


def test_a_meeting_is_cancelled_once(sandbox: SandboxClient) -> None:
    added = sandbox.google.add("Whole day", start="2026-11-20").event
    sandbox.google.move(added, minutes=1440)
    sandbox.google.cancel(added)
    with pytest.raises(AssertionError, match="cancelled already"):
        sandbox.google.cancel(added)
