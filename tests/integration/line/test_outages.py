"""The door while something behind it is away: never "received" for what was not stored, and no wait for Redis."""

import socket
from collections.abc import Generator
from dataclasses import replace

import pytest
from sqlalchemy import Connection as DbConnection
from sqlalchemy import create_engine, text
from starlette.testclient import TestClient

from app.http.webhooks import WebhookApp
from services.kernel.db import Database
from services.kernel.kernel import connect_redis
from services.kernel.queue import RqQueue
from services.webhooks import list_deliveries
from tests.integration.line.test_ingest import post, slack_body, slack_headers
from tests.support.line import Line, Shop, webhook_url


@pytest.fixture
def owner(line: Line) -> Generator[DbConnection]:
    """The database, as its owner."""
    engine = create_engine(line.kernel.settings.database_owner_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def arrive(line: Line, shop: Shop, *, event_id: str) -> tuple[int, str]:
    """Post an event as Slack does; return the status, and when to come again."""
    body = slack_body(line, event_id=event_id)
    answer = post(webhook_url(shop.slack, "events"), body, slack_headers(line, body))
    return answer.status_code, answer.headers.get("retry-after", "")


def arrive_with(line: Line, shop: Shop, door: WebhookApp) -> tuple[int, str]:
    """Post an event to a door of its own."""
    body = slack_body(line)
    client = TestClient(door, base_url=line.address)
    answer = client.post(webhook_url(shop.slack, "events"), content=body, headers=slack_headers(line, body))
    return answer.status_code, answer.headers.get("retry-after", "")


def test_a_locked_table_is_not_waited_for_for_long(line: Line, shop: Shop, owner: DbConnection) -> None:
    assert arrive(line, shop, event_id="Ev1") == (200, "")
    with owner.begin():
        owner.execute(text("LOCK TABLE webhook_delivery IN ACCESS EXCLUSIVE MODE"))
        assert arrive(line, shop, event_id="Ev2") == (503, "5")
    assert arrive(line, shop, event_id="Ev3") == (200, "")
    assert len(list_deliveries(line.kernel, actor=shop.actor).items) == 2


@pytest.mark.parametrize("table", ["webhook_endpoint", "credential"])
def test_a_locked_directory_is_not_waited_for_for_long(line: Line, shop: Shop, owner: DbConnection, table: str) -> None:
    with owner.begin():
        owner.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        assert arrive_with(line, shop, WebhookApp(line.kernel)) == (503, "5")  # a door that remembers nothing


def test_without_a_database_the_sender_is_asked_to_come_again(line: Line, shop: Shop) -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    assert arrive_with(line, shop, WebhookApp(replace(line.kernel, database=database))) == (503, "5")


def test_a_database_that_hangs_is_not_waited_for_for_ever(line: Line, shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection and says nothing
        database = Database(f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/none")
        kernel = replace(line.kernel, database=database)
        assert arrive_with(line, shop, WebhookApp(kernel, answer_seconds=0.2)) == (503, "5")


def test_without_redis_it_is_accepted_as_always(line: Line, shop: Shop) -> None:
    away = line.kernel.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    kernel = replace(line.kernel, queue=RqQueue(connect_redis(away)))
    assert arrive_with(line, shop, WebhookApp(kernel)) == (200, "")
    assert len(list_deliveries(line.kernel, actor=shop.actor).items) == 1
    line.work(with_sweep=True)
    [delivery] = list_deliveries(line.kernel, actor=shop.actor).items
    assert delivery.state == "processed"


def test_commits_are_durable_even_where_the_server_would_not_make_them_so(line: Line, owner: DbConnection) -> None:
    with owner.begin():
        name = owner.execute(text("SELECT current_database()")).scalar_one()
        owner.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
    database = Database(line.kernel.settings.database_url)
    with database.unscoped_transaction("test") as session:
        assert session.connection().execute(text("SHOW synchronous_commit")).scalar_one() == "on"
    database.dispose()
