"""The runner that asks a language model, over any OpenAI-compatible address."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING

from services.agents import repository
from services.agents.matching import closeness, meaningful_stems, split_sentences, stop_stems
from services.agents.prompt import Prompt, build_prompt, read_answer
from services.agents.runner import HAND_OVER_SENTENCE, TurnReply, TurnRequest
from services.agents.tools import NO_TOOLS, Exchange, Tool, Toolbox
from services.agents.views import PlaybookEntryView
from services.kernel.errors import RetryLater
from services.kernel.kernel import Kernel
from services.kernel.settings import Settings

if TYPE_CHECKING:
    from services.agents import model_call

DEADLINE_SHARE = 0.8
"""Part of a turn's lease that the model may take; the rest is for storing the reply before the lease runs out."""
MAX_ROUNDS = 5
"""How often the model is asked in one turn."""
MAX_CALLS = 8
"""How many actions one turn may run."""
_ENOUGH = "Nothing was done: this turn may not run any more tools. Answer the person now."


def model_name(settings: Settings, model: str) -> str:
    """Return the model to ask: the agent's own, else the installation's; empty if no model can be asked."""
    return (model or settings.openai_model) if settings.openai_api_key.get_secret_value() else ""


def _load_call() -> "type[model_call.ModelCall]":
    """Import the model library on first use: it takes seconds, which the web process must not spend at its start."""
    return import_module("services.agents.model_call").ModelCall


@dataclass(slots=True)
class _Talk:
    """One turn with the model: what was called so far, and what that used."""

    call: "model_call.ModelCall"
    prompt: Prompt
    tools: Sequence[Tool]
    exchanges: list[Exchange]
    deadline: float
    """By the monotonic clock."""
    called: list[str] = field(default_factory=list[str])
    input_tokens: int = 0
    output_tokens: int = 0

    def ask(self) -> "model_call.Completion":
        """Ask the model with all that was called so far.

        Raises:
            RetryLater, Refused
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise RetryLater("The model and its tools took too long for one turn.", code="model_timeout")
        completion = replace(self.call, deadline=timedelta(seconds=left)).complete(
            self.prompt, tools=self.tools, exchanges=self.exchanges
        )
        self.input_tokens += completion.input_tokens
        self.output_tokens += completion.output_tokens
        return completion

    def run_tools(self, completion: "model_call.Completion", toolbox: Toolbox) -> None:
        """Do what the model asks for, as far as the toolbox lets it."""
        answers: list[str] = []
        for call in completion.calls:
            if len(self.called) >= MAX_CALLS or time.monotonic() > self.deadline:
                answers.append(_ENOUGH)
                continue
            self.called.append(call.name)
            answers.append(toolbox.call(call.name, call.arguments))
        self.exchanges.append(Exchange(text=completion.text, calls=completion.calls, answers=tuple(answers)))


class ModelRunner:
    """Asks the model until it answers; a failed call is repeated by the turn, never here."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    @property
    def answers_at_once(self) -> bool:
        """Return false: a model takes seconds."""
        return False

    def answer_many(self, requests: Sequence[TurnRequest]) -> Sequence[TurnReply]:
        """Answer several messages, one after the other."""
        return [self.answer(request) for request in requests]

    def answer(self, request: TurnRequest, toolbox: Toolbox = NO_TOOLS) -> TurnReply:
        """Answer from the instructions, the playbook and what tools say, in the model's words.

        Raises:
            RetryLater: the model is busy, away, too slow, or said nothing.
            Refused: the key, the model or the request was refused; the message names the setting.
        """
        name = model_name(self._kernel.settings, request.model)
        talk = self._begin(request, toolbox, name)
        for _ in range(MAX_ROUNDS):
            completion = talk.ask()
            if not completion.calls:
                return _read_reply(talk, completion.text, name)
            talk.run_tools(completion, toolbox)
        reason = f"{name} went on calling tools and was stopped after {MAX_ROUNDS} rounds"
        return _reply(talk, HAND_OVER_SENTENCE, name, reason=reason, hand_over=True)

    def _begin(self, request: TurnRequest, toolbox: Toolbox, name: str) -> _Talk:
        settings = self._kernel.settings
        seconds = settings.lease_seconds * DEADLINE_SHARE
        call = _load_call()(
            base_url=settings.openai_base_url,
            api_key=settings.openai_api_key.get_secret_value(),
            model=name,
            deadline=timedelta(seconds=seconds),
        )
        tools = toolbox.list_tools()
        now = toolbox.describe_now() if tools else ""
        return _Talk(
            call=call,
            prompt=build_prompt(request, self._entries(request), now=now),
            tools=tools,
            exchanges=list(toolbox.list_earlier()),
            deadline=time.monotonic() + seconds,
        )

    def _entries(self, request: TurnRequest) -> list[PlaybookEntryView]:
        """Return the playbook, what is closest to the question first."""
        with self._kernel.unit_of_work(request.tenant_id) as work:
            entries = repository.list_playbook_entries(work, request.agent_id)
            sentences = repository.read_words(work, split_sentences(request.text))
            candidates = repository.list_candidates(work, request.agent_id, sentences)
        words = [word for sentence in sentences for word in sentence]
        ignored, stems = stop_stems(words), meaningful_stems(words)
        near = {candidate.question: closeness(stems, candidate, ignored=ignored) for candidate in candidates}
        return sorted(entries, key=lambda entry: -near.get(entry.question, 0.0))


def _read_reply(talk: _Talk, content: str, name: str) -> TurnReply:
    said = read_answer(content)
    if not said.text:
        raise RetryLater("The model gave no answer.", code="model_answer")
    reason = f"{name} hands over to a person" if said.hand_over else f"Answered by {name}"
    return _reply(talk, said.text, name, reason=reason, hand_over=said.hand_over)


def _reply(talk: _Talk, text: str, name: str, *, reason: str, hand_over: bool) -> TurnReply:
    return TurnReply(
        text=text,
        runner="model",
        model=name,
        reason=reason,
        input_tokens=talk.input_tokens,
        output_tokens=talk.output_tokens,
        hand_over=hand_over,
        actions=tuple(talk.called),
    )
