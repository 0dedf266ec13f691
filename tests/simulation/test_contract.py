"""What every outbox promises; the twin in memory and the one in PostgreSQL keep the same tests."""

from collections.abc import Callable, Generator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from models import MessageState
from services.attempts import CUT_OFF, MOST_CUT_OFF
from services.connections import WAITS_FOR_CONNECTION, WAITS_FOR_PROVIDER
from services.connections.breaker import OPENS_AFTER, PROBE_EVERY
from services.kernel.errors import PatchbayError, Refused, RetryLater
from services.kernel.kernel import Kernel
from services.kernel.settings import Settings
from services.provider_kit.contract import SentMessage
from services.sending.machine import PARKED, Accepted, Act, Failed, Ground, NotBegun, NotFound, Outcome
from services.sending.outbox import Claim, Outbox, Result
from tests.simulation.memory import LEASE
from tests.simulation.stands import MemoryStand, Stand, StoredStand
from tests.support.databases import copied_database, url_of
from tests.support.kernels import build_kernel
from workers.runtime.embedded import EmbeddedUrls

QUEUED, SENDING, SENT = MessageState.QUEUED, MessageState.SENDING, MessageState.SENT
DOWN = RetryLater("Acme is not available.", provider="twilio", status=503)
LOST = RetryLater("No whole answer.", code="no_answer", ambiguous=True)
_LEASE = LEASE.total_seconds() + 1


@pytest.fixture(scope="module")
def shared_kernel(servers: EmbeddedUrls, tmp_path_factory: pytest.TempPathFactory) -> Generator[Kernel]:
    """One database for all tests here; each has a tenant of its own."""
    folder: Path = tmp_path_factory.mktemp("contract")
    with copied_database(servers.database_owner_url) as name:
        built = build_kernel(
            Settings(
                data_dir=folder,
                database_url=url_of(servers.database_url, name),
                database_owner_url=url_of(servers.database_owner_url, name),
                redis_url=servers.redis_url,
                public_url="http://127.0.0.1:8000",
            )
        )
        yield built
        built.close()


@pytest.fixture(params=["memory", "postgresql"])
def stand(request: pytest.FixtureRequest) -> Stand:
    """An outbox under test."""
    make: dict[str, Callable[[], Stand]] = {
        "memory": MemoryStand,
        "postgresql": lambda: StoredStand(request.getfixturevalue("shared_kernel")),
    }
    return make[str(request.param)]()


def claim(outbox: Outbox, *, limit: int = 32) -> list[Claim]:
    """Claim as the drain does: as long as something changes, there may be something to claim."""
    while True:
        batch = outbox.claim(limit=limit)
        if batch.claims or not batch.handled:
            return list(batch.claims)


def settle(outbox: Outbox, claims: Sequence[Claim], outcome: Outcome | None = None) -> None:
    """Settle claims that are held; if nothing else is said, all were accepted."""
    kept = outbox.settle([Result(claim=item, outcome=outcome or accepted(item)) for item in claims])
    assert kept == {item.message_id for item in claims}


def accepted(claim: Claim) -> Accepted:
    return Accepted(sent=SentMessage(external_id=f"SM{claim.message_id}"))


def ids(claims: Sequence[Claim]) -> list[object]:
    return [item.message_id for item in claims]


def test_what_one_worker_holds_no_other_claims(stand: Stand) -> None:
    message = stand.write(stand.talk())
    [held] = claim(stand.outbox())

    assert claim(stand.outbox()) == []

    assert (held.message_id, held.act, held.standing.attempt) == (message, Act.SEND, 1)
    seen = stand.see(message)
    assert (seen.state, seen.attempt, seen.is_held) == (SENDING, 1, True)
    assert LEASE.total_seconds() - 5 < seen.seconds <= LEASE.total_seconds()


def test_one_of_each_conversation_the_earliest_there(stand: Stand) -> None:
    first, second = stand.talk(), stand.talk()
    early, other, late = stand.write(first), stand.write(second), stand.write(first)

    claims = claim(stand.outbox())

    assert ids(claims) == [early, other], "those first that have been due longest"
    assert claim(stand.outbox()) == []
    settle(stand.outbox(), claims)
    assert ids(claim(stand.outbox())) == [late]


def test_as_many_as_were_asked_for(stand: Stand) -> None:
    messages = [stand.write(stand.talk()) for _ in range(3)]

    assert ids(claim(stand.outbox(), limit=2)) == messages[:2]


def test_what_failed_lets_the_next_go_ahead(stand: Stand) -> None:
    talk = stand.talk()
    refused, after = stand.write(talk), stand.write(talk)

    settle(stand.outbox(), claim(stand.outbox()), Failed(error=Refused("No.", code="invalid", provider="twilio")))

    assert stand.see(refused).state is MessageState.FAILED
    assert ids(claim(stand.outbox())) == [after]


def test_what_waits_holds_up_what_was_written_after(stand: Stand) -> None:
    talk = stand.talk()
    stand.write(talk)
    stand.write(talk)

    settle(stand.outbox(), claim(stand.outbox()), Failed(error=LOST))

    assert claim(stand.outbox()) == []


def test_a_lease_that_ran_out_is_looked_up_and_settled_only_by_who_holds_it_now(stand: Stand) -> None:
    message = stand.write(stand.talk())
    [stale] = claim(stand.outbox())
    stand.pass_time(_LEASE)
    [held] = claim(stand.outbox())
    before = stand.see(message)

    assert (held.act, held.standing.attempt) == (Act.LOOK_UP, 2)
    assert stand.outbox().settle([Result(claim=stale, outcome=accepted(stale))]) == frozenset()
    after = stand.see(message)
    assert (after.state, after.attempt, after.is_held) == (before.state, before.attempt, True)
    settle(stand.outbox(), [held], NotFound())
    seen = stand.see(message)
    assert (seen.state, seen.is_held) == (QUEUED, False) and seen.seconds <= 0
    assert stand.outbox().settle([Result(claim=held, outcome=accepted(held))]) == frozenset(), "settled once"
    [again] = claim(stand.outbox())
    assert (again.act, again.standing.attempt) == (Act.SEND, 3)


def test_a_lease_that_ran_out_is_still_good_while_nobody_else_took_it(stand: Stand) -> None:
    message = stand.write(stand.talk())
    claims = claim(stand.outbox())
    stand.pass_time(_LEASE)

    settle(stand.outbox(), claims)

    assert stand.see(message).state is SENT


def test_what_was_cut_off_is_claimed_alone(stand: Stand) -> None:
    messages = [stand.write(stand.talk()) for _ in range(2)]
    claim(stand.outbox())
    stand.pass_time(_LEASE)
    stand.write(stand.talk())

    assert ids(claim(stand.outbox())) == messages[:1]
    assert ids(claim(stand.outbox())) == messages[1:]


def test_what_cuts_off_each_attempt_is_left_alone(stand: Stand) -> None:
    message = stand.write(stand.talk())
    for _ in range(MOST_CUT_OFF):
        assert len(claim(stand.outbox())) == 1
        stand.pass_time(_LEASE)

    assert claim(stand.outbox()) == []
    assert (stand.see(message).state, stand.see(message).code) == (MessageState.UNKNOWN, CUT_OFF)


def test_a_cut_off_counts_once_however_long_there_is_no_access(stand: Stand) -> None:
    message = stand.write(stand.talk())
    claim(stand.outbox())
    stand.pass_time(_LEASE)
    stand.drop_access()

    for _ in range(MOST_CUT_OFF + 1):
        assert claim(stand.outbox()) == []
        stand.pass_time(10)

    assert stand.see(message).state is SENDING


def test_what_was_not_begun_stands_as_before(stand: Stand) -> None:
    message = stand.write(stand.talk())

    settle(stand.outbox(), claim(stand.outbox()), NotBegun())

    seen = stand.see(message)
    assert (seen.state, seen.attempt, seen.is_held) == (QUEUED, 0, False)
    assert [item.standing.attempt for item in claim(stand.outbox())] == [1]


@pytest.mark.parametrize(
    ("error", "state", "low", "high"),
    [
        (DOWN, QUEUED, 5, 6.25),
        (LOST, SENDING, 5, 6.25),
        (RetryLater("Slow down.", provider="twilio", status=429, after=timedelta(seconds=60)), QUEUED, 60, 63),
    ],
    ids=["surely not", "ambiguous", "busy"],
)
def test_when_it_is_looked_at_again(
    stand: Stand, error: PatchbayError, state: MessageState, low: float, high: float
) -> None:
    message = stand.write(stand.talk())
    settle(stand.outbox(), claim(stand.outbox()), Failed(error=error))
    seen = stand.see(message)

    assert (seen.state, seen.is_held) == (state, False)
    assert low - 3 < seen.seconds <= high, "some time has passed since it was settled"
    assert claim(stand.outbox()) == []
    stand.pass_time(high + 0.1)
    assert ids(claim(stand.outbox())) == [message]


def test_a_time_that_the_provider_names_holds_for_the_whole_account(stand: Stand) -> None:
    stand.write(stand.talk())
    busy = RetryLater("Slow down.", provider="twilio", status=429, after=timedelta(seconds=600))
    settle(stand.outbox(), claim(stand.outbox()), Failed(error=busy))
    other = stand.write(stand.talk())

    assert claim(stand.outbox()) == []

    assert stand.see(other).code == WAITS_FOR_PROVIDER and 590 < stand.see(other).seconds <= 600
    stand.pass_time(601)
    assert ids(claim(stand.outbox())) == [other]


def fail_until_open(stand: Stand) -> None:
    """Let as many calls fail as it takes to make no more."""
    for _ in range(OPENS_AFTER):
        stand.write(stand.talk())
    settle(stand.outbox(), claim(stand.outbox()), Failed(error=DOWN))


def test_a_provider_that_does_not_answer_gets_one_probe_at_a_time(stand: Stand) -> None:
    fail_until_open(stand)
    message = stand.write(stand.talk())
    assert claim(stand.outbox()) == [] and stand.see(message).code == WAITS_FOR_PROVIDER

    stand.pass_time(PROBE_EVERY.total_seconds() + 1)
    probe = claim(stand.outbox())

    assert len(probe) == 1 and claim(stand.outbox()) == []
    settle(stand.outbox(), probe, Failed(error=DOWN))
    assert claim(stand.outbox()) == []


def test_its_first_answer_lets_all_go_that_waited(stand: Stand) -> None:
    fail_until_open(stand)
    message = stand.write(stand.talk())
    assert claim(stand.outbox()) == []
    stand.pass_time(PROBE_EVERY.total_seconds() + 1)
    probe = claim(stand.outbox())

    settle(stand.outbox(), probe)

    rest = claim(stand.outbox())
    assert len(rest) == OPENS_AFTER and message in ids(rest) + ids(probe)


def test_what_a_provider_that_is_away_refuses_uses_up_no_attempt(stand: Stand) -> None:
    fail_until_open(stand)
    message = stand.write(stand.talk())
    claim(stand.outbox())
    for _ in range(2 * OPENS_AFTER):
        stand.pass_time(PROBE_EVERY.total_seconds() + 301)
        settle(stand.outbox(), claim(stand.outbox()), Failed(error=DOWN))

    assert (stand.see(message).state, stand.see(message).attempt) == (QUEUED, 0)


@pytest.mark.parametrize("ground", [Ground.PAUSED, Ground.BROKEN])
def test_what_leaves_through_a_connection_that_rests_waits(stand: Stand, ground: Ground) -> None:
    message = stand.write(stand.talk())
    stand.set_ground(ground)

    assert claim(stand.outbox()) == []

    seen = stand.see(message)
    assert (seen.state, seen.code) == (QUEUED, WAITS_FOR_CONNECTION)
    assert 0 < seen.seconds <= PARKED.total_seconds()
    stand.set_ground(Ground.WORKING)
    stand.pass_time(PARKED.total_seconds() + 1)
    assert ids(claim(stand.outbox())) == [message]


@pytest.mark.parametrize(("was_begun", "state"), [(False, MessageState.FAILED), (True, MessageState.UNKNOWN)])
def test_what_leaves_through_a_connection_that_is_gone_ends(stand: Stand, was_begun: bool, state: MessageState) -> None:
    message = stand.write(stand.talk())
    if was_begun:
        claim(stand.outbox())
        stand.pass_time(_LEASE)
    stand.set_ground(Ground.GONE)

    assert claim(stand.outbox()) == []

    assert (stand.see(message).state, stand.see(message).code) == (state, "disconnected")


def test_who_opted_out_gets_nothing_more(stand: Stand) -> None:
    talk = stand.talk()
    message = stand.write(talk)
    stand.opt_out(talk)

    assert claim(stand.outbox()) == []

    assert (stand.see(message).state, stand.see(message).code) == (MessageState.FAILED, "opted_out")


def test_a_person_need_not_wait_for_what_waits_for_a_limit(stand: Stand) -> None:
    talk = stand.talk()
    agents = stand.write(talk)
    stand.wait_for_limit(agents)
    persons = stand.write(talk, is_persons=True)

    claims = claim(stand.outbox())

    assert ids(claims) == [agents], "of two that may leave, the earlier one"
    assert claim(stand.outbox()) == [], "it waits no more, but is under way"
    settle(stand.outbox(), claims)
    assert ids(claim(stand.outbox())) == [persons]


def test_what_a_person_overtook_is_not_sent(stand: Stand) -> None:
    talk = stand.talk()
    agents = stand.write(talk)
    stand.wait_for_limit(agents)
    persons = stand.write(talk, is_persons=True)
    stand.take_over(talk)

    assert ids(claim(stand.outbox())) == [persons]

    assert (stand.see(agents).state, stand.see(agents).code) == (MessageState.FAILED, "limit_overtaken")
