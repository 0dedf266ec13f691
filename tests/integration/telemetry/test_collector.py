"""A message's whole way, as a collector sees it: joined, complete, once, and without a word of what was said."""

import threading
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

from services import telemetry
from services.kernel.settings import Settings
from services.telemetry import Follower
from services.telemetry.exporting import Exporter
from services.telemetry.telling import tell
from services.webhooks import list_deliveries
from tests.support.collector import Collector, running_collector
from tests.support.line import Line, running_line
from tests.support.product import eventually

STEPS = ["accept", "process", "turn", "send"]
ALLOWED = {
    *("patchbay.provider", "patchbay.kind", "patchbay.duplicates", "patchbay.cause", "patchbay.runner"),
    *("patchbay.state", "patchbay.attempts"),
}
QUESTION = "What are your opening hours?"


@pytest.fixture
def collector() -> Generator[Collector]:
    """A collector on loopback."""
    with running_collector() as running:
        yield running


@pytest.fixture
def line(settings: Settings, tmp_path: Path) -> Generator[Line]:
    """Webhook door, sandbox, and a worker on demand."""
    with running_line(settings, tmp_path) as running:
        yield running


def arrive(line: Line) -> None:
    """Have a contact ask something, and store it."""
    app = line.sandbox.identities.own_app.app_id
    line.sandbox.wait_for_webhooks(*line.sandbox.slack_message(QUESTION, app=app).event_ids)


def told(collector: Collector) -> list[WireSpan]:
    """Return the spans of the question, in order; Slack's notice of our own answer is a trace of its own."""
    spans = {span.name: span for span in collector.spans if span.name in ("turn", "send")}
    trace = spans["turn"].trace_id
    return sorted((span for span in collector.spans if span.trace_id == trace), key=lambda span: STEPS.index(span.name))


def test_a_message_is_one_trace_from_acceptance_to_sending(line: Line, collector: Collector) -> None:
    shop = line.open_shop("Northwind")
    follower, exporter = Follower(line.kernel), Exporter(f"{collector.address}/v1/traces")
    arrive(line)
    assert follower.read() == [], "nothing has ended"
    eventually(lambda: bool(line.work()) or not line.queue.wakes, what="the work is done")
    line.sandbox.wait_for_answers(1)
    assert exporter.send(follower.read())
    assert follower.read() == [], "told once"
    exporter.close()
    spans = told(collector)
    assert [span.name for span in spans] == STEPS
    delivery = list_deliveries(line.kernel, actor=shop.actor).items[-1]
    assert spans[0].trace_id == delivery.id.bytes
    assert [span.parent_span_id for span in spans] == [b"", *(span.span_id for span in spans[:-1])]
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in spans)
    assert collector.resource["service.name"] == "patchbay"


def test_nothing_that_was_said_and_nobodys_name_is_told(line: Line, collector: Collector) -> None:
    shop = line.open_shop("Northwind")
    follower, exporter = Follower(line.kernel), Exporter(f"{collector.address}/v1/traces")
    arrive(line)
    line.work()
    exporter.send(follower.read())
    exporter.close()
    assert {item.key for span in collector.spans for item in span.attributes} <= ALLOWED
    words = " ".join(str(span) for span in collector.spans) + str(collector.resource)
    for secret in ("Northwind", "opening", "9 to 17", "Bri", "C0", "U0", str(shop.actor.tenant_id), str(shop.slack.id)):
        assert secret not in words


def test_a_collector_that_is_away_is_said_once_and_hurts_nobody(
    line: Line, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    line.open_shop("Northwind")
    collector.status = 400
    follower, stopping = Follower(line.kernel), threading.Event()
    arrive(line)
    line.work()
    stopping.set()
    with caplog.at_level("INFO"):
        tell(follower, Exporter(f"{collector.address}/v1/traces"), stopping, every_seconds=0)
    said = [record.getMessage() for record in caplog.records if "telemetry" in record.getMessage()]
    assert len([words for words in said if "collector.went_away" in words]) == 1


def test_the_scheduler_tells_if_there_is_an_address_and_does_nothing_if_not(line: Line, collector: Collector) -> None:
    line.open_shop("Northwind")
    stopping = threading.Event()
    assert telemetry.start(line.kernel, stopping=stopping) is None
    settings = line.kernel.settings.model_copy(update={"otel_endpoint": f"{collector.address}/v1/traces"})
    thread = telemetry.start(replace(line.kernel, settings=settings), stopping=stopping)
    assert thread
    arrive(line)
    line.work()
    stopping.set()
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert {span.name for span in collector.spans} >= {"accept", "process", "turn", "send"}
