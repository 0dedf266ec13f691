"""The offline runner: answers from the agent's own question and answer entries, and says so when it cannot."""

from collections.abc import Sequence

from services.agents import repository
from services.agents.matching import Candidate, Word, decide, split_sentences
from services.agents.runner import TurnReply, TurnRequest
from services.agents.tools import NO_TOOLS, Toolbox
from services.kernel.db import UnitOfWork
from services.kernel.kernel import Kernel


class PlaybookRunner:
    """Answers without a model; needs nothing but the database."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    @property
    def answers_at_once(self) -> bool:
        """Return true: it waits for nothing but the database."""
        return True

    def answer(self, request: TurnRequest, toolbox: Toolbox = NO_TOOLS) -> TurnReply:
        """Answer from the agent's playbook, or hand over; it knows sentences and no actions."""
        return self.answer_many([request])[0]

    def answer_many(self, requests: Sequence[TurnRequest]) -> Sequence[TurnReply]:
        """Answer messages of one tenant, reading all that they need in a few statements."""
        if not requests:
            return []
        sentences = [split_sentences(request.text) for request in requests]
        with self._kernel.unit_of_work(requests[0].tenant_id) as work:
            words = _read_each(work, sentences)
            agent_ids = [request.agent_id for request in requests]
            candidates = repository.list_candidates_of(work, list(zip(agent_ids, words, strict=True)))
        return [_reply(*found) for found in zip(requests, sentences, words, candidates, strict=True)]


def _read_each(work: UnitOfWork, messages: Sequence[Sequence[str]]) -> list[tuple[tuple[Word, ...], ...]]:
    """Return the words of each message's sentences, all read at once."""
    known = list(dict.fromkeys(sentence for sentences in messages for sentence in sentences))
    words = dict(zip(known, repository.read_words(work, known), strict=True))
    return [tuple(words[sentence] for sentence in sentences) for sentences in messages]


def _reply(
    request: TurnRequest,
    sentences: Sequence[str],
    words: Sequence[Sequence[Word]],
    candidates: Sequence[Candidate],
) -> TurnReply:
    decision = decide(sentences, words, candidates, agent_name=request.agent_name)
    return TurnReply(text=decision.text, runner="playbook", reason=decision.reason, hand_over=decision.hand_over)
