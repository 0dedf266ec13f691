"""The sandbox as a process: its door, its file, its model, its environment."""

import asyncio
import json
import stat
from collections.abc import MutableMapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import AuthenticationError, OpenAI, RateLimitError
from slack_sdk import WebClient

from app.sandbox.asgi import build_sandbox, create
from app.sandbox.identities import load_identities, sandbox_environment, state_path
from services.kernel.clock import SystemClock
from services.kernel.errors import ConfigurationError
from services.kernel.settings import Settings
from tests.integration.sandbox.conftest import Product, content, twilio_client
from tests.support.sandbox import SandboxClient, running_sandbox


def test_identities_are_made_once_for_each_folder(tmp_path: Path) -> None:
    first, other = load_identities(tmp_path / "one"), load_identities(tmp_path / "two")
    assert load_identities(tmp_path / "one") == first
    assert first.twilio.auth_token != other.twilio.auth_token
    assert first.slack_app.signing_secret != other.slack_app.signing_secret
    assert stat.S_IMODE(state_path(tmp_path / "one").stat().st_mode) == 0o600
    assert [item.name for item in state_path(tmp_path / "one").parent.iterdir()] == ["state.json"]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    load_identities(tmp_path)
    state_path(tmp_path).write_text('{"slack": 1}')
    with pytest.raises(ConfigurationError, match=r"state\.json"):
        load_identities(tmp_path)


def test_the_environment_points_the_product_at_the_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = sandbox_environment(tmp_path, sandbox_port=8001, public_url="http://127.0.0.1:8000")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    app = load_identities(tmp_path).slack_app
    assert settings.provider_apps["slack"].client_id == app.client_id
    assert settings.provider_apps["slack"].signing_secret.get_secret_value() == app.signing_secret
    assert settings.provider_url("slack", "api", default="") == "http://127.0.0.1:8001/slack/api/"
    assert settings.provider_url("twilio", "api", default="") == "http://127.0.0.1:8001/twilio"
    assert settings.provider_url("resend", "api", default="") == "http://127.0.0.1:8001/resend"


@pytest.mark.parametrize(
    "path", ["/twilio/2010-04-01/Accounts/AC1/Messages.json", "/slack/api/chat.postMessage", "/resend/emails"]
)
def test_a_caller_that_goes_in_the_middle_of_its_request_is_no_error(tmp_path: Path, path: str) -> None:
    """As a worker does that is killed: nothing escapes to the server, which would log it as a fault of the sandbox."""
    sandbox = build_sandbox(tmp_path, public_url="http://127.0.0.1:8000", clock=SystemClock())
    sent: list[MutableMapping[str, Any]] = []

    async def call() -> None:
        await sandbox(scope, receive, send)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"user-agent", b"sdk")],
    }
    asyncio.run(call())
    assert sent[0]["status"] == 400


def test_it_does_not_start_unless_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATCHBAY_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PATCHBAY_SANDBOX", "0")
    with pytest.raises(ConfigurationError, match="PATCHBAY_SANDBOX=1"):
        create()
    monkeypatch.setenv("PATCHBAY_SANDBOX", "1")
    monkeypatch.setenv("PATCHBAY_ENV", "production")
    with pytest.raises(ValueError, match="PATCHBAY_SANDBOX"):
        create()
    assert not state_path(tmp_path).exists()


def test_a_restart_keeps_everything(tmp_path: Path, product: Product) -> None:
    with running_sandbox(tmp_path, public_url=product.url) as sandbox:
        scopes = ["chat:write", "im:history"]
        token = sandbox.install(scopes=scopes, redirect_uri=product.redirect_uri)
        asked = sandbox.slack_message("hello")
        sandbox.sms("STOP", to="+14155550100")
        WebClient(token, base_url=f"{sandbox.base_url}/slack/api/").chat_postMessage(channel=asked.channel, text="hi")
        sent = twilio_client(sandbox).messages.create(to="+14155550143", from_="+14155550100", body="x")
        before = sandbox.answers()
    with running_sandbox(tmp_path, public_url=product.url) as sandbox:
        client = WebClient(token, base_url=f"{sandbox.base_url}/slack/api/")
        assert [item["text"] for item in content(client.conversations_history(channel=asked.channel))["messages"]] == [
            "hi",
            "hello",
        ]
        assert sandbox.answers() == before
        account = twilio_client(sandbox)
        # The network carries on with what was on its way.
        sandbox.wait_until(lambda ledger: str(account.messages(sent.sid or "").fetch().status) == "delivered")
        state = httpx2.get(f"{sandbox.base_url}/control/state", headers={"x-sandbox": "1"}).json()
        assert state["twilio"][0]["opted_out"] == [["+14155550100", "+14155550142"]]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-sandbox": "1", "host": "evil.example"},
        {"x-sandbox": "1", "origin": "https://evil.example"},
        {"x-sandbox": "1", "origin": "null"},
    ],
)
def test_pages_elsewhere_cannot_use_the_control_api(sandbox: SandboxClient, headers: dict[str, str]) -> None:
    for method, path in (("GET", "state"), ("POST", "reset")):
        answer = httpx2.request(method, f"{sandbox.base_url}/control/{path}", headers=headers)
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("body", ["", "[]", "{", '{"user": 1}', '{"user": "mia", "text": "x", "more": 1}'])
def test_a_senseless_control_request_is_explained(sandbox: SandboxClient, body: str) -> None:
    answer = httpx2.post(f"{sandbox.base_url}/control/slack/message", content=body, headers={"x-sandbox": "1"})
    assert answer.status_code == 422
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("slack/message", {"user": "nobody", "text": "x", "dm": True}, "nobody"),
        ("slack/message", {"user": "mia", "text": "x", "channel": "nowhere"}, "nowhere"),
        ("twilio/sms", {"from": "+14155550142", "to": "+1999", "body": "x"}, "+1999"),
        ("faults", {"service": "slack", "kind": "earthquake"}, "earthquake"),
        ("deliver-again", {}, "no such delivery"),
        ("slack/message", {"user": "mia", "text": "x", "dm": True, "app": "A0PATCHBAY1"}, "Connect Slack"),
    ],
)
def test_what_is_not_there_is_named(sandbox: SandboxClient, path: str, body: dict[str, object], says: str) -> None:
    answer = httpx2.post(f"{sandbox.base_url}/control/{path}", content=json.dumps(body), headers={"x-sandbox": "1"})
    assert answer.status_code == 409
    assert says in answer.json()["error"]


def test_a_reset_forgets_what_was_said_and_keeps_the_keys(
    sandbox: SandboxClient, bot: WebClient, product: Product
) -> None:
    identities = sandbox.identities
    sandbox.wait_for_webhooks(*sandbox.slack_message("hello").event_ids)
    sandbox.reset()
    ledger = sandbox.ledger()
    assert not ledger.webhooks and not ledger.answers
    assert bot.auth_test()["ok"]
    assert sandbox.identities == identities


def model(sandbox: SandboxClient, *, key: str = "") -> OpenAI:
    key = key or sandbox.identities.model_api_key
    return OpenAI(base_url=f"{sandbox.base_url}/openai/v1", api_key=key, max_retries=0)


PLAYBOOK = "You are Bri.\nQ: When is the payout? A: The payout is on Friday.\nQ: Where? A: Berlin office."


def test_the_model_answers_from_its_instructions(sandbox: SandboxClient) -> None:
    def ask(question: str) -> str | None:
        answer = model(sandbox).chat.completions.create(
            model="sandbox-1",
            messages=[{"role": "system", "content": PLAYBOOK}, {"role": "user", "content": question}],
        )
        assert answer.usage is not None
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
        return answer.choices[0].message.content

    assert "Friday" in str(ask("when is my payout?"))
    assert ask("kangaroo?") == "I'll pass this on to a colleague."
    sandbox.script_model("Scripted.")
    assert ask("when is my payout?") == "Scripted."


def test_the_model_streams_and_calls_tools(sandbox: SandboxClient) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "hand_over", "arguments": "{}"}}
    sandbox.script_model("One two three", {"tool_calls": [call]})
    pieces = [
        chunk.choices[0].delta.content or ""
        for chunk in model(sandbox).chat.completions.create(
            model="sandbox-1", messages=[{"role": "user", "content": "x"}], stream=True
        )
        if chunk.choices
    ]
    assert "".join(pieces) == "One two three"
    answer = model(sandbox).chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
    [made] = answer.choices[0].message.tool_calls or []
    assert (answer.choices[0].finish_reason, made.id) == ("tool_calls", "c1")


def test_the_model_refuses(sandbox: SandboxClient) -> None:
    def ask(client: OpenAI) -> None:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])

    with pytest.raises(AuthenticationError):
        ask(model(sandbox, key="wrong"))
    sandbox.fail("openai", "429", retry_after=3)
    with pytest.raises(RateLimitError) as caught:
        ask(model(sandbox))
    assert caught.value.response.headers["retry-after"] == "3"


def test_it_stops_quietly_although_a_caller_hangs(tmp_path: Path, product: Product) -> None:
    with ThreadPoolExecutor(1) as caller:
        with running_sandbox(tmp_path, public_url=product.url) as sandbox:
            sandbox.fail("slack", "hang")
            url = f"{sandbox.base_url}/slack/api/auth.test"
            call = caller.submit(httpx2.post, url, timeout=30)
            sandbox.wait_until(lambda ledger: ledger.calls.get("slack auth.test") == 1)
        with pytest.raises(httpx2.HTTPError):
            call.result(timeout=5)
