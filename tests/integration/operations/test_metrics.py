"""What Prometheus scrapes: true numbers, nothing about a tenant, for nobody but the operator, never a load."""

import re
from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import create_engine, event, text
from starlette.testclient import TestClient

from app.http.api import create_http_app
from app.http.door_metrics import DoorCounts
from app.http.webhooks import create_webhook_app
from services.kernel.kernel import Kernel, build_kernel, connect_redis
from services.kernel.settings import Settings
from services.vault import hold_keys
from tests.support.clock import FakeClock
from tests.support.line import Line, Shop, running_line
from tests.support.product import eventually
from tests.support.sandbox import Written

LOOPBACK = ("127.0.0.1", 50000)
Sample = tuple[str, frozenset[tuple[str, str]]]
LABELS = {
    *("cause", "direction", "error", "le", "process", "provider", "reason", "runner", "state", "status", "subject"),
    *("version", "which", "work"),
}
WORD = re.compile(r"[a-zA-Z0-9_.+]{1,40}")
ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}")


@pytest.fixture
def line(settings: Settings, tmp_path: Path) -> Generator[Line]:
    """The line, with the sandbox as providers."""
    with running_line(settings, tmp_path) as line:
        yield line


@pytest.fixture
def shop(line: Line) -> Shop:
    """A company that is connected."""
    return line.open_shop("Northwind")


def scrape(kernel: Kernel, **headers: str) -> httpx2.Response:
    """Ask for the metrics from the same machine."""
    with TestClient(create_http_app(kernel), base_url="http://127.0.0.1:8000", client=LOOPBACK) as client:
        answer = client.get("/metrics", headers=headers)
        return httpx2.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)


def samples(kernel: Kernel) -> dict[Sample, float]:
    """Return what is scraped: (name, labels) and the value."""
    answer = scrape(kernel)
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def key(name: str, **labels: str) -> Sample:
    """Return how a sample is found."""
    return name, frozenset(labels.items())


def histogram(found: Mapping[Sample, float], name: str, **labels: str) -> list[float]:
    """Return the buckets of a histogram, which hold all below them; the last one must be the count."""
    buckets = {
        dict(words)["le"]: value
        for (sample, words), value in found.items()
        if sample == f"{name}_bucket" and labels.items() <= dict(words).items()
    }
    in_order = [buckets[bound] for bound in sorted(buckets, key=float)]
    assert in_order[-1] == found[key(f"{name}_count", **labels)]
    assert found[key(f"{name}_sum", **labels)] >= 0
    return in_order


def write(line: Line) -> Written:
    """Have a contact write to the agent."""
    return line.sandbox.slack_message("What are your opening hours?", app=line.sandbox.identities.own_app.app_id)


def refuse_one(line: Line, shop: Shop) -> None:
    """Send a webhook with a wrong signature."""
    url = next(item.url for item in shop.slack.webhook_urls if item.kind == "events")
    headers = {"x-slack-request-timestamp": "1", "x-slack-signature": "v0=0", "content-type": "application/json"}
    assert httpx2.post(url, json={}, headers=headers, trust_env=False).status_code == 401


def test_what_waits_shows_with_its_age_and_is_gone_when_done(line: Line, shop: Shop) -> None:
    line.sandbox.wait_for_webhooks(*write(line).event_ids)
    before = samples(line.kernel)
    assert before[key("patchbay_open", work="deliveries")] == 1
    assert before[key("patchbay_due", work="deliveries")] == 1
    assert 0 < before[key("patchbay_oldest_due_seconds", work="deliveries")] < 60
    assert before[key("patchbay_deliveries_5m", provider="slack", state="received")] == 1
    after = dict(before)

    def is_done() -> bool:
        line.work()  # Slack tells us of our own answer, too, some time after it
        after.clear()
        after.update(samples(line.kernel))
        is_answered = after.get(key("patchbay_messages_5m", provider="slack", direction="outbound", state="sent")) == 1
        return is_answered and not after[key("patchbay_due", work="deliveries")]

    eventually(is_done, what="all work is done")
    for work in ("deliveries", "turns", "messages", "action_runs", "notices"):
        assert (work, after[key("patchbay_due", work=work)]) == (work, 0)
        assert after[key("patchbay_oldest_due_seconds", work=work)] == 0
    assert after[key("patchbay_deliveries_5m", provider="slack", state="processed")] == 1
    assert after[key("patchbay_messages_5m", provider="slack", direction="inbound", state="received")] == 1
    assert after[key("patchbay_messages_5m", provider="slack", direction="outbound", state="sent")] == 1
    for name, label, count in (
        ("processing", "provider", None),
        ("turn", "runner", 1),
        ("sending", "provider", 1),
        ("whole_way", "provider", 1),
    ):
        found = histogram(after, f"patchbay_{name}_seconds_5m", **{label: "playbook" if label == "runner" else "slack"})
        assert found == sorted(found)
        assert count is None or found[-1] == count
        assert found[-1] > 0


def test_what_came_up_longer_ago_does_not_count(line: Line, shop: Shop) -> None:
    line.settle(*write(line).event_ids)
    later = FakeClock()
    later.advance(timedelta(minutes=6))
    found = samples(replace(line.kernel, clock=later))
    assert not [name for name, _ in found if name in ("patchbay_deliveries_5m", "patchbay_messages_5m")]


def test_door_counts_answers_and_refusals(line: Line, shop: Shop) -> None:
    refused = key("patchbay_webhook_refused_total", provider="slack", reason="stale")
    answered = key("patchbay_webhook_answer_seconds_count", provider="slack", status="401")
    before = samples(line.kernel)
    refuse_one(line, shop)
    after = samples(line.kernel)
    assert after[refused] == before.get(refused, 0) + 1
    assert after[answered] == before.get(answered, 0) + 1


def test_failures_are_told_by_class_of_trouble(line: Line, shop: Shop) -> None:
    line.sandbox.fail("slack", "401", method="chat.postMessage")
    line.settle(*write(line).event_ids)
    failed = {labels: value for (name, labels), value in samples(line.kernel).items() if "failed_attempts" in name}
    labels = {"subject": "message", "provider": "slack", "cause": "authorisation", "error": "NeedsReauth"}
    assert failed == {frozenset(labels.items()): 1}


def test_doors_of_several_processes_are_told_together(kernel: Kernel) -> None:
    redis = connect_redis(kernel.settings)
    doors = [DoorCounts(), DoorCounts()]
    for each in doors:
        each.note_answer("slack", status=401, refused="stale", seconds=0.004)
        each.note_answer("slack", status=200, refused="", seconds=0.003)
        each.flush(redis)
    doors[0].note_answer("slack", status=200, refused="", seconds=99)
    doors[0].flush(redis)
    found = samples(kernel)
    assert found[key("patchbay_webhook_refused_total", provider="slack", reason="stale")] == 2
    assert histogram(found, "patchbay_webhook_answer_seconds", provider="slack", status="200") == [0, *[2] * 12, 3]
    assert found[key("patchbay_webhook_answer_seconds_sum", provider="slack", status="200")] == pytest.approx(99.006)


def test_what_a_door_counts_without_redis_is_told_when_it_is_back(kernel: Kernel) -> None:
    away = connect_redis(kernel.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))
    counts = DoorCounts()
    counts.note_answer("slack", status=200, refused="", seconds=0.01)
    counts.flush(away)
    assert [sample.value for sample in counts.read(away)[0].samples if sample.name.endswith("_count")] == [1]
    found = counts.read(connect_redis(kernel.settings))[0].samples
    assert [sample.value for sample in found if sample.name.endswith("_count")] == [1]


def test_made_up_providers_share_one_label(line: Line) -> None:
    for made_up in ("acme-secret", "other"):
        httpx2.post(f"{line.address}/api/ai-agents/webhooks/{made_up}/x/y", trust_env=False)
    providers = {dict(labels).get("provider") for _, labels in samples(line.kernel)}
    assert "unknown" in providers
    assert not {"acme-secret", "other"} & providers


def test_no_label_tells_of_a_tenant(line: Line, shop: Shop) -> None:
    line.settle(*write(line).event_ids)
    refuse_one(line, shop)
    keys = hold_keys(line.kernel, process="worker")
    try:
        found = samples(line.kernel)
    finally:
        keys.stop()
    with create_engine(line.kernel.settings.database_owner_url).connect() as connection:
        addresses = set(connection.execute(text("SELECT external_id FROM contact_identity")).scalars())
    assert addresses
    for _, labels in found:
        for name, value in labels:
            assert name in LABELS
            assert WORD.fullmatch(value) and not ID.search(value), (name, value)
            assert value not in addresses


def test_scraping_often_asks_the_database_once_in_five_seconds(settings: Settings, clock: FakeClock) -> None:
    kernel = build_kernel(settings, clock=clock)
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(kernel.database.engine, "before_cursor_execute", note)
    with TestClient(create_http_app(kernel), base_url="http://127.0.0.1:8000", client=LOOPBACK) as client:
        assert client.get("/metrics").status_code == 200
        once = len(statements)
        assert once
        for _ in range(20):
            client.get("/metrics")
        assert len(statements) == once
        clock.advance(timedelta(seconds=5))
        client.get("/metrics")
    assert len(statements) == 2 * once
    kernel.close()


@pytest.mark.parametrize(
    ("peer", "host", "headers"),
    [
        ("203.0.113.7", "127.0.0.1:8000", {}),
        ("127.0.0.1", "patchbay.example.com", {}),
        ("127.0.0.1", "127.0.0.1:8000", {"x-forwarded-for": "203.0.113.7"}),
        ("127.0.0.1", "127.0.0.1:8000", {"forwarded": "for=203.0.113.7"}),
    ],
)
def test_others_do_not_learn_that_there_are_metrics(
    kernel: Kernel, peer: str, host: str, headers: dict[str, str]
) -> None:
    with TestClient(create_http_app(kernel), base_url=f"http://{host}", client=(peer, 50000)) as client:
        answer = client.get("/metrics", headers=headers)
    assert (answer.status_code, answer.text) == (404, "Not found.\n")


def test_with_a_token_it_is_asked_for_everywhere(settings: Settings) -> None:
    kernel = build_kernel(settings.model_copy(update={"metrics_token": SecretStr("CANARY-metrics-token")}))
    with TestClient(create_http_app(kernel), base_url="https://p.example.com", client=("203.0.113.7", 1)) as client:
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers={"authorization": "Bearer wrong"}).status_code == 401
        answer = client.get("/metrics", headers={"authorization": "Bearer CANARY-metrics-token"})
    assert answer.status_code == 200
    assert "CANARY" not in answer.text
    assert scrape(kernel).status_code == 401
    kernel.close()


def test_it_says_what_is_away(settings: Settings) -> None:
    away = settings.model_copy(
        update={"database_url": "postgresql://nobody:x@127.0.0.1:1/none", "redis_url": "redis://127.0.0.1:1/0"}
    )
    kernel = build_kernel(away)
    found = samples(kernel)
    kernel.close()
    assert found[key("patchbay_database_up")] == 0
    assert found[key("patchbay_redis_up")] == 0
    assert key("patchbay_rq_waiting") not in found


def test_processes_and_the_pool_are_told(kernel: Kernel) -> None:
    keys = hold_keys(kernel, process="worker")
    try:
        found = samples(kernel)
    finally:
        keys.stop()
    assert found[key("patchbay_processes", process="worker")] == 1
    assert found[key("patchbay_database_up")] == 1
    assert found[key("patchbay_rq_waiting")] == 0
    assert found[key("patchbay_database_connections", which="limit")] == 20
    assert [name for name, _ in found if name == "patchbay_build_info"]


def test_the_door_can_be_built_twice(kernel: Kernel) -> None:
    create_webhook_app(kernel)
    create_webhook_app(kernel)


def test_what_takes_too_long_to_count_is_left_out_and_the_rest_is_told(settings: Settings) -> None:
    kernel = build_kernel(settings)
    engine = create_engine(settings.database_owner_url)
    with engine.connect() as owner, owner.begin():
        owner.execute(text("LOCK TABLE failed_attempt IN ACCESS EXCLUSIVE MODE"))
        found = samples(kernel)
    engine.dispose()
    kernel.close()
    assert found[key("patchbay_database_up")] == 1
    assert found[key("patchbay_lately_counted")] == 0
    assert key("patchbay_open", work="deliveries") in found
