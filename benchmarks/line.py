"""The whole line as it runs in production: door, two workers, scheduler, and the sink behind them."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg

from benchmarks import ledger
from benchmarks.bench import Bench
from benchmarks.load import Order, Outcome
from benchmarks.sink import SinkClient
from benchmarks.stage import Running, sink_url
from workers.runtime.process import wait_until

WORKERS = 2
_WATCH_SECONDS = 0.1


class NotDone(Exception):
    """The line did not get through in time, or did not take what it was sent."""


@dataclass(slots=True)
class Line:
    """A running line."""

    bench: Bench
    door: Running
    workers: list[Running]
    scheduler: Running
    session: psycopg.Connection
    """As the owner of the tables."""
    sink: SinkClient

    @property
    def port(self) -> int:
        """Where webhooks go."""
        return self.door.port

    def accept(self, order: Order) -> Outcome:
        """Send events.

        Raises:
            NotDone: one was not accepted.
        """
        outcome = self.bench.send(order)
        if outcome.accepted != order.count:
            raise NotDone(f"Of {order.count} events {outcome.accepted} were accepted: {dict(outcome.statuses)}")
        return outcome

    def await_quiet(self, *, seconds: float) -> None:
        """Wait until everything is done: deliveries, turns and answers.

        Raises:
            NotDone
        """
        self.insist(lambda: ledger.backlog(self.session).is_gone, seconds=seconds)

    def wait(self, condition: Callable[[], bool], *, seconds: float) -> bool:
        """Wait until a condition holds or the time is over; return whether it holds."""
        return wait_until(condition, timeout_seconds=seconds, interval_seconds=_WATCH_SECONDS)

    def insist(self, condition: Callable[[], bool], *, seconds: float) -> None:
        """Wait until a condition holds.

        Raises:
            NotDone: says what is left.
        """
        if not self.wait(condition, seconds=seconds):
            raise NotDone(f"After {seconds:g} s this was left: {ledger.backlog(self.session)}")

    def now(self) -> datetime:
        """Return the time."""
        return self.bench.stage.kernel.clock.now()

    def rest(self) -> None:
        """Let workers and scheduler take no processor time; call it when nothing is under way."""
        for running in (*self.workers, self.scheduler):
            running.rest()

    def go_on(self) -> None:
        """Let them go on."""
        for running in (*self.workers, self.scheduler):
            running.go_on()


@contextmanager
def open_line(bench: Bench) -> Generator[Line]:
    """Start the line, with the door in a process of its own, and stop it at the end."""
    stage = bench.stage
    assert bench.companies, "there is somebody to write to"
    with stage.owner() as session:
        ledger.abandon(session)
        door, workers, scheduler = stage.web(only_webhooks=True), stage.workers(WORKERS), stage.scheduler()
        line = Line(bench, door, workers, scheduler, session, SinkClient(sink_url(stage.sink_port)))
        try:
            yield line
        finally:
            stage.stop(door, *workers, scheduler)
