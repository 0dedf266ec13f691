"""Identifiers sort by time and cannot be guessed."""

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import time_machine

from services.kernel import ids
from services.kernel.ids import lowest_id, new_id, new_token


def test_ids_are_version_7_of_the_rfc_variant() -> None:
    made = new_id()
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"


def test_an_id_carries_the_millisecond_it_was_made_in() -> None:
    before = time.time_ns() // 1_000_000
    stamp = new_id().int >> 80
    assert before <= stamp <= time.time_ns() // 1_000_000 + 1


def test_ids_strictly_increase() -> None:
    made = [new_id() for _ in range(20_000)]
    assert made == sorted(set(made))


def test_threads_never_make_the_same_id() -> None:
    made: list[UUID] = []

    def make() -> None:
        made.extend([new_id() for _ in range(2_000)])

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 16_000


def test_ids_go_on_when_the_clock_goes_back() -> None:
    earlier = new_id()
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=1)):
        assert new_id() > earlier


def test_a_forked_worker_makes_ids_while_its_parent_was_making_one() -> None:
    lock = vars(ids)["_lock"]
    with lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if new_id().version == 7 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_tokens_are_url_safe_and_as_strong_as_asked() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 43 and token.replace("-", "").replace("_", "").isalnum() for token in tokens)
    assert len(new_token(bits=128)) == 22


def test_a_bound_lies_below_every_id_made_since_and_above_those_before() -> None:
    before = new_id()
    at = datetime.fromtimestamp((before.int >> 80) / 1000, UTC)
    assert lowest_id(at) <= before < lowest_id(at + timedelta(milliseconds=1))
    assert lowest_id(datetime(1960, 1, 1, tzinfo=UTC)) == UUID(int=0)
