"""The outbox's drain: what is done with what was claimed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from models import MessageState
from services.provider_kit.contract import MessagingModule, OutboundMessage, SentMessage
from services.sending.machine import Accepted, Act, NotBegun, Outcome, Standing
from services.sending.outbox import Batch, Claim, Result, Transport, send_some

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLAIM = Claim(
    message_id=UUID(int=1),
    conversation_id=UUID(int=2),
    connection_id=UUID(int=3),
    trace_id=UUID(int=4),
    token=UUID(int=5),
    act=Act.SEND,
    standing=Standing(state=MessageState.QUEUED, attempt=1, written_at=NOW),
    outbound=OutboundMessage(id="m1", channel_id="c1", recipient="r1", text="Hello"),
    module=cast(MessagingModule, None),
    client=None,
)


class OneMessage:
    """An outbox with one message."""

    def __init__(self) -> None:
        self.settled: list[Result] = []

    def claim(self, *, limit: int) -> Batch:
        return Batch(claims=[CLAIM], handled=1)

    def settle(self, results: Sequence[Result]) -> frozenset[UUID]:
        self.settled += results
        return frozenset()

    def now(self) -> datetime:
        return NOW


def run_in_turn(claims: Sequence[Claim], transport: Transport) -> Sequence[Result]:
    return [Result(claim=claim, outcome=transport(claim)) for claim in claims]


@pytest.mark.parametrize(("seconds", "is_called"), [(14.0, True), (16.0, False)])
def test_a_worker_that_stood_still_makes_no_call_that_may_outlive_its_lease(seconds: float, is_called: bool) -> None:
    """Somebody else may have looked the message up meanwhile, and sent it."""
    outbox, calls, time = OneMessage(), list[Claim](), [100.0]

    def stand_still(_: Any) -> None:
        time[0] += seconds

    def call(claim: Claim) -> Outcome:
        calls.append(claim)
        return Accepted(sent=SentMessage(external_id="x1"))

    send_some(outbox, call, run_in_turn, limit=1, begin_within=15.0, monotonic=lambda: time[0], reach=stand_still)

    assert bool(calls) is is_called
    assert isinstance(outbox.settled[0].outcome, Accepted if is_called else NotBegun)
