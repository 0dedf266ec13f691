"""What the door remembers of endpoints is right after five seconds, whichever process changed it."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import event

from services import connections
from services.webhooks.endpoints import REFRESH_SECONDS, Endpoint, EndpointDirectory, account_key, token_key
from tests.support.line import Line, Shop, webhook_url
from tests.support.product import eventually

STALE_SECONDS = 5.0
NEW_SECRET = "e" * 32
LookUp = Callable[[], Sequence[Endpoint]]


class Watch:
    """A clock of seconds that the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    """The other process's clock."""
    return Watch()


@pytest.fixture(params=["its own address", "a shared address"])
def look_up(request: pytest.FixtureRequest, line: Line, shop: Shop, watch: Watch) -> LookUp:
    """Look the shop's workspace up in a process other than the one that changes it."""
    directory = EndpointDirectory(line.kernel, monotonic=watch)
    token = webhook_url(shop.slack, "events").split("/")[-2]
    team = line.sandbox.identities.own_app.team_id
    if request.param == "its own address":
        return lambda: directory.find(token_key("slack", token))
    return lambda: directory.find(account_key("slack", [team]))


def secrets_of(found: Sequence[Endpoint]) -> set[str]:
    """Return the secrets that would prove a request."""
    return {secret.reveal() for endpoint in found for secret in endpoint.secrets.values()}


def test_a_disconnect_counts_within_five_seconds(line: Line, shop: Shop, watch: Watch, look_up: LookUp) -> None:
    assert len(look_up()) == 1
    connections.disconnect(line.kernel, actor=shop.actor, connection_id=shop.slack.id)
    watch.seconds += STALE_SECONDS
    assert look_up() == ()


def test_a_new_secret_counts_within_five_seconds(line: Line, shop: Shop, watch: Watch, look_up: LookUp) -> None:
    app = line.sandbox.identities.own_app
    assert app.signing_secret in secrets_of(look_up())
    connections.reconnect_with_keys(
        line.kernel,
        actor=shop.actor,
        connection_id=shop.slack.id,
        values={"bot_token": app.bot_token, "signing_secret": NEW_SECRET},
    )
    watch.seconds += STALE_SECONDS
    found = secrets_of(look_up())
    assert NEW_SECRET in found
    assert app.signing_secret not in found


def test_what_was_not_there_is_found_within_five_seconds(line: Line, watch: Watch) -> None:
    directory = EndpointDirectory(line.kernel, monotonic=watch)
    team = line.sandbox.identities.own_app.team_id
    assert directory.find(account_key("slack", [team])) == ()
    line.open_shop("Northwind")
    watch.seconds += STALE_SECONDS
    assert len(directory.find(account_key("slack", [team]))) == 1


def test_a_look_up_that_takes_long_is_not_kept_for_longer(line: Line, shop: Shop) -> None:
    """The time counts from before the question: what was read then may be old when the answer is there."""
    times = iter((0.0, STALE_SECONDS, STALE_SECONDS))
    directory = EndpointDirectory(line.kernel, monotonic=lambda: next(times))
    token = webhook_url(shop.slack, "events").split("/")[-2]
    assert len(directory.find(token_key("slack", token))) == 1
    connections.disconnect(line.kernel, actor=shop.actor, connection_id=shop.slack.id)
    assert directory.find(token_key("slack", token)) == ()


def test_many_who_ask_at_once_cost_one_look_up(line: Line, shop: Shop) -> None:
    directory = EndpointDirectory(line.kernel)
    token = webhook_url(shop.slack, "events").split("/")[-2]
    together = Barrier(6)
    looks: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "FROM webhook_endpoint" in statement:
            looks.append(statement)

    def ask(_number: int) -> tuple[Endpoint, ...]:
        together.wait()
        return directory.find(token_key("slack", token))

    event.listen(line.kernel.database.engine, "before_cursor_execute", note)
    try:
        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(ask, range(6)))
    finally:
        event.remove(line.kernel.database.engine, "before_cursor_execute", note)
    assert len(looks) == 1
    assert [[endpoint.connection_id for endpoint in each] for each in found] == [[shop.slack.id]] * 6


def test_memory_alone_answers_until_it_is_stale(line: Line, shop: Shop, watch: Watch) -> None:
    directory = EndpointDirectory(line.kernel, monotonic=watch)
    token = webhook_url(shop.slack, "events").split("/")[-2]
    assert directory.recall(token_key("slack", token)) is None
    found = directory.find(token_key("slack", token))
    assert directory.recall(token_key("slack", token)) == found
    watch.seconds += STALE_SECONDS
    assert directory.recall(token_key("slack", token)) is None


def test_while_requests_come_nobody_waits_for_the_next_look_up(line: Line, shop: Shop, watch: Watch) -> None:
    directory = EndpointDirectory(line.kernel, monotonic=watch)
    key = token_key("slack", webhook_url(shop.slack, "events").split("/")[-2])
    [before] = directory.find(key)
    connections.disconnect(line.kernel, actor=shop.actor, connection_id=shop.slack.id)
    watch.seconds += REFRESH_SECONDS
    assert directory.recall(key) == (before,)
    eventually(lambda: directory.recall(key) == (), what="it was looked up again")
