"""Probes: alive says nothing more, ready says what is missing and how to mend it."""

from collections.abc import Sequence

import pytest
from sqlalchemy import create_engine, text
from starlette.testclient import TestClient

from app.http.api import create_http_app
from services.kernel.ids import new_id
from services.kernel.kernel import build_kernel
from services.kernel.settings import Settings
from services.vault import hold_keys
from services.vault.holders import beat


def _probe(
    settings: Settings, *, processes: Sequence[str] = ("worker", "scheduler")
) -> tuple[int, dict[str, dict[str, str]], str]:
    kernel = build_kernel(settings)
    at_work = [hold_keys(kernel, process=process) for process in processes]
    with TestClient(create_http_app(kernel), base_url=settings.public_url) as client:
        assert client.get("/healthz").text == "ok\n"
        answer = client.get("/readyz")
    for holder in at_work:
        holder.stop()
    kernel.close()
    missing = [*answer.json()["missing"]]
    bad = {name for name, check in answer.json()["checks"].items() if check["status"] != "ok"}
    assert set(missing) == bad
    return answer.status_code, answer.json()["checks"], answer.json()["status"]


def test_everything_there_is_ready(settings: Settings) -> None:
    code, checks, status = _probe(settings)
    assert (code, status) == (200, "ready")
    assert {name: check["status"] for name, check in checks.items()} == dict.fromkeys(
        ("postgresql", "schema", "redis", "key", "workers", "scheduler"), "ok"
    )


def test_without_redis_it_works_on(settings: Settings) -> None:
    code, checks, status = _probe(settings.model_copy(update={"redis_url": "redis://:CANARY@127.0.0.1:1/0"}))
    assert (code, status) == (200, "degraded")
    assert checks["redis"]["status"] == "degraded"
    assert "PATCHBAY_REDIS_URL" in checks["redis"]["detail"]
    assert "CANARY" not in str(checks)


def test_without_postgresql_it_is_not_ready(settings: Settings) -> None:
    away = settings.model_copy(update={"database_url": "postgresql://nobody:CANARY@127.0.0.1:1/none"})
    code, checks, status = _probe(away)
    assert (code, status) == (503, "not_ready")
    assert "PATCHBAY_DATABASE_URL" in checks["postgresql"]["detail"]
    assert "CANARY" not in str(checks)


def test_with_another_schema_it_is_not_ready(settings: Settings) -> None:
    with create_engine(settings.database_owner_url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    code, checks, status = _probe(settings)
    assert (code, status) == (503, "not_ready")
    assert "at revision 0000" in checks["schema"]["detail"]
    assert "patchbay migrate" in checks["schema"]["detail"]


def test_missing_key_file_is_told_before_the_next_start_fails(settings: Settings) -> None:
    kernel = build_kernel(settings)
    assert settings.key_file
    settings.key_file.unlink()
    with TestClient(create_http_app(kernel), base_url=settings.public_url) as client:
        answer = client.get("/readyz")
    kernel.close()
    assert (answer.status_code, answer.json()["checks"]["key"]["status"]) == (200, "degraded")


@pytest.mark.parametrize(("present", "missing"), [("worker", "scheduler"), ("scheduler", "workers")])
def test_without_somebody_at_work_webhooks_are_still_taken(settings: Settings, present: str, missing: str) -> None:
    code, checks, status = _probe(settings, processes=(present,))
    assert (code, status) == (200, "degraded")
    assert {name for name, check in checks.items() if check["status"] != "ok"} == {missing}
    assert "60 seconds" in checks[missing]["detail"]


def test_a_process_that_fell_silent_does_not_count(settings: Settings) -> None:
    kernel = build_kernel(settings)
    beat(kernel, holder_id=new_id(), process="worker (pid 7 on here)", known_version=0)
    kernel.close()
    with create_engine(settings.database_owner_url).begin() as connection:
        connection.execute(text("UPDATE key_holder SET seen_at = clock_timestamp() - interval '61 seconds'"))
    _, checks, _ = _probe(settings, processes=("scheduler",))
    assert checks["workers"]["status"] == "degraded"
