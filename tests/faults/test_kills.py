"""Accepted means done, once, whatever is killed and whenever: no answer is lost, none is said twice."""

import random
from collections.abc import Callable, Generator
from contextlib import contextmanager

import psycopg
import pytest

from tests.faults.traffic import Traffic
from tests.support.product import Product, eventually

WORKERS = ("worker-1", "worker-2")
QUESTIONS = 50
"""At least so many questions are asked and acknowledged in every test."""


def test_workers_killed_at_any_moment(product: Product, traffic: Traffic, rng: random.Random) -> None:
    moments = [kill_at_random, kill_at_random, kill_while_the_provider_keeps_silent, kill_inside_a_transaction]
    rng.shuffle(moments)
    for kill in moments:
        kill(product, traffic, rng)
    traffic.check(at_least=QUESTIONS)


def kill_at_random(product: Product, traffic: Traffic, rng: random.Random) -> None:
    """Kill one worker in the midst of the work."""
    traffic.ask(14)
    traffic.await_some_answers()
    product.kill(rng.choice(WORKERS))


def kill_while_the_provider_keeps_silent(product: Product, traffic: Traffic, rng: random.Random) -> None:
    """Kill the workers when a provider has accepted an answer and nobody has been told: the ambiguous moment."""
    service, method = rng.choice([("slack", "chat.postMessage"), ("twilio", "messages.create")])
    product.sandbox.fail(service, "accept_then_hang", method=method, seconds=30)
    traffic.ask(14)
    eventually(lambda: not product.sandbox.pending_faults(), what="a call that hangs")
    product.kill(*WORKERS)


def kill_inside_a_transaction(product: Product, traffic: Traffic, rng: random.Random) -> None:
    """Kill the workers while a turn, or what comes before it, waits to write into a locked table."""
    with locked_messages(product) as blocked:
        traffic.ask(14)
        eventually(blocked, what="a worker that waits for the lock")
        product.kill(*WORKERS)


@contextmanager
def locked_messages(product: Product) -> Generator[Callable[[], bool]]:
    """Lock the messages against writes; yields the condition that somebody waits for them."""
    with psycopg.connect(product.database_url()) as lock, psycopg.connect(product.database_url()) as look:
        look.autocommit = True
        lock.execute("LOCK TABLE message IN SHARE ROW EXCLUSIVE MODE")
        yield lambda: look.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is not None
        lock.rollback()


def test_web_killed_during_a_burst(product: Product, traffic: Traffic) -> None:
    for _ in range(2):
        traffic.ask(20)
        traffic.await_some_acknowledgements()
        product.kill("web")
        traffic.ask(10)
    traffic.check(at_least=QUESTIONS)
    statuses = {status for webhook in traffic.webhooks() for status in webhook.statuses}
    assert statuses <= {200, None}, "a provider saw something else than a connection that failed"


@pytest.mark.parametrize("loss", ["restarted", "wiped"])
def test_redis_killed_during_work(product: Product, traffic: Traffic, loss: str) -> None:
    for _ in range(2):
        traffic.ask(15)
        traffic.await_some_answers()
        with product.no_restarts():
            product.kill("redis")
            traffic.ask(15)
            traffic.await_all_acknowledgements()
            if loss == "wiped":
                (product.data_dir / "redis" / "appendonly.aof").unlink()
        product.await_children("redis")
    traffic.check(at_least=QUESTIONS)
    assert {webhook.statuses for webhook in traffic.webhooks()} == {(200,)}, "the door was not open all the time"


def test_postgres_killed_during_work(product: Product, traffic: Traffic) -> None:
    known = len(product.errors())
    traffic.ask(25)
    traffic.await_some_answers()
    with product.no_restarts():
        product.kill("postgres")
        traffic.ask(30)
        traffic.await_ledger(
            lambda ledger: any(503 in item.statuses for item in ledger.webhooks), what="a 503 to a provider"
        )
    traffic.check(at_least=QUESTIONS)
    statuses = {status for webhook in traffic.webhooks() for status in webhook.statuses}
    assert statuses <= {200, 503, None}
    assert [line.event for line in product.errors()[known:]] == [], "an outage is no error, and is reported once"


def test_everything_killed_and_started_again(product: Product, traffic: Traffic) -> None:
    traffic.ask(55)
    traffic.await_some_answers()
    product.kill_everything()
    product.start()
    traffic.check(at_least=QUESTIONS)
