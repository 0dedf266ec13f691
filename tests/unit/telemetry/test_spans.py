"""Rows become spans that join to one trace, whenever each of them is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.kernel.ids import new_id
from services.kernel.settings import Settings
from services.telemetry.spans import DeliveryRow, MessageRow, Row, TurnRow, is_over, spans_of

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TENANT, TRACE, TURN = new_id(), new_id(), new_id()


def after(seconds: float) -> datetime:
    """Return a time."""
    return NOON + timedelta(seconds=seconds)


DELIVERY = DeliveryRow(
    tenant_id=TENANT, id=TRACE, trace_id=TRACE, provider="slack", kind="events", state="processed", cause="",
    attempt=1, duplicates=2, received_at=NOON, stored_at=after(0.01), started_at=after(0.02), finished_at=after(0.05),
)  # fmt: skip
ANSWERED = TurnRow(
    tenant_id=TENANT, id=TURN, trace_id=TRACE, state="done", runner="playbook", attempt=1,
    created_at=after(0.05), started_at=after(0.06), finished_at=after(0.1),
)  # fmt: skip
SENT = MessageRow(
    tenant_id=TENANT, id=new_id(), trace_id=TRACE, turn_id=TURN, provider="slack", state="sent", attempt=2,
    created_at=after(0.1), attempted_at=after(0.2), sent_at=after(0.3),
)  # fmt: skip


def test_each_step_is_the_child_of_the_one_before() -> None:
    accept, process, turn, send = (span for row in (DELIVERY, ANSWERED, SENT) for span in spans_of(row))
    assert [span.name for span in (accept, process, turn, send)] == ["accept", "process", "turn", "send"]
    assert {span.trace_id for span in (accept, process, turn, send)} == {TRACE.int}
    assert accept.parent_id is None
    assert (process.parent_id, turn.parent_id, send.parent_id) == (accept.id, process.id, turn.id)
    assert len({accept.id, process.id, turn.id, send.id}) == 4
    assert (accept.began_at, send.ended_at) == (NOON, after(0.3))


def test_a_step_is_the_same_whenever_it_is_told() -> None:
    assert list(spans_of(SENT)) == list(spans_of(replace(SENT)))


def test_what_a_person_wrote_begins_a_trace() -> None:
    [send] = spans_of(replace(SENT, turn_id=None))
    assert send.parent_id is None


@pytest.mark.parametrize(
    ("row", "is_it"),
    [
        (DELIVERY, True),
        (replace(DELIVERY, finished_at=None, state="failed"), False),
        (ANSWERED, True),
        (replace(ANSWERED, finished_at=None, state="running"), False),
        *((replace(SENT, state=state), False) for state in ("queued", "sending")),
        *((replace(SENT, state=state), True) for state in ("sent", "delivered", "failed", "unknown")),
    ],
)
def test_only_what_has_ended_is_told(row: Row, is_it: bool) -> None:
    assert is_over(row) is is_it


@pytest.mark.parametrize(
    "row",
    [replace(DELIVERY, state="dead", cause="Refused"), replace(ANSWERED, state="dead"), replace(SENT, state="failed")],
)
def test_what_failed_says_so(row: Row) -> None:
    assert [span.failed for span in spans_of(row)][-1]


def test_times_never_run_backwards() -> None:
    skewed = replace(DELIVERY, stored_at=after(-5), started_at=after(9), finished_at=after(3))
    assert all(span.began_at <= span.ended_at for span in spans_of(skewed))


def test_off_costs_nothing_and_the_variables_of_opentelemetry_serve_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    assert Settings().otel_endpoint == ""
    assert Settings(otel_endpoint="http://c:4318/").otel_endpoint == "http://c:4318/v1/traces"
    assert Settings(otel_endpoint="http://c:4318/v1/traces").otel_endpoint == "http://c:4318/v1/traces"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://standard:4318")
    assert Settings().otel_endpoint == "http://standard:4318/v1/traces"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:1/here")
    assert Settings().otel_endpoint == "http://traces:1/here"
    assert Settings(otel_endpoint="http://own:4318").otel_endpoint == "http://own:4318/v1/traces"
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert Settings().otel_endpoint == ""


def test_the_sdk_is_imported_in_one_place_only() -> None:
    users = [
        path.as_posix()
        for root in ("app", "services", "workers", "models")
        for path in Path(root).rglob("*.py")
        if "opentelemetry" in path.read_text(encoding="utf-8").replace("OpenTelemetry", "")
    ]
    assert users == ["services/telemetry/exporting.py"]
