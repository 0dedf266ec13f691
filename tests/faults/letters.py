"""Letters and meetings: what the sandbox delivers itself, because the product fetches them from it afterwards."""

import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.events import Place
from tests.faults.oracle import Asked
from tests.faults.tenants import CODES, Tenant
from tests.support.sandbox import SandboxClient, SentWebhook

_EVERY_SECONDS = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter somebody wrote."""

    tenant: int
    account: str
    sender: str
    subject: str
    answer: str
    event_ids: tuple[str, ...]
    began: float


@dataclass(slots=True)
class Writers:
    """People who write letters and move meetings, one after the other.

    Args:
        sandbox: where they do so.
        tenants: whom they write to; those with an address, or a calendar.
        accounts: each tenant's account at the mail provider.
    """

    sandbox: SandboxClient
    tenants: Sequence[Tenant]
    accounts: Mapping[int, str]
    letters: list[Letter] = field(default_factory=list[Letter])
    meetings: list[str] = field(default_factory=list[str])
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def begin_books(self) -> None:
        """Forget what was written so far."""
        self.letters, self.meetings = [], []

    def write_until(self, stop: threading.Event) -> None:
        """Write now and then, until told to stop."""
        while not stop.wait(_EVERY_SECONDS):
            self.write()

    def write(self) -> None:
        """Let one person write a letter, or add a meeting."""
        number = next(self._numbers)
        if number % 3 == 2:
            title = f"Meeting {number}"
            self.sandbox.google.add(title)
            self.meetings.append(title)
            return
        tenant = [item for item in self.tenants if item.letters_to][number % 3]
        # Agents write only so many letters an hour to one address.
        code, sender = tenant.code(number % CODES), f"guest{number}@harbor.example"
        began = time.monotonic()
        subject = f"Question {number}"
        written = self.sandbox.mail.write(to=tenant.letters_to, text=f"What is {code}?", subject=subject, sender=sender)
        self.letters.append(
            Letter(
                tenant=tenant.number,
                account=self.accounts[tenant.number],
                sender=sender,
                subject=subject,
                answer=f"{code} is a drawer.",
                event_ids=written.event_ids,
                began=began,
            )
        )

    def asked(self, sent: Mapping[str, SentWebhook]) -> list[Asked]:
        """Return what the letters ask for; the webhooks that were sent, by id, say which were acknowledged."""
        found: list[Asked] = []
        for letter in self.letters:
            [delivery] = [sent[event] for event in letter.event_ids if event in sent]
            is_accepted = any(status is not None and 200 <= status < 300 for status in delivery.statuses)
            found.append(
                Asked(
                    tenant=letter.tenant,
                    message=delivery.message_id,
                    conversation=delivery.message_id,
                    place=Place(
                        provider="resend", account=letter.account, channel=letter.sender, thread=letter.subject
                    ),
                    answer=letter.answer,
                    began=letter.began,
                    accepted_at=time.monotonic() if is_accepted else None,
                )
            )
        return found
