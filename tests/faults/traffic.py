"""What contacts ask while things break, and the check that the providers' books and the product's agree afterwards."""

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.conversations import MessageView
from tests.support.product import Product, eventually
from tests.support.rest import RestShop
from tests.support.sandbox import AcceptedMessage, Ledger, SentWebhook

CODES = tuple(f"K{number:03d}" for number in range(40))
PLAYBOOK = tuple((f"What is {code}?", f"{code} is a drawer.") for code in CODES)
PATIENT_PACE = {"slack_retry_seconds": [0.5] * 60, "twilio_retry_seconds": [0.5] * 60}
"""The providers' own schedules last minutes: nobody gives up because a process needs some seconds to start."""
SETTLE_SECONDS = 60.0

_PEOPLE = ("mia", "jonas", "lin")
_PHONES_EACH = 8
_OPEN_DELIVERIES = ("received", "processing", "failed")
_SENT = {"sent", "delivered"}
_blocks = itertools.count()

Effect = tuple[str, str, str]
"""Service, place (the thread, or the contact's phone) and text of an answer that a contact saw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a contact asked, which webhook told the product, and the answer that is due."""

    event_id: str
    answer: Effect


class Traffic:
    """Contacts of one tenant, in Slack and on phones that no earlier test has used.

    Args:
        product: the running product.
        shop: the tenant.
        rng: who asks what.
    """

    def __init__(self, product: Product, shop: RestShop, *, rng: random.Random) -> None:
        self._product = product
        self._shop = shop
        self._rng = rng
        self._questions: list[Question] = []
        block = 2_000_000 + 100 * next(_blocks)
        self._phones = [f"+1415{block + number}" for number in range(_PHONES_EACH)]

    # Asking

    def ask(self, count: int) -> None:
        """Let contacts write, without waiting for anything."""
        for _ in range(count):
            self._questions.append(self._ask_in_slack() if self._rng.random() < 0.5 else self._ask_by_phone())

    def await_some_answers(self, most: int = 6) -> None:
        """Wait for a moment in the midst of the work: until a few more answers have been accepted, at random."""
        goal = min(len(self._ledger().answers) + self._rng.randint(1, most), len(self._questions))
        self.await_ledger(lambda ledger: len(ledger.answers) >= goal, what=f"{goal} answers")

    def await_some_acknowledgements(self) -> None:
        """Wait for a moment in the midst of a burst: until a few more questions were acknowledged, at random."""
        known = len(self._accepted(self._ledger()))
        goal = min(known + self._rng.randint(1, 12), len(self._questions))
        self.await_ledger(lambda ledger: len(self._accepted(ledger)) >= goal, what=f"{goal} acknowledgements")

    def await_all_acknowledgements(self) -> None:
        """Wait until the product has said of every question that it took it."""
        goal = len(self._questions)
        self.await_ledger(lambda ledger: len(self._accepted(ledger)) == goal, what=f"{goal} acknowledgements")

    def await_ledger(self, condition: Callable[[Ledger], bool], *, what: str) -> None:
        """Wait until the providers' books say something."""
        eventually(lambda: condition(self._ledger()), what=what, seconds=SETTLE_SECONDS)

    def webhooks(self) -> tuple[SentWebhook, ...]:
        """Return what was sent to the product since the test began."""
        return self._ledger().webhooks

    # Checking

    def check(self, *, at_least: int) -> None:
        """Wait until all is done, then compare: what was acknowledged has exactly one effect, and nothing else has.

        Args:
            at_least: how many questions must have been acknowledged for the test to mean anything.
        """
        self._await_end()
        ledger = self._ledger()
        asked = Counter(question.answer for question in self._questions)
        accepted = Counter(question.answer for question in self._accepted(ledger))
        told = Counter(map(_effect_of, ledger.answers))
        assert accepted.total() >= at_least, f"only {accepted.total()} of {asked.total()} questions were acknowledged"
        assert not accepted - told, f"acknowledged and not answered: {accepted - told}"
        assert not told - asked, f"said twice, or to nobody's question: {told - asked}"
        self._check_rows()

    def _await_end(self) -> None:
        self.await_ledger(lambda ledger: all(item.finished for item in ledger.webhooks), what="the last webhook")
        eventually(lambda: not self._left(), what="the end of the work", seconds=SETTLE_SECONDS)

    def _left(self) -> list[str]:
        """Say what is still to be done."""
        open_deliveries = [
            f"delivery {item.state}" for state in _OPEN_DELIVERIES for item in self._shop.api.deliveries(state=state)
        ]
        if open_deliveries or self._product.queue_length():
            return open_deliveries or ["wake-ups"]
        unanswered = self._accepted_answers() - Counter(map(_effect_of, self._ledger().answers))
        unsent = [f"message {item.state}" for item in self._messages() if item.state in {"queued", "sending"}]
        return [*map(str, unanswered), *unsent]

    def _check_rows(self) -> None:
        """Every message that came in has exactly one answer that is known to be sent, since the tenant began."""
        messages = list(self._messages())
        asked = Counter(item.trace_id for item in messages if item.direction == "inbound")
        answered = Counter(item.trace_id for item in messages if item.direction == "outbound")
        states = Counter(item.state for item in messages if item.direction == "outbound")
        assert set(asked.values()) == {1}, "a message was stored twice"
        assert answered == asked, f"{(asked - answered).total()} unanswered, {(answered - asked).total()} too many"
        assert set(states) <= _SENT, f"not sent for certain: {states}"
        assert not self._shop.api.deliveries(state="dead"), "dead letters"

    def _messages(self) -> Iterator[MessageView]:
        for conversation in self._shop.api.conversations():
            yield from self._shop.api.messages(conversation)

    def _accepted_answers(self) -> Counter[Effect]:
        return Counter(question.answer for question in self._accepted(self._ledger()))

    def _accepted(self, ledger: Ledger) -> list[Question]:
        acknowledged = {item.id for item in ledger.webhooks if _is_acknowledged(item)}
        return [question for question in self._questions if question.event_id in acknowledged]

    def _ledger(self) -> Ledger:
        return self._product.sandbox.ledger()

    def _ask_in_slack(self) -> Question:
        code = self._rng.choice(CODES)
        written = self._product.sandbox.slack_message(
            f"What is {code}?", user=self._rng.choice(_PEOPLE), app=self._shop.slack_app.app_id
        )
        [event_id] = written.event_ids
        thread = f"{written.channel}/{written.message_id}"
        return Question(event_id=event_id, answer=("slack", thread, f"{code} is a drawer."))

    def _ask_by_phone(self) -> Question:
        # Few codes on purpose: the same answer twice to the same phone must not be taken for a repetition.
        code, phone = self._rng.choice(CODES[:4]), self._rng.choice(self._phones)
        written = self._product.sandbox.sms(f"What is {code}?", to=self._shop.number, sender=phone)
        [event_id] = written.event_ids
        return Question(event_id=event_id, answer=("twilio", phone, f"{code} is a drawer."))


def _effect_of(answer: AcceptedMessage) -> Effect:
    place = f"{answer.channel}/{answer.thread_ts}" if answer.service == "slack" else answer.channel
    return answer.service, place, answer.text


def _is_acknowledged(webhook: SentWebhook) -> bool:
    return any(status is not None and 200 <= status < 300 for status in webhook.statuses)
