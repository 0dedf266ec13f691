"""The model runner on the wire: a loopback server plays the model's side, well and badly."""

import json
import traceback
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from services.agents import (
    AgentForm,
    AgentView,
    PlaybookDraft,
    TurnRequest,
    create_agent,
    runner_for,
    save_playbook,
)
from services.agents.model import ModelRunner
from services.agents.playbook import PlaybookRunner
from services.kernel.errors import PatchbayError, Refused, RetryLater
from services.kernel.kernel import Kernel
from services.kernel.settings import Settings
from services.tenants import Actor
from tests.integration.agents.conftest import PLAYBOOK
from tests.support.clock import FakeClock
from tests.support.kernels import build_kernel
from tests.support.listener import Listener, Peer, Script, answering, http_answer, listening

KEY = "sk-canary-1234567890"
JSON = {"Content-Type": "application/json"}
Ask = Callable[..., TurnRequest]
AskModel = Callable[..., tuple[Any, Listener]]


def completion(content: str | None) -> bytes:
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "tiny-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 120, "completion_tokens": 7, "total_tokens": 127},
    }
    return http_answer(json.dumps(body).encode(), headers=JSON)


def refusal(status: str, code: str = "some_code", *, headers: Mapping[str, str] | None = None) -> bytes:
    body = {"error": {"message": f"Bad key {KEY}", "type": "invalid_request_error", "code": code}}
    return http_answer(json.dumps(body).encode(), status=status, headers={**JSON, **(headers or {})})


def with_model(settings: Settings, base_url: str, *, lease_seconds: float = 30.0) -> Settings:
    return settings.model_copy(
        update={
            "openai_base_url": base_url,
            "openai_api_key": SecretStr(KEY),
            "openai_model": "tiny-1",
            "lease_seconds": lease_seconds,
        }
    )


@pytest.fixture
def ask_model(settings: Settings, clock: FakeClock, ask: Ask) -> AskModel:
    """Let the model runner answer while a server plays a script."""

    def run(script: Script, text: str = "Are you open?", *, lease_seconds: float = 30.0) -> tuple[Any, Listener]:
        with listening(script) as server:
            kernel = build_kernel(with_model(settings, server.url("/v1"), lease_seconds=lease_seconds), clock=clock)
            try:
                return ModelRunner(kernel).answer(ask(text, contact_name="Mia")), server
            except PatchbayError as error:
                return error, server
            finally:
                kernel.close()

    return run


def sent(server: Listener) -> tuple[str, dict[str, Any]]:
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    return head.decode(), json.loads(body)


def test_model_answers_with_what_it_used(ask_model: AskModel) -> None:
    reply, server = ask_model(answering(completion("We are open from 9.")))

    assert (reply.text, reply.runner, reply.model) == ("We are open from 9.", "model", "tiny-1")
    assert (reply.reason, reply.hand_over) == ("Answered by tiny-1", False)
    assert (reply.input_tokens, reply.output_tokens) == (120, 7)
    head, body = sent(server)
    assert head.startswith("POST /v1/chat/completions ")
    assert f"Bearer {KEY}" in head
    assert body["model"] == "tiny-1"
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert "Be brief." in body["messages"][0]["content"]
    assert body["messages"][0]["content"].index(PLAYBOOK[0].answer) > 0
    assert "Are you open?" in body["messages"][1]["content"]
    assert not {"tools", "response_format", "stream"} & {name for name, value in body.items() if value}


def test_model_hands_over_by_the_mark(ask_model: AskModel) -> None:
    reply, _ = ask_model(answering(completion("I'll ask a colleague. [[hand-over]]")))

    assert (reply.text, reply.hand_over) == ("I'll ask a colleague.", True)
    assert reply.reason == "tiny-1 hands over to a person"


# Many answers to one database: a fresh one for each would take most of the time.
BAD_ANSWERS: dict[str, tuple[bytes, type[PatchbayError], str]] = {
    "wrong key": (refusal("401 Unauthorized", "invalid_api_key"), Refused, "model_key"),
    "forbidden": (refusal("403 Forbidden"), Refused, "model_key"),
    "unknown model": (refusal("404 Not Found", "model_not_found"), Refused, "model_unknown"),
    "wrong address": (http_answer(b"<html>", status="404 Not Found"), Refused, "model_unknown"),
    "bad request": (refusal("400 Bad Request"), Refused, "model_request"),
    "no credit": (refusal("429 Too Many Requests", "insufficient_quota"), Refused, "model_credit"),
    "too many": (refusal("429 Too Many Requests"), RetryLater, "model_busy"),
    "broken": (refusal("500 Internal Server Error"), RetryLater, "model_busy"),
    "away": (refusal("503 Service Unavailable"), RetryLater, "model_busy"),
    "gateway": (http_answer(b"<html>gateway</html>", status="502 Bad Gateway"), RetryLater, "model_busy"),
    "half JSON": (http_answer(b"{not json", headers=JSON), RetryLater, "model_busy"),
    "not text": (http_answer(b"\xff\xfe", headers=JSON), RetryLater, "model_busy"),
    "page": (http_answer(b"<html>hello</html>", headers={"Content-Type": "text/html"}), RetryLater, "model_answer"),
    "list": (http_answer(b"[]", headers=JSON), RetryLater, "model_answer"),
    "empty object": (http_answer(b"{}", headers=JSON), RetryLater, "model_answer"),
    "no choice": (http_answer(b'{"choices": []}', headers=JSON), RetryLater, "model_answer"),
    "empty text": (completion(""), RetryLater, "model_answer"),
    "no text": (completion(None), RetryLater, "model_answer"),
}


def test_bad_answers_say_what_to_do(ask_model: AskModel) -> None:
    outcomes = {name: ask_model(answering(answer)) for name, (answer, _, _) in BAD_ANSWERS.items()}

    assert {name: (type(error), error.code) for name, (error, _) in outcomes.items()} == {
        name: (kind, code) for name, (_, kind, code) in BAD_ANSWERS.items()
    }
    for error, server in outcomes.values():
        assert KEY not in "".join(traceback.format_exception(error))
        assert len(server.requests) == 1  # never repeated here


def test_server_says_when_to_come_back(ask_model: AskModel) -> None:
    error, _ = ask_model(answering(refusal("429 Too Many Requests", headers={"Retry-After": "7"})))

    assert error.after == timedelta(seconds=7)


def test_model_that_hangs_is_given_up_before_the_lease_ends(ask_model: AskModel) -> None:
    def hang(peer: Peer) -> None:
        peer.read_request()
        peer.hang()

    def trickle(peer: Peer) -> None:
        peer.read_request()
        peer.trickle(completion("x" * 5_000), seconds=0.05)

    for script in (hang, trickle):
        error, _ = ask_model(script, lease_seconds=1.0)

        assert isinstance(error, RetryLater)
        assert error.code == "model_timeout"


def test_model_that_is_away_is_asked_later(ask_model: AskModel) -> None:
    error, _ = ask_model(Peer.reset)

    assert isinstance(error, RetryLater)
    assert error.code == "model_busy"


def test_redirect_does_not_carry_the_prompt_elsewhere(ask_model: AskModel) -> None:
    with listening(answering(completion("stolen"))) as elsewhere:
        error, _ = ask_model(
            answering(http_answer(status="307 Temporary Redirect", headers={"Location": elsewhere.url("/v1")}))
        )

    assert isinstance(error, PatchbayError)
    assert elsewhere.requests == []


def test_only_the_agents_own_tenant_is_in_its_prompt(
    settings: Settings, clock: FakeClock, kernel: Kernel, owner: Actor, stranger: Actor, agent: AgentView
) -> None:
    other = create_agent(kernel, actor=stranger, form=AgentForm(name="Ada", instructions="Sell tulips."))
    save_playbook(
        kernel, actor=stranger, agent_id=other.id, drafts=[PlaybookDraft(question="Open?", answer="Tulips are ready.")]
    )
    with listening(answering(completion("Yes."))) as server:
        built = build_kernel(with_model(settings, server.url("/v1")), clock=clock)
        for tenant_id, view in ((owner.tenant_id, agent), (stranger.tenant_id, other), (owner.tenant_id, other)):
            runner_for(built, tenant_id, view).answer(turn_of(tenant_id, view))
        built.close()
    own, foreign, crossed = (json.dumps(json.loads(raw.partition(b"\r\n\r\n")[2])) for raw in server.requests)

    assert "ulips" not in own
    assert PLAYBOOK[0].answer in own
    assert "Tulips are ready." in foreign
    assert PLAYBOOK[0].answer not in foreign
    assert "Tulips are ready." not in crossed


def turn_of(tenant_id: UUID, view: AgentView) -> TurnRequest:
    return TurnRequest(
        tenant_id=tenant_id,
        agent_id=view.id,
        agent_name=view.name,
        instructions="" if view.instructions == "Sell tulips." else view.instructions,
        model="",
        text="Are you open?",
        channel_kind="sms",
    )


def test_key_and_model_decide_who_answers(
    settings: Settings, clock: FakeClock, kernel: Kernel, owner: Actor, agent: AgentView
) -> None:
    own = create_agent(kernel, actor=owner, form=AgentForm(name="Own", model="big-1"))
    assert isinstance(runner_for(kernel, owner.tenant_id, own), PlaybookRunner)

    keyed = build_kernel(
        with_model(settings, "http://127.0.0.1:9/v1").model_copy(update={"openai_model": ""}), clock=clock
    )
    assert isinstance(runner_for(keyed, owner.tenant_id, own), ModelRunner)
    assert isinstance(runner_for(keyed, owner.tenant_id, agent), PlaybookRunner)
    keyed.close()
