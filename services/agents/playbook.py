"""The offline runner: answers from the agent's own question and answer entries, and says so when it cannot."""

from services.agents import repository
from services.agents.matching import decide, split_sentences
from services.agents.runner import TurnReply, TurnRequest
from services.agents.tools import NO_TOOLS, Toolbox
from services.kernel.kernel import Kernel


class PlaybookRunner:
    """Answers without a model; needs nothing but the database."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def answer(self, request: TurnRequest, toolbox: Toolbox = NO_TOOLS) -> TurnReply:
        """Answer from the agent's playbook, or hand over; it knows sentences and no actions."""
        sentences = split_sentences(request.text)
        with self._kernel.unit_of_work(request.tenant_id) as work:
            words = repository.read_words(work, sentences)
            candidates = repository.list_candidates(work, request.agent_id, words)
        decision = decide(sentences, words, candidates, agent_name=request.agent_name)
        return TurnReply(text=decision.text, runner="playbook", reason=decision.reason, hand_over=decision.hand_over)
