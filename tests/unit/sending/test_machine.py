"""What becomes of a message, by what it is and what came of an attempt."""

from datetime import UTC, datetime, timedelta

import pytest

from models import MessageState
from services.attempts import CUT_OFF, MOST_CUT_OFF
from services.connections import WAITS_FOR_CONNECTION, WAITS_FOR_PROVIDER
from services.kernel.errors import NeedsReauth, PatchbayError, Refused, RetryLater
from services.provider_kit.contract import SentMessage
from services.sending.machine import (
    LOOK_UP_AFTER,
    PARKED,
    PATIENCE,
    Accepted,
    Act,
    Around,
    Change,
    Failed,
    Ground,
    NotBegun,
    NotFound,
    Outcome,
    Policy,
    Standing,
    begin,
    settle,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
POLICY = Policy(max_attempts=5, retry_base_seconds=5)
QUEUED, SENDING = MessageState.QUEUED, MessageState.SENDING
AWAY = NOW + timedelta(seconds=30)
DOWN = RetryLater("Acme is not available.", provider="acme", status=503, ambiguous=True)
UNREACHED = RetryLater("acme.example could not be reached.", code="cannot_connect")


def standing(state: MessageState = QUEUED, *, attempt: int = 1, cut_offs: int = 0, age: timedelta = PARKED) -> Standing:
    return Standing(state=state, attempt=attempt, written_at=NOW - age, cut_offs=cut_offs)


def begun(around: Around, message: Standing | None = None) -> Act | Change:
    return begin(message or standing(), around, now=NOW)


def settled(
    outcome: Outcome,
    message: Standing | None = None,
    *,
    act: Act = Act.SEND,
    provider_until: datetime | None = None,
    jitter: float = 0.0,
) -> Change:
    return settle(
        message or standing(), act, outcome, policy=POLICY, now=NOW, jitter=jitter, provider_until=provider_until
    )


def test_what_nothing_stops_is_sent_and_what_was_cut_off_is_looked_up() -> None:
    assert begun(Around()) is Act.SEND
    assert begun(Around(), standing(SENDING, cut_offs=1)) is Act.LOOK_UP
    assert begun(Around(opted_out=True, overtaken=True), standing(SENDING)) is Act.LOOK_UP, "it may have left"


@pytest.mark.parametrize(
    ("around", "state", "code"),
    [
        (Around(ground=Ground.GONE), MessageState.FAILED, "disconnected"),
        (Around(opted_out=True), MessageState.FAILED, "opted_out"),
        (Around(overtaken=True), MessageState.FAILED, "limit_overtaken"),
    ],
)
def test_what_ends_a_message_before_it_leaves(around: Around, state: MessageState, code: str) -> None:
    change = begun(around)

    assert isinstance(change, Change) and (change.state, change.code, change.next_at) == (state, code, None)


@pytest.mark.parametrize(
    ("around", "code", "until"),
    [
        (Around(ground=Ground.PAUSED), WAITS_FOR_CONNECTION, NOW + PARKED),
        (Around(ground=Ground.BROKEN), WAITS_FOR_CONNECTION, NOW + PARKED),
        (Around(provider_until=AWAY, provider_words="Acme does not answer."), WAITS_FOR_PROVIDER, AWAY),
    ],
)
def test_what_a_message_waits_for(around: Around, code: str, until: datetime) -> None:
    change = begun(around, standing(attempt=3))

    assert isinstance(change, Change)
    assert (change.state, change.code, change.next_at, change.attempt) == (QUEUED, code, until, 3)
    assert change.words


def test_a_look_up_waits_for_the_provider_too_and_stays_a_look_up() -> None:
    change = begun(Around(provider_until=AWAY), standing(SENDING))

    assert isinstance(change, Change) and (change.state, change.lease_until) == (SENDING, AWAY)


def test_a_disconnect_leaves_an_attempt_unknown() -> None:
    change = begun(Around(ground=Ground.GONE), standing(SENDING))

    assert isinstance(change, Change) and change.state is MessageState.UNKNOWN


def test_what_kills_workers_is_left_alone_after_the_third() -> None:
    assert begun(Around(), standing(SENDING, cut_offs=MOST_CUT_OFF - 1)) is Act.LOOK_UP
    change = begun(Around(), standing(SENDING, cut_offs=MOST_CUT_OFF))

    assert isinstance(change, Change) and (change.state, change.code) == (MessageState.UNKNOWN, CUT_OFF)


@pytest.mark.parametrize(
    ("status", "state"), [("sent", MessageState.SENT), ("delivered", MessageState.DELIVERED)], ids=str
)
@pytest.mark.parametrize("act", Act)
def test_what_was_accepted(act: Act, status: str, state: MessageState) -> None:
    sent = SentMessage(external_id="m1", status="delivered" if status == "delivered" else "sent")

    change = settled(Accepted(sent=sent), act=act)

    assert (change.state, change.sent, change.code, change.next_at) == (state, sent, "", None)


def test_what_was_surely_not_accepted_is_sent_at_once() -> None:
    change = settled(NotFound(), standing(SENDING), act=Act.LOOK_UP)

    assert (change.state, change.due_at) == (QUEUED, NOW)


def test_what_was_not_begun_stands_as_before() -> None:
    assert settled(NotBegun()) == Change(state=QUEUED, attempt=0, due_at=NOW)
    looked_up = settled(NotBegun(), standing(SENDING, attempt=2), act=Act.LOOK_UP)
    assert looked_up == Change(state=SENDING, attempt=1, lease_until=NOW)


def test_an_ambiguous_answer_is_looked_up_never_repeated() -> None:
    change = settled(Failed(error=DOWN))

    assert change.state is SENDING and change.lease_until is not None
    assert change.lease_until >= NOW + LOOK_UP_AFTER
    assert change.retry_at == change.lease_until


@pytest.mark.parametrize("after", [None, timedelta(seconds=60)], ids=["unnamed", "named"])
def test_the_last_attempt_is_looked_up_too(after: timedelta | None) -> None:
    error = RetryLater("Acme is not available.", provider="acme", status=503, ambiguous=True, after=after)

    change = settled(Failed(error=error), standing(attempt=POLICY.max_attempts))

    assert (change.state, change.lease_until) == (SENDING, NOW + (after or LOOK_UP_AFTER))


def test_what_was_surely_not_accepted_has_failed_once_its_attempts_are_used_up() -> None:
    change = settled(NotFound(), standing(SENDING, attempt=POLICY.max_attempts), act=Act.LOOK_UP)

    assert (change.state, change.code, change.next_at) == (MessageState.FAILED, "attempts_used_up", None)


def test_the_provider_gets_time_to_know_what_it_accepted() -> None:
    soon = RetryLater("Busy.", provider="acme", status=503, ambiguous=True, after=timedelta(seconds=1))

    assert settled(Failed(error=soon)).lease_until == NOW + LOOK_UP_AFTER


@pytest.mark.parametrize("error", [DOWN, UNREACHED], ids=["ambiguous", "sure"])
def test_a_failed_look_up_stays_a_look_up(error: PatchbayError) -> None:
    assert settled(Failed(error=error), standing(SENDING), act=Act.LOOK_UP).state is SENDING


@pytest.mark.parametrize("error", [DOWN, Refused("Too much was posted.", code="no_sure_way")], ids=["busy", "refused"])
def test_what_cannot_be_looked_up_is_unknown(error: PatchbayError) -> None:
    change = settled(Failed(error=error), standing(SENDING, attempt=5), act=Act.LOOK_UP)

    assert change.state is MessageState.UNKNOWN


def test_a_refusal_is_final_at_once() -> None:
    change = settled(Failed(error=Refused("No.", code="not_in_channel")))

    assert (change.state, change.code, change.retry_at) == (MessageState.FAILED, "not_in_channel", None)


def test_what_could_not_be_reached_is_tried_again_until_its_attempts_are_used_up() -> None:
    waits = [settled(Failed(error=UNREACHED), standing(attempt=number)).due_at for number in range(1, 5)]

    assert waits == [NOW + timedelta(seconds=seconds) for seconds in (5, 10, 20, 40)]
    assert settled(Failed(error=UNREACHED), standing(attempt=5)).state is MessageState.FAILED


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("seconds", [1, 7, 600])
def test_a_wait_that_the_provider_names_is_never_shortened_nor_much_longer(seconds: int, jitter: float) -> None:
    busy = RetryLater("Slow down.", after=timedelta(seconds=seconds), provider="acme", status=429)

    due_at = settled(Failed(error=busy), jitter=jitter).due_at

    assert due_at is not None
    assert timedelta(seconds=seconds) <= due_at - NOW <= timedelta(seconds=seconds * 1.1)


def test_a_refused_credential_parks_the_message_until_it_is_repaired() -> None:
    change = settled(Failed(error=NeedsReauth("Connect again.")), standing(attempt=9))

    assert (change.state, change.code, change.due_at) == (QUEUED, WAITS_FOR_CONNECTION, NOW + PARKED)


def test_a_provider_that_is_away_uses_up_no_attempt() -> None:
    sure = settled(Failed(error=UNREACHED), standing(attempt=5), provider_until=AWAY)
    unsure = settled(Failed(error=DOWN), standing(SENDING, attempt=5), act=Act.LOOK_UP, provider_until=AWAY)

    assert (sure.state, sure.code, sure.due_at, sure.attempt) == (QUEUED, WAITS_FOR_PROVIDER, AWAY, 4)
    assert (unsure.state, unsure.lease_until, unsure.attempt) == (SENDING, AWAY, 4)


def test_a_provider_that_is_away_is_not_asked_before_the_time_it_named() -> None:
    named = RetryLater("Acme is not available.", provider="acme", status=503, after=timedelta(minutes=10))

    assert settled(Failed(error=named), provider_until=AWAY).due_at == NOW + timedelta(minutes=10)


def test_after_a_day_it_does() -> None:
    old = standing(attempt=5, age=PATIENCE)

    assert settled(Failed(error=UNREACHED), old, provider_until=AWAY).state is MessageState.FAILED


def test_a_refusal_uses_up_attempts_whatever_else_fails() -> None:
    change = settled(Failed(error=Refused("No.")), provider_until=AWAY)

    assert change.state is MessageState.FAILED
