"""Gathers what the oracle compares: from the sender's books, the database and the sandbox's ledger."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, LiteralString

import psycopg
from psycopg.rows import namedtuple_row

from tests.faults.events import Place
from tests.faults.oracle import Asked, Effect, Seen
from tests.faults.sender import Sent
from tests.support.sandbox import AcceptedMessage

_OPEN = """
    SELECT count(*), 'deliveries ' || state AS name FROM webhook_delivery
     WHERE state IN ('received', 'processing', 'failed') GROUP BY state
     UNION ALL
    SELECT count(*), 'turns ' || state FROM turn WHERE state IN ('due', 'running') GROUP BY state
     UNION ALL
    SELECT count(*), 'messages ' || state FROM message WHERE state IN ('queued', 'sending') GROUP BY state
"""
_INBOUND = """
    SELECT tenant_id, external_id, trace_id FROM message WHERE direction = 'inbound' AND created_at >= %(since)s
"""
_OUTBOUND = """
    SELECT tenant_id, trace_id, state FROM message WHERE direction = 'outbound' AND created_at >= %(since)s
"""
_DEAD = """
    SELECT 'delivery: ' || cause || ' ' || reason AS words, tenant_id, dedupe_key AS key FROM webhook_delivery
     WHERE state = 'dead' AND received_at >= %(since)s
     UNION ALL
    SELECT 'turn: ' || reason, tenant_id, id::text FROM turn WHERE state = 'dead' AND created_at >= %(since)s
"""
_OVERDUE = """
    SELECT count(*) AS calls FROM message
     WHERE state = 'sending' AND lease_until < clock_timestamp() - make_interval(secs => %(seconds)s)
"""
_ATTEMPTS = "SELECT attempt FROM webhook_delivery WHERE dedupe_key LIKE %(key)s"
_MEETINGS = "SELECT title, count(*) AS times FROM calendar_event WHERE title LIKE 'Meeting %%' GROUP BY title"


class Records:
    """The product's database, read as its owner.

    Args:
        url: its address.
        tenants: tenant id → number.
    """

    def __init__(self, url: str, *, tenants: Mapping[object, int]) -> None:
        self._url = url
        self._tenants = tenants

    def now(self) -> object:
        """Return the database's time."""
        return self.rows("SELECT clock_timestamp() AS now")[0].now

    def open_work(self) -> str:
        """Return how much is still to be done, in words; empty if there is nothing."""
        return ", ".join(f"{row.count} {row.name}" for row in self.rows(_OPEN))

    def effects(self, since: object) -> list[Effect]:
        """Return every inbound message of the rig's tenants since then, with the states of the answers to it."""
        answers: dict[object, list[str]] = defaultdict(list)
        for row in self.rows(_OUTBOUND, since=since):
            answers[row.tenant_id, row.trace_id].append(row.state)
        return [
            Effect(
                tenant=self._tenants[row.tenant_id],
                message=row.external_id,
                answers=tuple(answers[row.tenant_id, row.trace_id]),
            )
            for row in self.rows(_INBOUND, since=since)
            if row.tenant_id in self._tenants
        ]

    def dead(self, since: object) -> dict[str, str]:
        """Return what the product put aside for a person: the delivery's key, or the turn's id → words."""
        return {row.key: row.words for row in self.rows(_DEAD, since=since) if row.tenant_id in self._tenants}

    def overdue(self, seconds: float) -> bool:
        """Return whether a call to a provider goes on for so long after its lease has run out."""
        return self.rows(_OVERDUE, seconds=seconds)[0].calls > 0

    def attempts_at(self, message: str) -> int:
        """Return how often a delivery was tried, by the provider's id of its message."""
        return self.rows(_ATTEMPTS, key=f"%{message}%")[0].attempt

    def meetings(self) -> dict[str, int]:
        """Return how often each meeting is in a calendar."""
        return {row.title: row.times for row in self.rows(_MEETINGS)}

    def rows(self, query: LiteralString, **values: object) -> list[Any]:
        """Read rows."""
        with psycopg.connect(self._url, connect_timeout=5, row_factory=namedtuple_row) as session:
            return session.execute(query, values).fetchall()


def asked_of(books: Iterable[Sent]) -> list[Asked]:
    """Return what the sender's books say."""
    return [
        Asked(
            tenant=page.event.tenant,
            message=page.event.message,
            conversation=page.event.conversation,
            place=page.event.place,
            answer=page.event.answer,
            began=page.attempts[0].began,
            accepted_at=page.accepted_at,
        )
        for page in books
        if page.attempts
    ]


def seen_of(answers: Sequence[AcceptedMessage]) -> list[Seen]:
    """Return what the sandbox's ledger says."""
    return [_SEEN[item.service](item) for item in answers]


def _in_slack(item: AcceptedMessage) -> Seen:
    place = Place(provider="slack", account=item.account, channel=item.channel, thread=item.thread_ts)
    return Seen(place=place, text=item.text, at=item.at)


def _by_phone(item: AcceptedMessage) -> Seen:
    place = Place(provider="twilio", account=item.account, channel=item.channel)
    return Seen(place=place, text=item.text, at=item.at)


def _by_mail(item: AcceptedMessage) -> Seen:
    subject = str((item.metadata or {}).get("subject", "")).removeprefix("Re: ")
    place = Place(provider="resend", account=item.account, channel=item.channel, thread=subject)
    return Seen(place=place, text=item.text.strip().partition("\n")[0], at=item.at)


_SEEN = {"slack": _in_slack, "twilio": _by_phone, "resend": _by_mail}
