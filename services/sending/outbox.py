"""The outbox as its drain sees it: claim many, act on each outside any transaction, settle many.

The drain knows nothing of databases, threads or clocks: what claims and settles is an :class:`Outbox`, what calls the
provider is a function, and what runs the calls side by side is another. A simulation puts its own in their places.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from services.provider_kit.contract import MessagingModule, OutboundMessage
from services.sending.machine import Act, NotBegun, Outcome, Standing

Point = Literal["claimed", "attempted", "settled"]
"""Where a worker may die between its steps; within an attempt it may die as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A message that this worker holds."""

    message_id: UUID
    conversation_id: UUID
    connection_id: UUID
    trace_id: UUID
    token: UUID
    """The lease's; who does not have it any more may not settle."""
    act: Act
    standing: Standing
    outbound: OutboundMessage
    module: MessagingModule
    client: Any = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What was claimed at once."""

    claims: Sequence[Claim] = ()
    handled: int = 0
    """Messages that do not stand as they stood: those claimed, ended, or put off. None: there is nothing to do now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a claim."""

    claim: Claim
    outcome: Outcome


class Outbox(Protocol):
    """Messages that wait to leave."""

    def claim(self, *, limit: int) -> Batch:
        """Hold messages that may leave now, at most one of each conversation, and the earliest there.

        A message whose last attempt was cut off is claimed alone, so that what kills workers takes nothing along.
        """
        ...

    def settle(self, results: Sequence[Result]) -> frozenset[UUID]:
        """Write down what came of claims; return the messages whose lease was still held. The others are left alone."""
        ...

    def now(self) -> datetime:
        """Return the time that leases go by."""
        ...


Transport = Callable[[Claim], Outcome]
"""Makes the call that a claim is for; never raises but to end the worker."""
RunAll = Callable[[Sequence[Claim], Transport], Sequence[Result]]
"""Makes the calls of a batch; returns what is to be settled now."""


def send_some(
    outbox: Outbox,
    transport: Transport,
    run_all: RunAll,
    *,
    limit: int,
    begin_within: float = math.inf,
    monotonic: Callable[[], float] = time.monotonic,
    reach: Callable[[Point], None] = lambda _point: None,
) -> int:
    """Send a batch; return how many messages do not stand as they stood.

    Args:
        outbox: where the messages are.
        transport: makes a call.
        run_all: makes the calls of a batch.
        limit: most messages.
        begin_within: seconds after the claim until which a call may begin. A worker that stood still for longer makes
            none: it would outlive its lease, while somebody else looks the message up and sends it.
        monotonic: what tells the time.
        reach: told where we are.
    """
    began_at = monotonic()

    def call_in_time(claim: Claim) -> Outcome:
        return transport(claim) if monotonic() - began_at <= begin_within else NotBegun()

    batch = outbox.claim(limit=limit)
    reach("claimed")
    if not batch.claims:
        return batch.handled
    results = run_all(batch.claims, call_in_time)
    reach("attempted")
    if results:
        outbox.settle(results)
    reach("settled")
    return batch.handled
