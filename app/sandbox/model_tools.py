"""How the model without a model uses tools: by a few words of the question, with arguments filled in by rule."""

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.sandbox.state import JsonObject

_INTENTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), name)
    for pattern, name in (
        (r"\b(?:book|schedule|arrange)\b", "create_event"),
        (r"\b(?:calendar|agenda|upcoming meetings)\b", "list_upcoming_events"),
        (r"\b(?:text message|sms)\b", "send_sms"),
        (r"\be-?mail\b", "send_email"),
        (r"\b(?:tell|let) (?:the|your) (?:team|colleagues)\b", "post_message"),
    )
)
"""What the question must say → how the tool's name must end. The first that is offered is called."""
_MARKS = re.compile(r"</?(?:contact_message|contact_name|tool_answer)>")
_NAME = re.compile(r"<contact_name>.*?</contact_name>", re.DOTALL)
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_CHANNEL = re.compile(r"#[\w-]{1,80}")
_ONLINE = re.compile(r"\b(?:meet link|online|video)\b", re.IGNORECASE)


class _Function(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str
    parameters: JsonObject = Field(default_factory=dict[str, JsonValue])


class Offered(BaseModel):
    """A tool that a request offers."""

    model_config = ConfigDict(extra="ignore")
    function: _Function


@dataclass(frozen=True, slots=True)
class _Question:
    """What was asked, and when."""

    text: str
    now: datetime

    @property
    def begins(self) -> datetime:
        """Ten o'clock on the next day."""
        return (self.now + timedelta(days=1)).replace(hour=10, minute=0, second=0, microsecond=0)


def next_call(text: str, tools: Sequence[Offered], *, now: float) -> JsonObject | None:
    """Return the call that a question asks for; None if no tool fits, or an argument is not to be found in it."""
    question = _Question(_MARKS.sub("", _NAME.sub("", text)).strip(), datetime.fromtimestamp(now, UTC))
    for pattern, ending in _INTENTS:
        tool = next((item.function for item in tools if item.function.name.endswith(f"__{ending}")), None)
        if tool is None or not pattern.search(question.text):
            continue
        arguments = _arguments(tool, question)
        if arguments is not None:
            call = {"name": tool.name, "arguments": json.dumps(arguments)}
            return {"id": f"call_{secrets.token_hex(8)}", "type": "function", "function": cast(JsonObject, call)}
    return None


def answer_from_tool(text: str) -> str:
    """Return what to say of a tool's answer."""
    try:
        answer = json.loads(_MARKS.sub("", text))
    except ValueError:
        return "I could not read what came back. I'll pass this on to a colleague."
    said, status = str(answer.get("said", "")), answer.get("status")
    if status == "done":
        return "\n".join([said, *_listed(answer.get("output", {}))])
    if status == "waiting_for_approval":
        return "I have asked a colleague to confirm this. You will hear from me as soon as it is decided."
    if status in {"delayed", "not_known_yet"}:
        return "This takes a little longer. You will hear from me as soon as it is done."
    return "That did not work. I'll pass this on to a colleague."


def _listed(output: Mapping[str, object]) -> list[str]:
    events = output.get("events")
    items = cast(list[Mapping[str, object]], events) if isinstance(events, list) else []
    return [f"{item.get('starts_at', '')} {item.get('title', '')}".strip() for item in items]


def _arguments(tool: _Function, question: _Question) -> dict[str, object] | None:
    properties = tool.parameters.get("properties")
    names = list(cast(JsonObject, properties)) if isinstance(properties, dict) else []
    required = tool.parameters.get("required")
    found: dict[str, object] = {}
    for name in names:
        value = _FILL[name](question) if name in _FILL else None
        if value:
            found[name] = value
    missing = set(cast(list[str], required) if isinstance(required, list) else []) - set(found)
    return None if missing else found


def _recipient(question: _Question) -> object:
    found = _NUMBER.search(question.text) or _ADDRESS.search(question.text)
    return found[0] if found else ""


_FILL: Mapping[str, Callable[[_Question], object]] = {
    "title": lambda question: " ".join(question.text.split())[:80],
    "starts_at": lambda question: question.begins.isoformat(),
    "ends_at": lambda question: (question.begins + timedelta(minutes=30)).isoformat(),
    "attendees": lambda question: _ADDRESS.findall(question.text),
    "add_meet_link": lambda question: bool(_ONLINE.search(question.text)),
    "to": _recipient,
    "subject": lambda question: " ".join(question.text.split())[:80],
    "text": lambda question: question.text,
    "body": lambda question: question.text,
    "channel": lambda question: found[0] if (found := _CHANNEL.search(question.text)) else "",
}
"""How an argument is found, by its name."""
