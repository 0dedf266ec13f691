"""Turns under the same faults: workers that die, leases that run out, wake-ups that are lost, people in between.

What decides is :mod:`services.turns.machine`; the statements of ``services/turns/batch_repository.py`` stand here on
rows in memory.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from models import AgentStatus, ConversationState, TurnState
from services.attempts import MOST_CUT_OFF
from services.kernel.draining import drain
from services.kernel.errors import Refused, RetryLater
from services.turns import machine
from services.turns.machine import Step, Turning
from tests.simulation.memory import LEASE, POLICY
from tests.simulation.oracle import Broken
from tests.simulation.tasks import BEGINNING, Crash, Tasks, VirtualTime, seconds_of

_OPEN = (TurnState.DUE, TurnState.RUNNING)
_BATCH = 4
_MOST_CALM_STEPS = 20_000


@dataclass(slots=True, eq=False, kw_only=True)
class TurnRow:
    """A turn; its conversation's lease is kept with the conversation."""

    number: int
    talk: "TurnTalk"
    kills: bool
    state: TurnState = TurnState.DUE
    attempt: int = 0
    due_at: float = 0.0
    token: int = 0
    cut_offs: int = 0
    replies: int = 0


@dataclass(slots=True, eq=False)
class TurnTalk:
    """A conversation, and who is in charge."""

    state: ConversationState = ConversationState.AGENT
    lease_until: float = -math.inf
    token: int = 0
    turns: list[TurnRow] = field(default_factory=list[TurnRow])
    replied: list[int] = field(default_factory=list[int])
    """Turns in the order of their replies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRules:
    """What decides; a test breaks one of them to see that it is noticed."""

    begin: Callable[..., Step] = machine.begin
    failed: Callable[..., Step] = machine.failed
    checks_lease: bool = True
    checks_token: bool = True
    keeps_order: bool = True


class TurnWorld:
    """One run, as one seed decides."""

    def __init__(self, seed: int, rules: TurnRules | None = None) -> None:
        self._rng, self._rules = random.Random(seed), rules or TurnRules()
        self.time = VirtualTime()
        self.tasks = Tasks(self.time)
        self.talks = [TurnTalk() for _ in range(self._rng.choice((1, 2, 4)))]
        self._tokens, self._waking, self._agent = 0, 0, AgentStatus.ACTIVE
        self._is_calm = False
        for owner in range(3):
            self._start(owner)

    def run(self, steps: int = 200) -> None:
        """Live through the steps, let everything come to its end, and judge.

        Raises:
            Broken: an invariant does not hold.
        """
        acts = (self._go_on, self._pass_time, self._ask, self._kill, self._lose_wakes, self._meddle)
        try:
            for _ in range(steps):
                self._rng.choices(acts, weights=(60, 14, 8, 3, 3, 4))[0]()
                self._waking = max(self._waking, int(self._rng.random() < 0.05))  # the sweeper
            self._calm_down()
            self._judge()
        finally:
            self.tasks.close()

    def _start(self, owner: int) -> None:
        self.tasks.spawn(owner, self._work)

    def _work(self) -> None:
        while True:
            self.tasks.pause(math.inf, lambda: self._waking > 0)
            self._waking = max(self._waking - 1, 0)
            if drain(self._take, monotonic=self.time.monotonic):
                self._waking = 1

    def _take(self) -> int:
        """Answer one batch, as :mod:`services.turns.answering` does."""
        handled, held, token = self._claim()
        self.tasks.pause()
        for row in held:
            if row.kills:
                raise Crash
            self.tasks.pause(self._rng.choice((0.1, 1, 8)))
            error = None if self._is_calm or self._rng.random() < 0.7 else self._error()
            self.tasks.pause()
            self._settle(row, token, error)
        return handled

    def _error(self) -> Exception:
        return self._rng.choice((RetryLater("Busy.", after=timedelta(seconds=20)), RuntimeError(), Refused("No.")))

    def _claim(self) -> tuple[int, list[TurnRow], int]:
        now = self.time.seconds
        found = sorted(filter(None, (self._earliest(talk) for talk in self.talks)), key=lambda row: row.due_at)[:_BATCH]
        suspects = [row for row in found if row.token]
        rows = suspects[:1] or found
        self._tokens += 1
        held = [row for row in rows if self._begin(row)]
        for row in held:
            if row.talk.token and now <= row.talk.lease_until:
                raise Broken(f"turn {row.number} is claimed while its conversation is held")
            row.talk.token, row.talk.lease_until = self._tokens, now + LEASE.total_seconds()
            row.state, row.attempt, row.token = TurnState.RUNNING, row.attempt + 1, self._tokens
            if row.attempt > POLICY.max_attempts:
                raise Broken(f"turn {row.number} is tried for the {row.attempt}th time")
        return len(rows), held, self._tokens

    def _earliest(self, talk: TurnTalk) -> TurnRow | None:
        rows = [row for row in talk.turns if row.state in _OPEN]
        rows = rows[:1] if self._rules.keeps_order else rows[-1:]
        is_free = talk.lease_until < self.time.seconds or not self._rules.checks_lease
        return rows[0] if rows and is_free and rows[0].due_at <= self.time.seconds else None

    def _begin(self, row: TurnRow) -> bool:
        row.cut_offs += 1 if row.token else 0
        step = self._rules.begin(
            Turning(
                attempt=row.attempt,
                cut_offs=row.cut_offs if row.token else 0,
                conversation=row.talk.state,
                agent=self._agent,
                agent_name="Bri",
            ),
            POLICY,
        )
        if step.state is not TurnState.RUNNING:
            self._end(row, step)
        elif row.cut_offs >= MOST_CUT_OFF and row.token:
            raise Broken(f"turn {row.number} was cut off {row.cut_offs} times and is tried once more")
        return step.state is TurnState.RUNNING

    def _settle(self, row: TurnRow, token: int, error: Exception | None) -> None:
        is_held = row.token == token and row.talk.token == token
        if not is_held and self._rules.checks_token:
            return
        if row.state is not TurnState.RUNNING:
            raise Broken(f"turn {row.number} is settled, and had ended: {row.state}")
        if error is not None:
            now = BEGINNING + timedelta(seconds=self.time.seconds)
            self._end(row, self._rules.failed(error, POLICY, attempt=row.attempt, now=now, jitter=self._rng.random()))
            return
        silent = machine.why_silent(row.talk.state, self._agent, "Bri")
        self._end(row, Step(state=TurnState.SKIPPED if silent else TurnState.DONE))
        if not silent:
            row.replies += 1
            row.talk.replied.append(row.number)

    def _end(self, row: TurnRow, step: Step) -> None:
        row.state, row.token = step.state, 0
        row.talk.token, row.talk.lease_until = 0, -math.inf
        if step.due_at is not None:
            row.due_at = seconds_of(step.due_at)
        if step.needs_person and row.talk.state is ConversationState.AGENT:
            row.talk.state = ConversationState.WAITING

    def _go_on(self) -> None:
        ready = self.tasks.list_ready()
        if not ready:
            self._pass_time()
        elif self.tasks.go_on(task := self._rng.choice(ready)):
            self._start(task.owner)

    def _pass_time(self) -> None:
        self.time.seconds += self._rng.choice((0.1, 0.3, 3, 10, 35))

    def _ask(self) -> None:
        talk = self._rng.choice(self.talks)
        silent = machine.why_silent(talk.state, self._agent, "Bri")
        row = TurnRow(number=len(talk.turns), talk=talk, kills=self._rng.random() < 0.02, due_at=self.time.seconds)
        row.state = TurnState.SKIPPED if silent else TurnState.DUE
        talk.turns.append(row)
        self._waking = max(self._waking, 1)

    def _kill(self) -> None:
        owner = self._rng.randrange(3)
        self.tasks.kill(owner)
        self._start(owner)

    def _lose_wakes(self) -> None:
        self._waking = self._rng.choice((0, 0, 3))

    def _meddle(self) -> None:
        self._rng.choice(self.talks).state = self._rng.choice((*[ConversationState.AGENT] * 3, ConversationState.HUMAN))
        self._agent = self._rng.choices((AgentStatus.ACTIVE, AgentStatus.PAUSED), weights=(9, 1))[0]

    def _calm_down(self) -> None:
        self._is_calm = True
        for _ in range(_MOST_CALM_STEPS):
            ready = self.tasks.list_ready()
            if ready:
                if self.tasks.go_on(ready[0]):
                    self._start(ready[0].owner)
            elif any(row.state in _OPEN for talk in self.talks for row in talk.turns):
                self.time.seconds += 5
                self._waking = 1
            else:
                return
        raise Broken("it never ends")

    def _judge(self) -> None:
        rows: list[Any] = [row for talk in self.talks for row in talk.turns]
        for row in rows:
            if row.replies != (1 if row.state is TurnState.DONE else 0):
                raise Broken(f"turn {row.number} is {row.state} and was replied to {row.replies} times")
        for talk in self.talks:
            if talk.replied != sorted(talk.replied):
                raise Broken(f"turns were replied to in the order {talk.replied}")
