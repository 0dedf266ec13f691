"""The providers as senders: signed anew for every attempt, repeated by each provider's own rule, and written down.

Schedules are compressed, and longer than the real ones: nobody gives up because a process needs some seconds to start.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

import uvloop

from tests.faults.events import Event, path_of
from tests.faults.wire import Wire

Result = TypeVar("Result")

_WAITS = (0.2, 0.5, *[1.0] * 90)
_PATIENT_SECONDS = 2.5
"""Less than any provider waits for an answer."""
_DUPLICATES = 0.02
_REORDERED = 0.01
_USER_AGENTS = {"slack": "Slackbot 1.0 (+https://api.slack.com/robots)", "twilio": "TwilioProxy/1.1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How a provider delivers."""

    timeout_seconds: float
    repeats: Callable[[int | None], bool]
    """Whether an answer, or none, makes it try again."""


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        # https://docs.slack.dev/apis/events-api/#retries
        "slack": Rule(timeout_seconds=3.0, repeats=lambda status: status is None or not 200 <= status < 300),
        # https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
        "twilio": Rule(timeout_seconds=15.0, repeats=lambda status: status is None or status >= 500),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try; times are of the monotonic clock."""

    began: float
    ended: float
    status: int | None
    retry_after: str = ""

    @property
    def is_refused(self) -> bool:
        """Whether there was no connection. What lasted longer was given up by the provider."""
        return self.status is None and self.ended - self.began < _PATIENT_SECONDS


@dataclass(slots=True)
class Sent:
    """A page of the sender's ledger: one event, and every attempt at it."""

    event: Event
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    is_finished: bool = False

    @property
    def accepted_at(self) -> float | None:
        """When the product first said that it took it; None if it never did."""
        return next((item.ended for item in self.attempts if item.status and 200 <= item.status < 300), None)


class Sender:
    """Sends from a thread of its own.

    Args:
        host: where the product listens.
        port: likewise.
        rng: which events are doubled or held back.
    """

    def __init__(self, host: str, port: int, *, rng: random.Random) -> None:
        self._wire = Wire(host, port)
        self._rng = rng
        self._books: list[Sent] = []
        self.loop = uvloop.new_event_loop()
        """Where all sending happens."""
        self._thread = threading.Thread(target=self.loop.run_forever, name="sender", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, whatever is still on its way."""
        self.loop.call_soon_threadsafe(self._stop)
        self._thread.join(timeout=10)

    def begin_books(self) -> None:
        """Forget what was sent so far."""
        self._books = []

    @property
    def books(self) -> Sequence[Sent]:
        """What was sent since the books were begun."""
        return tuple(self._books)

    def is_idle(self) -> bool:
        """Return whether every event was taken, or given up."""
        return all(item.is_finished for item in self._books)

    def send(self, events: Iterable[Event]) -> list[Sent]:
        """Send events at once, without waiting for what comes of them."""
        pages = [Sent(event) for event in events]
        self._books.extend(pages)
        for page in pages:
            self._start(self._deliver(page))
        return pages

    def send_again(self, events: Iterable[Event]) -> None:
        """Let the provider send once more what it has sent before, signed afresh."""
        known = {id(page.event): page for page in self._books}
        for event in events:
            self._start(self._deliver(known[id(event)]))

    def post(
        self, event: Event, *, headers: Mapping[str, str] = MappingProxyType({}), seconds: float = 30.0
    ) -> Attempt:
        """Send an event once and wait for the answer."""
        page = Sent(event, is_finished=True)
        self._books.append(page)
        page.attempts.append(self.run(self._attempt(event, headers=headers, seconds=seconds)))
        return page.attempts[0]

    def flow(self, next_event: Callable[[], Event], *, rate: float, most: int, until: threading.Event) -> None:
        """Send so many events a second until told to stop; some twice, some late."""
        self._start(self._flow(next_event, rate=rate, most=most, until=until))

    def run(self, work: Coroutine[None, None, Result]) -> Result:
        """Run something on the sender's event loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    async def _flow(self, next_event: Callable[[], Event], *, rate: float, most: int, until: threading.Event) -> None:
        began, count = self.loop.time(), 0
        while not until.is_set() and count < most:
            for _ in range(count, int((self.loop.time() - began) * rate)):
                count += 1
                self._let_go(Sent(next_event()))
            await asyncio.sleep(0.01)

    def _let_go(self, page: Sent) -> None:
        self._books.append(page)
        chance = self._rng.random()
        delay = self._rng.uniform(0.1, 0.6) if chance < _REORDERED else 0.0
        self._start(self._deliver(page, delay=delay))
        if chance > 1 - _DUPLICATES:
            self._start(self._deliver(page, delay=self._rng.uniform(0, 0.05)))

    async def _deliver(self, page: Sent, *, delay: float = 0.0) -> None:
        page.is_finished = False
        await asyncio.sleep(delay)
        rule = RULES[page.event.provider]
        for wait in (*_WAITS, None):
            attempt = await self._attempt(page.event, headers={}, seconds=rule.timeout_seconds)
            page.attempts.append(attempt)
            if wait is None or not rule.repeats(attempt.status):
                break
            await asyncio.sleep(wait)
        page.is_finished = True

    async def _attempt(self, event: Event, *, headers: Mapping[str, str], seconds: float) -> Attempt:
        began = time.monotonic()
        sent = {
            "content-type": event.content_type,
            "user-agent": _USER_AGENTS[event.provider],
            **event.sign(time.time()),
            **headers,
        }
        reply = await self._wire.post(path_of(event.url), headers=sent, body=event.body, seconds=seconds)
        return Attempt(
            began=began,
            ended=time.monotonic(),
            status=reply.status if reply else None,
            retry_after=reply.headers.get("retry-after", "") if reply else "",
        )

    def _start(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop)

    def _stop(self) -> None:
        self._wire.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.call_soon(self.loop.stop)
