"""The rig: the running product with its tenants, the senders, and what a fault needs to wait for and to judge."""

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import httpx2
import psycopg

from services.kernel.kernel import Kernel, build_kernel
from tests.faults.events import Contacts, Event, Provider
from tests.faults.evidence import Records, asked_of, seen_of
from tests.faults.letters import Writers
from tests.faults.oracle import Evidence, Seen, judge
from tests.faults.sender import Attempt, Sender, Sent
from tests.faults.tenants import Tenant
from tests.faults.world import Company
from tests.support.product import Product, eventually
from tests.support.sandbox import Ledger, SentWebhook
from workers.runtime import process

_CHOICE = os.environ.get("FAULTS", "quick")
IS_WHOLE = _CHOICE == "all"
"""Whether each fault is tried as often as it deserves."""
TRIES_EACH = _CHOICE in {"each", "all"}
"""Whether all faults are tried, or only the quick ones."""
PATIENCE = float(os.environ.get("FAULT_PATIENCE") or (1 if IS_WHOLE else 10))
"""By how much a recovery may take longer than it should: tests share the machine with others."""
RATE = 20.0
"""Events a second while something is broken."""
MOST = 200 if IS_WHOLE else 40
"""Events of one load at most: where the machine is slow, what waits must not grow without end."""
_ALLOWED = ("_subscribe_lock_updates",)
"""Reflex reports a Redis that is away as an error."""
_SETTLE_SECONDS = 60.0
_COLLECT_SECONDS = 1.0
_PACE = {f"{name}_retry_seconds": [0.5] * 120 for name in ("slack", "twilio", "resend", "google")}


@dataclass(slots=True)
class Rig:
    """One running product, and what happens to it."""

    product: Product
    kernel: Kernel
    tenants: tuple[Tenant, ...]
    sender: Sender
    contacts: Contacts
    writers: Writers
    records: Records
    accounts: dict[str, int]
    rng: random.Random
    recoveries: list[float] = field(default_factory=list[float])
    """Seconds that each recovery of the fault that is tried took."""
    measured: dict[str, str] = field(default_factory=dict[str, str])
    """What else was measured: of what → in words."""
    forgiven: set[str] = field(default_factory=set[str])
    """Messages, by the providers' ids, that need not be answered and may end as dead letters."""
    _since: object = None
    _errors: int = 0
    _log_begin: int = 0
    _collected_at: float = 0.0
    _seen: dict[str, Seen] = field(default_factory=dict[str, Seen])
    _announced: dict[str, SentWebhook] = field(default_factory=dict[str, SentWebhook])

    @property
    def listens_at(self) -> tuple[str, int]:
        """Host and port of the product."""
        address = urlsplit(self.product.address)
        return address.hostname or "", address.port or 0

    def renew_kernel(self) -> None:
        """Begin anew beside the product, with the keys that are there now."""
        self.kernel.close()
        self.kernel = build_kernel(self.product.settings())

    # Load

    @contextmanager
    def load(
        self,
        *,
        rate: float = RATE,
        most: int = MOST,
        asks: Callable[[], Event] | None = None,
        letters: bool = True,
    ) -> Generator[None]:
        """Let contacts write all the while, or until there are enough events."""
        stop, next_event = threading.Event(), asks or self._prepared(most)
        writing = threading.Thread(target=self.writers.write_until, args=(stop,), daemon=True)
        self.sender.flow(next_event, rate=rate, most=most, until=stop)
        if letters:
            writing.start()
        try:
            yield
        finally:
            stop.set()
            if letters:
                writing.join()

    def ask(self, count: int, *, tenant: Tenant | None = None, provider: Provider | None = None) -> list[Sent]:
        """Let contacts write so many things at once."""
        events = [self.contacts.ask(tenant, provider=provider) for _ in range(count)]
        self._let_slack_know(events)
        return self.sender.send(events)

    def _prepared(self, count: int) -> Callable[[], Event]:
        """Prepare so many events, and return what gives the next one."""
        events = [self.contacts.ask() for _ in range(count)]
        self._let_slack_know(events)
        return iter(events).__next__

    def _let_slack_know(self, events: Iterable[Event]) -> None:
        """Write into the workspaces what the events tell of: the product may look there for its answers."""
        for tenant in self.tenants:
            said = [json.loads(event.body)["event"] for event in events if _is_in_slack_of(event, tenant)]
            messages = [{name: item[name] for name in ("channel", "user", "text", "ts")} for item in said]
            if messages:
                team = tenant.company.app.home_team_id
                self.product.sandbox.control("slack/heard", {"team": team, "messages": messages})

    def rounds(self, *, quick: int, whole: int) -> range:
        """Return how often something is done."""
        return range(whole if IS_WHOLE else quick)

    # Waiting

    def await_accepted(self, most: int = 10) -> None:
        """Wait for a moment in the midst of a burst: until a few more were acknowledged, at random."""
        pages, goal = self.ask(most), self.rng.randint(1, most)

        def has_come() -> bool:
            return sum(page.accepted_at is not None for page in pages) >= goal

        eventually(has_come, what=f"{goal} of {most} acknowledgements", seconds=_SETTLE_SECONDS)

    def await_answered(self, most: int = 6) -> None:
        """Wait for a moment in the midst of the work: until the providers took a few more answers, at random."""
        goal = len(self.seen()) + self.rng.randint(1, most)
        self.ask(most)
        self.product.sandbox.wait_until(
            lambda ledger: self._copy(ledger) >= goal, seconds=_SETTLE_SECONDS, what=f"{goal} answers"
        )

    def recovers(
        self, *, within: float, what: str = "an empty backlog", done: Callable[[], bool] | None = None
    ) -> None:
        """Wait for the end of what was broken, and note how long it took.

        Args:
            within: seconds; the bound of the fault's table.
            what: is waited for.
            done: whether it has come; by default, whether nothing is left to do and the product is ready.
        """
        began, is_over = time.monotonic(), done or self.is_settled

        def is_over_now() -> bool:
            self._collect_now_and_then()
            return is_over()

        is_well = process.wait_until(is_over_now, timeout_seconds=within * PATIENCE, interval_seconds=0.1)
        assert is_well, f"{what}: not within {within * PATIENCE:g} s; left: {self.left()}"
        self.recoveries.append(time.monotonic() - began)
        self.collect()

    def takes_events(self) -> bool:
        """Return whether the webhook line acknowledges a new event."""
        [page] = self.ask(1)
        eventually(lambda: bool(page.attempts), what="an attempt", seconds=30)
        return page.accepted_at is not None

    def is_settled(self) -> bool:
        """Return whether nothing is left to do, nothing is on its way, and the product is ready."""
        return not self.left()

    def left(self) -> str:
        """Return, in words, what keeps all from being well; empty if nothing does."""
        try:
            return next((words for words in self._troubles() if words), "")
        except (psycopg.Error, httpx2.HTTPError) as error:
            return f"{type(error).__name__}: {error}"

    def _troubles(self) -> Iterator[str]:
        """Say what is not well, the cheapest to find out first."""
        on_their_way = sum(not page.is_finished for page in self.sender.books)
        yield f"{on_their_way} events are on their way" if on_their_way else ""
        yield self.records.open_work()
        unfinished = sum(not item.finished for item in self.product.sandbox.ledger().webhooks)
        yield f"{unfinished} webhooks of the sandbox are on their way" if unfinished else ""
        unknown = set(self.writers.meetings) - self.records.meetings().keys()
        yield f"{len(unknown)} meetings are not in the calendar" if unknown else ""
        answer = httpx2.get(f"{self.product.address}/readyz", trust_env=False, timeout=5)
        yield "" if answer.json()["status"] == "ready" else f"not ready: {answer.text}"

    # Judging

    def begin(self) -> None:
        """Begin all books anew, once what an earlier fault left behind is done."""
        process.wait_until(self.is_settled, timeout_seconds=_SETTLE_SECONDS, interval_seconds=0.2)
        self.product.sandbox.reset()
        self.product.sandbox.control("pace", _PACE)
        self.sender.begin_books()
        self.writers.begin_books()
        self.recoveries, self.measured, self.forgiven, self._seen, self._announced = [], {}, set(), {}, {}
        self._since = self.records.now()
        self._errors = len(self.product.errors())
        self._log_begin = self.product.log_size()

    def collect(self) -> None:
        """Copy the sandbox's ledger, which keeps only the newest pages."""
        self._copy(self.product.sandbox.ledger())
        self._collected_at = time.monotonic()

    def _collect_now_and_then(self) -> None:
        """Copy the ledger in the midst of a wait: more may go through it than it keeps."""
        if time.monotonic() - self._collected_at > _COLLECT_SECONDS:
            with suppress(httpx2.HTTPError):  # the sandbox may be what was killed
                self.collect()

    def seen(self) -> list[Seen]:
        """Return what the providers accepted since the books were begun."""
        self.collect()
        return list(self._seen.values())

    def delays(self, pages: Iterable[Sent]) -> list[float]:
        """Return how many seconds after its acknowledgement each of these events was answered, as far as they were."""
        offset = time.time() - time.monotonic()
        told = {(item.place, item.text): item.at - offset for item in self.seen()}
        asked = [(page.accepted_at, (page.event.place, page.event.answer)) for page in pages]
        return [told[key] - moment for moment, key in asked if moment is not None and key in told]

    def note(self, what: str, words: str) -> None:
        """Keep something that was measured, for the summary."""
        self.measured[what] = words

    def is_dead(self, message: str) -> bool:
        """Return whether a message, by the provider's id, was put aside for a person."""
        return any(message in key for key in self.records.dead(self._since))

    def findings(self) -> list[str]:
        """Return which invariants were broken since the books were begun, in words."""
        self.collect()
        asked = [*asked_of(self.sender.books), *self.writers.asked(self._announced)]
        dead = {key: words for key, words in self.records.dead(self._since).items() if not self._is_forgiven(key)}
        evidence = Evidence(
            asked=[replace(item, accepted_at=None) if item.message in self.forgiven else item for item in asked],
            effects=[item for item in self.records.effects(self._since) if item.message not in self.forgiven],
            seen=list(self._seen.values()),
            dead=dead.values(),
            tenant_of=self.accounts,
        )
        known = self.records.meetings()
        meetings = [f"{title} is there {known.get(title, 0)} times" for title in self.writers.meetings]
        return [*judge(evidence), *(words for words in meetings if not words.endswith(" 1 times")), *self._leaks()]

    def errors(self, *, allowed: Collection[str] = ()) -> list[str]:
        """Return what was logged at error level since the books were begun.

        Args:
            allowed: what events may begin with.
        """
        lines = self.product.errors()[self._errors :]
        return [str(line.model_dump()) for line in lines if not line.event.startswith((*_ALLOWED, *allowed))]

    def attempts(self) -> Iterable[Attempt]:
        """Return every attempt to deliver an event since the books were begun."""
        return [attempt for page in self.sender.books for attempt in page.attempts]

    def statuses(self) -> Counter[int | None]:
        """Return how often the product answered what; None is no answer."""
        return Counter(attempt.status for attempt in self.attempts())

    def _copy(self, ledger: Ledger) -> int:
        """Copy what the ledger says, and return how many messages the providers have accepted."""
        keys = [f"{item.service} {item.id}" for item in ledger.answers]
        self._seen |= dict(zip(keys, seen_of(ledger.answers), strict=True))
        self._announced |= {item.id: item for item in ledger.webhooks if item.service == "resend"}
        return len(self._seen)

    def _is_forgiven(self, key: str) -> bool:
        return any(message in key for message in self.forgiven)

    def _leaks(self) -> list[str]:
        """I6: no secret of a tenant stands in the product's log."""
        said = self.product.said(self._log_begin)
        return [
            f"a secret of tenant {tenant.number} is in the log"
            for tenant in self.tenants
            for secret in _secrets_of(tenant.company)
            if secret.encode() in said
        ]


def _is_in_slack_of(event: Event, tenant: Tenant) -> bool:
    return event.provider == "slack" and event.tenant == tenant.number


def _secrets_of(company: Company) -> tuple[str, ...]:
    return company.bot_token, company.app.signing_secret, company.account.auth_token
