"""The other side: a provider that takes messages, and answers as the weather is."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from services.kernel.errors import NeedsReauth, PatchbayError, Refused, RetryLater
from services.provider_kit.contract import OutboundMessage, SentMessage
from services.sending.machine import Accepted, Act, Failed, NotFound, Outcome
from services.sending.outbox import Claim
from tests.simulation.rows import Row
from tests.simulation.tasks import Crash, Tasks, VirtualTime

Kind = Literal["marker", "key", "blind"]
"""How it can tell what it accepted: a look-up finds our mark; our id is its idempotency key; it cannot."""
Weather = Literal["fine", "shaky", "away", "busy"]
DEADLINE = 15.0
"""Seconds until a call without an answer is given up."""
_LAG = 4.0
"""Seconds until what was accepted shows in a look-up; the product waits a second longer."""
_WAITS = (1, 7, 60, 600)

_ODDS: Mapping[Weather, Mapping[str, int]] = {
    "fine": {"ok": 1},
    "shaky": {
        "ok": 40,
        "slow": 10,
        "accepted, no answer": 12,
        "no answer": 10,
        "failed": 6,
        "failed, named": 3,
        "unreached": 6,
        "busy": 6,
        "refused": 3,
        "crashed": 2,
        "no access": 1,
    },
    "away": {"failed": 30, "failed, named": 25, "unreached": 25, "no answer": 12, "accepted, no answer": 8},
    "busy": {"busy": 70, "ok": 30},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A message that the provider accepted."""

    message_id: UUID
    conversation_id: UUID
    connection_id: UUID
    at: float
    external_id: str


class VirtualProvider:
    """All connections' providers, with one ledger.

    Args:
        time: the virtual time.
        tasks: who makes the calls.
        rng: chance.
        tell: takes what happens, for the history.
    """

    def __init__(self, time: VirtualTime, tasks: Tasks, rng: random.Random, tell: Callable[..., None]) -> None:
        self._time, self._tasks, self._rng, self._tell = time, tasks, rng, tell
        self.ledger: list[Taken] = []
        self.kinds: dict[UUID, Kind] = {}
        """By connection."""
        self.weather: dict[UUID, Weather] = {}
        self.named_at: dict[str, float] = {}
        """When it answered with a time to wait, by the answer's id."""
        self.cannot_tell: set[UUID] = set()
        """Messages that it was asked about in vain."""

    def call(self, claim: Claim) -> Outcome:
        """Make the call that a claim is for, as the product's transport does."""
        odds = _ODDS[self.weather[claim.connection_id]]
        fault = self._rng.choices(list(odds), weights=list(odds.values()))[0]
        self._tell("called", claim.message_id, claim.act, fault)
        if isinstance(claim.client, Row) and claim.client.kills:
            raise Crash
        try:
            return self._look_up(claim, fault) if claim.act is Act.LOOK_UP else self._send(claim, fault)
        except PatchbayError as error:
            return Failed(error=error)

    def list_taken(self, message_id: UUID) -> Sequence[Taken]:
        """Return how often a message was accepted."""
        return [item for item in self.ledger if item.message_id == message_id]

    def _send(self, claim: Claim, fault: str) -> Outcome:
        if fault in ("ok", "slow", "accepted, no answer"):
            taken = self._take(claim, late=fault == "accepted, no answer")
            self._answer(fault)
            return Accepted(sent=_sent(taken, self._rng))
        if fault == "failed" and self._rng.random() < 0.3:
            self._take(claim, late=False)
        return self._answer(fault)

    def _look_up(self, claim: Claim, fault: str) -> Outcome:
        kind = self.kinds[claim.connection_id]
        if kind == "blind" or fault == "refused":
            self.cannot_tell.add(claim.message_id)
        if kind == "key":
            return self._send(claim, fault)
        if kind == "blind" or fault == "refused":
            raise Refused("There is no sure way to tell.", code="no_sure_way", provider="acme")
        self._answer(fault)
        now = self._time.seconds
        found = [item for item in self.list_taken(claim.message_id) if item.at <= now]
        return Accepted(sent=_sent(found[0], self._rng)) if found else NotFound()

    def _take(self, claim: Claim, *, late: bool) -> Taken:
        known = self.list_taken(claim.message_id) if self.kinds[claim.connection_id] == "key" else ()
        taken = (
            known[0]
            if known
            else Taken(
                message_id=claim.message_id,
                conversation_id=claim.conversation_id,
                connection_id=claim.connection_id,
                at=self._time.seconds + (self._rng.uniform(0, _LAG) if late else 0.0),
                external_id=f"x{len(self.ledger)}",
            )
        )
        if not known:
            self.ledger.append(taken)
        return taken

    def _answer(self, fault: str) -> Outcome:
        """Take the time that an answer takes, and raise what it says."""
        seconds = {"slow": self._rng.uniform(0.3, DEADLINE), "unreached": 0.1}.get(fault, self._rng.uniform(0, 0.4))
        if fault.endswith("no answer"):
            seconds = self._rng.choice((0.2, DEADLINE))
        self._tasks.pause(seconds)
        if fault not in ("ok", "slow"):
            raise self._error(fault)
        return NotFound()

    def _error(self, fault: str) -> PatchbayError:
        named = timedelta(seconds=self._rng.choice(_WAITS)) if fault in ("busy", "failed, named") else None
        answer = f"a{len(self.named_at)}"
        if named:
            self.named_at[answer] = self._time.seconds
        match fault:
            case "busy":
                return RetryLater("Slow down.", after=named, provider="acme", status=429, request_id=answer)
            case "failed" | "failed, named":
                words = "Acme is not available."
                return RetryLater(
                    words, after=named, provider="acme", status=503, ambiguous=not named, request_id=answer
                )
            case "unreached":
                return RetryLater("Acme was not reached.", code="cannot_connect")
            case "refused":
                return Refused("No.", code="not_in_channel", provider="acme")
            case "crashed":
                return RetryLater("An error in Patchbay; see the server's log.", ambiguous=True)
            case "no access":
                return NeedsReauth("Connect again.", provider="acme")
            case _:
                return RetryLater("No whole answer.", code="no_answer", ambiguous=True)


class NoModule:
    """Stands where a provider's module does; the transport knows what to do."""

    def send_message(self, client: Any, message: OutboundMessage) -> SentMessage:
        """Do nothing."""
        raise NotImplementedError

    def find_sent(self, client: Any, message: OutboundMessage) -> SentMessage | None:
        """Do nothing."""
        raise NotImplementedError


def _sent(taken: Taken, rng: random.Random) -> SentMessage:
    return SentMessage(
        external_id=taken.external_id,
        status="delivered" if rng.random() < 0.2 else "sent",
        pause=timedelta(seconds=3) if rng.random() < 0.05 else None,
    )
