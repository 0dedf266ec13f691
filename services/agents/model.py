"""The runner that asks a language model, over any OpenAI-compatible address."""

from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING

from services.agents import repository
from services.agents.matching import closeness, meaningful_stems, split_sentences, stop_stems
from services.agents.prompt import build_prompt, read_answer
from services.agents.runner import TurnReply, TurnRequest
from services.agents.views import PlaybookEntryView
from services.kernel.errors import RetryLater
from services.kernel.kernel import Kernel
from services.kernel.settings import Settings

if TYPE_CHECKING:
    from services.agents import model_call

DEADLINE_SHARE = 0.8
"""Part of a turn's lease that the model may take; the rest is for storing the reply before the lease runs out."""


def model_name(settings: Settings, model: str) -> str:
    """Return the model to ask: the agent's own, else the installation's; empty if no model can be asked."""
    return (model or settings.openai_model) if settings.openai_api_key.get_secret_value() else ""


def _load_call() -> "type[model_call.ModelCall]":
    """Import the model library on first use: it takes seconds, which the web process must not spend at its start."""
    return import_module("services.agents.model_call").ModelCall


class ModelRunner:
    """Asks the model once per turn; a failed call is repeated by the turn, never here."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def answer(self, request: TurnRequest) -> TurnReply:
        """Answer from the instructions and the playbook, in the model's words.

        Raises:
            RetryLater: the model is busy, away, too slow, or said nothing.
            Refused: the key, the model or the request was refused; the message names the setting.
        """
        settings = self._kernel.settings
        name = model_name(settings, request.model)
        call = _load_call()(
            base_url=settings.openai_base_url,
            api_key=settings.openai_api_key.get_secret_value(),
            model=name,
            deadline=timedelta(seconds=settings.lease_seconds * DEADLINE_SHARE),
        )
        completion = call.complete(build_prompt(request, self._entries(request)))
        said = read_answer(completion.text)
        if not said.text:
            raise RetryLater("The model gave no answer.", code="model_answer")
        return TurnReply(
            text=said.text,
            runner="model",
            model=name,
            reason=f"{name} hands over to a person" if said.hand_over else f"Answered by {name}",
            input_tokens=completion.input_tokens,
            output_tokens=completion.output_tokens,
            hand_over=said.hand_over,
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
