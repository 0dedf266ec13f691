"""A language model with the OpenAI wire format that needs no model: scripted answers, else one found by rule.

https://platform.openai.com/docs/api-reference/chat
"""

import hmac
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.sandbox.model_tools import Offered, answer_from_tool, next_call
from app.sandbox.state import JsonObject, ModelState

MODEL_NAME = "sandbox-1"
_WORD = re.compile(r"\w{3,}")
_UNKNOWN = "I'll pass this on to a colleague."


class ModelError(Exception):
    """The model's API says no.

    Args:
        status: HTTP status.
        code: the value of ``error.code``.
        message: the value of ``error.message``.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")
    type: str
    text: str = ""


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore")
    role: str
    content: str | list[_Part] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content or ())


class ChatRequest(BaseModel):
    """What a chat completion is asked for; other fields are accepted and ignored."""

    model_config = ConfigDict(extra="ignore")
    model: str
    messages: list[_Message] = Field(min_length=1)
    tools: list[Offered] = Field(default_factory=list[Offered])
    stream: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One answer, before it is worded for the wire."""

    id: str
    created: int
    model: str
    message: JsonObject
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


def check_key(model: ModelState, authorization: str) -> None:
    """Check the bearer key.

    Raises:
        ModelError: it is missing or wrong.
    """
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(key.encode(), model.api_key.encode()):
        raise ModelError(401, "invalid_api_key", "Incorrect API key provided.")


def complete(model: ModelState, request: ChatRequest, *, now: float) -> Completion:
    """Answer: the next scripted message if there is one, else by rule."""
    message = model.scripted.pop(0) if model.scripted else _message_by_rule(request, now=now)
    message = {"role": "assistant", "content": None, "refusal": None, **message}
    prompt = " ".join(item.text for item in request.messages)
    return Completion(
        id=f"chatcmpl-{secrets.token_hex(12)}",
        created=int(now),
        model=request.model,
        message=message,
        finish_reason="tool_calls" if message.get("tool_calls") else "stop",
        prompt_tokens=_count_tokens(prompt),
        completion_tokens=_count_tokens(json.dumps(message.get("tool_calls") or message.get("content") or "")),
    )


def completion_body(completion: Completion) -> dict[str, object]:
    """Return an answer as the API writes it."""
    choice = {
        "index": 0,
        "message": completion.message,
        "logprobs": None,
        "finish_reason": completion.finish_reason,
    }
    return _head(completion, "chat.completion") | {"choices": [choice], "usage": _usage(completion)}


def completion_chunks(completion: Completion) -> Iterator[str]:
    """Return an answer as server-sent events, a word at a time."""
    content = completion.message.get("content")
    pieces = re.findall(r"\S+\s*", content) if isinstance(content, str) else []
    deltas: list[Mapping[str, JsonValue]] = [{"role": "assistant"}, *({"content": piece} for piece in pieces)]
    if calls := completion.message.get("tool_calls"):
        indexed = [{"index": index, **call} for index, call in enumerate(_objects(calls))]
        deltas.append({"tool_calls": [*indexed]})
    finishes = [*((delta, None) for delta in deltas), (dict[str, JsonValue](), completion.finish_reason)]
    head = _head(completion, "chat.completion.chunk")
    for delta, reason in finishes:
        yield _event(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    yield _event(head | {"choices": list[object](), "usage": _usage(completion)})
    yield "data: [DONE]\n\n"


def _objects(value: JsonValue) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _head(completion: Completion, kind: str) -> dict[str, object]:
    return {"id": completion.id, "object": kind, "created": completion.created, "model": completion.model}


def _event(body: Mapping[str, object]) -> str:
    return f"data: {json.dumps(body)}\n\n"


def _usage(completion: Completion) -> dict[str, int]:
    return {
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "total_tokens": completion.prompt_tokens + completion.completion_tokens,
    }


def _message_by_rule(request: ChatRequest, *, now: float) -> JsonObject:
    """Return a tool call if one fits what is asked, what a tool answered, or words."""
    last = request.messages[-1]
    if last.role == "tool":
        return {"content": answer_from_tool(last.text)}
    call = next_call(last.text, request.tools, now=now) if last.role == "user" else None
    return {"tool_calls": [call]} if call else {"content": _answer_by_rule(request.messages)}


def _answer_by_rule(messages: Sequence[_Message]) -> str:
    """Return the line of the instructions that shares the most words with the question."""
    question = next((item.text for item in reversed(messages) if item.role == "user"), "")
    wanted = _words(question)
    instructions = "\n".join(item.text for item in messages if item.role in {"system", "developer"})
    lines = [line.strip() for line in instructions.splitlines() if line.strip()]
    best = max(lines, key=lambda line: len(wanted & _words(line)), default="")
    return best if wanted & _words(best) else _UNKNOWN


def _words(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(text))


def _count_tokens(text: str) -> int:
    return max(1, len(text) // 4)
