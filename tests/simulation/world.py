"""One run: three workers, a provider, people, and whatever goes wrong, all as one seed decides."""

import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from services.kernel.draining import SLICE_SECONDS, drain
from services.sending.machine import Act, Ground, NotBegun
from services.sending.outbox import Claim, Result, Transport, send_some
from tests.simulation.memory import LEASE, MemoryOutbox, Rules
from tests.simulation.oracle import Broken, Oracle
from tests.simulation.provider import DEADLINE, Kind, NoModule, VirtualProvider, Weather
from tests.simulation.rows import Store
from tests.simulation.tasks import Tasks, VirtualTime

WORKERS = 3
STEPS = 200
MOST_CALM_STEPS = 20_000
"""Steps after the faults until everything has ended; more means that something never ends."""
_BATCH = 8
_WEATHERS: Sequence[Weather] = ("fine", "shaky", "shaky", "away", "busy")
_LAST = 12
"""Events that are shown of a failed run, beside those of the messages that it is about."""
_SWEEP_EVERY = 10.0


class Failure(Exception):
    """A seed that broke an invariant, with what happened before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broke:
    """What is broken on purpose."""

    rules: Rules | None = None
    begin_within: float = LEASE.total_seconds() - DEADLINE
    wakes: bool = True


class World:
    """Everything in one run.

    Args:
        seed: chance.
        broke: what is broken on purpose.
    """

    def __init__(self, seed: int, broke: Broke | None = None) -> None:
        self._seed, self._rng, self._broke = seed, random.Random(seed), broke or Broke()
        self.time = VirtualTime()
        self.history: list[tuple[Any, ...]] = []
        self.tasks = Tasks(self.time)
        self.store = Store(self.time, self._rng)
        self.provider = VirtualProvider(self.time, self.tasks, self._rng, self._tell)
        self.oracle = Oracle(self.store, self.provider, self._tell)
        self._outbox = MemoryOutbox(self.store, NoModule(), self.oracle, self._broke.rules)
        self._is_calm = False
        self._swept_at = 0.0
        self._build()

    def run(self, steps: int = STEPS) -> None:
        """Live through a number of steps, then let everything come to its end, and judge.

        Raises:
            Failure: an invariant does not hold.
        """
        try:
            for _ in range(steps):
                self._step()
            self._calm_down()
            self.oracle.judge()
        except Broken as broken:
            raise Failure(self._explain(broken)) from None
        finally:
            self.tasks.close()

    def _build(self) -> None:
        rng = self._rng
        kinds: Sequence[Kind] = ("marker", "key", "blind")
        meanings: Sequence[Literal["account", "method", "call"]] = ("account", "method", "call")
        for kind in rng.sample(kinds, rng.choice((1, 2))):
            line = self.store.add_line(slow_down_means=rng.choice(meanings))
            self.provider.kinds[line.id], self.provider.weather[line.id] = kind, rng.choice(_WEATHERS)
            for _ in range(rng.choice((1, 2, 4, 8))):
                self.store.add_talk(line)
        self._talks = list(self.store.talks.values())
        for owner in range(WORKERS):
            self._start(owner)
        self._acts: Sequence[Callable[[], None]] = (
            self._go_on, self._pass_time, self._write, self._change_weather, self._disturb_wakes, self._kill,
            self._meddle, self._send_back, self._stand_still,
        )  # fmt: skip
        self._odds = (69, 13, 5, 2, 2, 1, 4, 1, 3)

    def _start(self, owner: int, *, after: float = 0.0) -> None:
        self.tasks.spawn(owner, lambda: self._work(owner), after=after)

    def _restart(self, owner: int) -> None:
        """Start a worker that died; it forgot when something is due."""
        self.store.alarms = [at for at in self.store.alarms if self._rng.random() < 0.7]
        self._start(owner, after=self._rng.uniform(0, 5))

    def _work(self, owner: int) -> None:
        """Live as a worker: wait for a wake-up, drain the outbox for a slice, wake others if there is more."""
        while True:
            self.tasks.pause(math.inf, lambda: self.store.waking > 0)
            self.store.take_wake()
            run_all = self._side_by_side(owner)
            if drain(lambda run_all=run_all: self._send_some(run_all), monotonic=self.time.monotonic):
                self.store.waking = 1

    def _send_some(self, run_all: Callable[[Sequence[Claim], Transport], Sequence[Result]]) -> int:
        return send_some(
            self._outbox,
            self.provider.call,
            run_all,
            limit=_BATCH,
            begin_within=self._broke.begin_within,
            monotonic=self.time.monotonic,
            reach=lambda _point: self.tasks.pause(),
        )

    def _side_by_side(self, owner: int) -> Callable[[Sequence[Claim], Transport], Sequence[Result]]:
        """Return what makes calls as threads do: what takes longer than a slice is settled when it ends."""

        def run_all(claims: Sequence[Claim], transport: Transport) -> Sequence[Result]:
            left, results, is_over = list(claims), list[Result](), False

            def call() -> None:
                while left and not is_over:
                    claim = left.pop(0)
                    self.tasks.pause()
                    result = Result(claim=claim, outcome=transport(claim))
                    if is_over:
                        self.tasks.pause()
                        self._outbox.settle([result])
                        self.store.waking = 1
                        return
                    results.append(result)

            for _ in range(min(3, len(claims))):
                self.tasks.spawn(owner, call)
            self.tasks.pause(SLICE_SECONDS, lambda: len(results) == len(claims))
            is_over = True
            unbegun = [Result(claim=claim, outcome=NotBegun()) for claim in left]
            left.clear()
            return [*results, *unbegun]

        return run_all

    def _step(self) -> None:
        self._rng.choices(self._acts, weights=self._odds)[0]()
        self.store.ring()
        if self._broke.wakes and self.time.seconds - self._swept_at >= _SWEEP_EVERY:
            self._swept_at = self.time.seconds
            self.store.sweep()

    def _go_on(self) -> None:
        for _ in range(self._rng.choice((1, 2, 4))):
            ready = self.tasks.list_ready()
            if not ready:
                self._pass_time()
                return
            task = self._rng.choice(ready)
            if self.tasks.go_on(task):
                self._tell("died", task.owner)
                self._restart(task.owner)

    def _stand_still(self) -> None:
        """Let a worker stand still, as one does that is suspended, while the others go on."""
        owner = self._rng.randrange(WORKERS)
        self.tasks.still[owner] = self.time.seconds + self._rng.choice((5, 40, 90))
        self._tell("stands still", owner)

    def _pass_time(self) -> None:
        spans = ((0.05, 0.3), (1, 6), (20, 40), (60, 700))
        self.time.seconds += self._rng.uniform(*self._rng.choices(spans, weights=(60, 25, 12, 3))[0])

    def _write(self) -> None:
        rng = self._rng
        for _ in range(rng.choice((1, 1, 2, 5))):
            limited = [talk for talk in self._talks if talk.limited_until]
            talk = rng.choice(limited if limited and rng.random() < 0.5 else self._talks)
            is_persons = rng.random() < 0.3
            row = self.store.write(talk, is_persons=is_persons, kills=rng.random() < 0.01)
            talk.is_human = talk.is_human or is_persons
            self._tell("written", row.id, f"in {talk.id.int}", "by a person" if is_persons else "")

    def _change_weather(self) -> None:
        line = self._rng.choice(list(self.store.lines))
        self.provider.weather[line] = weather = self._rng.choice(_WEATHERS)
        self._tell("weather", line, weather)

    def _disturb_wakes(self) -> None:
        self.store.waking = self._rng.choice((0, 0, 2, 3))
        if self._rng.random() < 0.5:
            self.store.alarms.clear()
        self._tell("wake-ups", self.store.waking)

    def _kill(self) -> None:
        owner = self._rng.randrange(WORKERS)
        self._tell("killed", owner)
        self.tasks.kill(owner)
        self._restart(owner)

    def _meddle(self) -> None:
        """Do what people do meanwhile."""
        rng, talk = self._rng, self._rng.choice(self._talks)
        line = self.store.lines[talk.connection_id]
        what = rng.choices(("stop", "take", "limit", "line", "access", "end"), weights=(0.5, 3, 7, 4, 1, 0.1))[0]
        match what:
            case "stop":
                talk.opted_out = not talk.opted_out
            case "take":
                talk.is_human = not talk.is_human
            case "limit":
                self.time.seconds += 1e-3
                talk.limited_until = self._later(rng.choice((1, 3, 30, 300)))
            case "line" if line.ground is not Ground.GONE:
                line.ground = rng.choice((Ground.WORKING, Ground.WORKING, Ground.PAUSED, Ground.BROKEN))
            case "access":
                line.has_access = not line.has_access
            case "end":
                line.ground = Ground.GONE
            case _:
                pass
        self._tell("meddled", talk.id, what, line.ground.value)

    def _send_back(self) -> None:
        """Hand a result in that was handed in before."""
        results = list(self.oracle.outcomes.values())
        if results:
            result = self._rng.choice(results)
            self._tell("again", result.claim.message_id)
            self._outbox.settle([result])

    def _later(self, seconds: float) -> Any:
        return VirtualTime.now(_at(self.time.seconds + seconds))

    def _calm_down(self) -> None:
        """Stop all faults, and let time pass until nothing is left to do."""
        self._tell("calm")
        self.tasks.still.clear()
        for line in self.store.lines.values():
            self.provider.weather[line.id], line.has_access = "fine", True
        for talk in self._talks:
            talk.limited_until = None
        for _ in range(MOST_CALM_STEPS):
            self._repair()
            ready = self.tasks.list_ready()
            if ready:
                if self.tasks.go_on(ready[0]):
                    self._start(ready[0].owner)
            elif not self.store.unsent and not self.oracle.held:
                return
            else:
                self._wait()
            self.store.ring()
        left = [f"{row.id.int} {row.state} {row.code}" for row in self.store.unsent.values()]
        raise Broken(f"it never ends; left: {', '.join(left[:5])}")

    def _repair(self) -> None:
        for line in self.store.lines.values():
            line.ground = line.ground if line.ground is Ground.GONE else Ground.WORKING

    def _wait(self) -> None:
        """Let the time pass until something is due, or until the sweeper looks."""
        times = [task.ready_at for task in self.tasks.alive] + self.store.alarms
        sweep_at = self._swept_at + _SWEEP_EVERY
        at = min((at for at in (*times, sweep_at) if self.time.seconds < at < math.inf), default=sweep_at)
        self.time.seconds = max(at, self.time.seconds + 1e-6)
        if self._broke.wakes and self.time.seconds >= sweep_at:
            self._swept_at = self.time.seconds
            self.store.sweep()

    def _tell(self, *what: object) -> None:
        self.history.append((self.time.seconds, *what))

    def describe(self) -> list[str]:
        """Return all that happened, a line each."""
        return ["  ".join(line) for line in self._lines()]

    def _explain(self, broken: Broken) -> str:
        about = {f"#{number}" for number in re.findall(r"message (\d+)", str(broken))}
        lines = self._lines()
        first = max(len(lines) - _LAST, 0)
        shown = [line for place, line in enumerate(lines) if place >= first or about & set(line)]
        again = f"again: .venv/bin/python -m tests.simulation --seed {self._seed}"
        return "\n".join((f"seed {self._seed}: {broken}", again, *("  ".join(line) for line in shown)))

    def _lines(self) -> list[list[str]]:
        return [[f"{at:10.2f}", *(_word(item) for item in what)] for at, *what in self.history]


def _at(seconds: float) -> VirtualTime:
    time = VirtualTime()
    time.seconds = seconds
    return time


def _word(item: object) -> str:
    if isinstance(item, UUID):
        return f"#{item.int}"
    return item.value if isinstance(item, Act) else str(item)
