"""What all measures share: how much to measure, the stage, and the companies on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.load import Order, Outcome
from benchmarks.load import run as run_load
from benchmarks.report import Finding
from benchmarks.scene import Company, accounts, found_companies
from benchmarks.slack_events import Account
from benchmarks.stage import Running, Stage

COMPANIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured."""

    rounds: int = 5
    messages: int = 5_000_000
    """Up to how many messages the history grows."""
    rows: int = 20_000
    """How many secrets are re-encrypted."""
    share: float = 1.0
    """How much of the usual number of requests; less only to try the benchmarks out."""

    def amount(self, usual: int) -> int:
        """Return how many requests to send where usually there are so many."""
        return max(50, round(usual * self.share))


@dataclass(slots=True)
class Bench:
    """One run."""

    plan: Plan
    stage: Stage
    say: Callable[[str], None]
    _sink: Running | None = None
    _companies: list[Company] = field(default_factory=list[Company])

    @property
    def companies(self) -> Sequence[Company]:
        """Companies without limits, connected to the sink, which runs from now on."""
        if self._sink is None:
            self._sink = self.stage.sink()
            self._companies = found_companies(self.stage.kernel, COMPANIES)
        return self._companies

    @property
    def accounts(self) -> Sequence[Account]:
        """Where events for the companies go."""
        return accounts(self.companies)

    def send(self, order: Order) -> Outcome:
        """Let the load generator do its work, in its own process."""
        return self.stage.helpers.apply(run_load, (order,))


Measure = Callable[[Bench], list[Finding]]
