"""``patchbay doctor`` on a real installation: it finds what is wrong, and leaves nothing behind."""

import json
import socket
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from app.http.webhooks import create_webhook_app
from services.kernel.kernel import build_kernel
from services.kernel.settings import Settings
from services.operations import Finding, gather, judge
from services.vault import hold_keys
from tests.support.line import running_line, served
from tests.unit.workers.test_cli import patchbay


@pytest.fixture
def running(settings: Settings) -> Generator[Settings]:
    """An installation whose door answers at its public address, with a worker and a scheduler at work."""
    listener = socket.create_server(("127.0.0.1", 0))
    reached = settings.model_copy(update={"public_url": f"http://127.0.0.1:{listener.getsockname()[1]}"})
    kernel = build_kernel(reached)
    at_work = [hold_keys(kernel, process=process) for process in ("worker", "scheduler")]
    with served(create_webhook_app(kernel), listener):
        yield reached
    for holder in at_work:
        holder.stop()
    kernel.close()


def findings(settings: Settings) -> dict[str, Finding]:
    """Return what the doctor says, by name."""
    return {finding.name: finding for finding in judge(gather(settings))}


def troubles(settings: Settings) -> dict[str, str]:
    """Return what is wrong."""
    return {name: found.status for name, found in findings(settings).items() if found.status == "fail"}


def rows(settings: Settings) -> int:
    """Return how many rows the webhook line holds."""
    with create_engine(settings.database_owner_url).connect() as connection:
        statement = "SELECT (SELECT count(*) FROM webhook_delivery) + (SELECT count(*) FROM webhook_refusal)"
        return connection.execute(text(statement)).scalar_one()


def test_a_running_installation_is_well_and_stays_as_it_was(running: Settings) -> None:
    found = findings(running)
    assert {name: item.sentence for name, item in found.items() if item.status == "fail" and name != "disk"} == {}
    assert "signed request was acknowledged, a forged one refused" in found["address"].sentence
    assert "patchbay_app" in found["isolation"].sentence
    assert found["redis_persistence"].status in ("ok", "warn")
    assert rows(running) == 0


def test_another_installation_under_the_address_is_not_taken_for_ours(running: Settings, tmp_path: Path) -> None:
    other = running.model_copy(update={"key_file": tmp_path / "other" / "key", "data_dir": tmp_path / "other"})
    build_kernel(other).close()  # makes its key
    assert "not this installation" in findings(other)["address"].sentence


def test_what_does_not_answer_is_said(running: Settings) -> None:
    away = running.model_copy(
        update={
            "database_url": "postgresql://nobody:CANARY@127.0.0.1:1/none",
            "redis_url": "redis://:CANARY@127.0.0.1:1/0",
            "public_url": "http://127.0.0.1:1",
        }
    )
    found = findings(away)
    assert {"database", "redis", "address"} <= {name for name, item in found.items() if item.status == "fail"}
    assert "CANARY" not in str(found)


def test_a_key_file_that_others_may_read_is_said(running: Settings) -> None:
    assert running.key_file
    running.key_file.chmod(0o644)
    found = findings(running)
    assert found["key"].status == "fail"
    assert "chmod 600" in found["key"].sentence + found["key"].remedy
    assert found["address"].status == "warn"


def test_a_missing_key_is_not_replaced(running: Settings) -> None:
    assert running.key_file
    running.key_file.unlink()
    assert findings(running)["key"].status == "fail"
    assert not running.key_file.exists()


def test_nobody_at_work_is_said(settings: Settings) -> None:
    assert {"worker", "scheduler"} <= set(troubles(settings))


def test_a_schema_that_is_behind_is_said(running: Settings) -> None:
    with create_engine(running.database_owner_url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    assert "patchbay migrate" in findings(running)["schema"].remedy


def test_the_owner_of_the_tables_is_not_whom_to_work_as(running: Settings) -> None:
    facts = gather(running)
    assert facts.database
    assert (facts.database.role, facts.database.owns_tables) == ("patchbay_app", False)
    assert abs(facts.database.skew_seconds) < 60
    owner = replace(facts, database=replace(facts.database, owns_tables=True))
    assert "isolation" in {finding.name for finding in judge(owner) if finding.status == "fail"}


def test_the_command_prints_and_its_code_tells(running: Settings) -> None:
    environment = {
        "PATCHBAY_DATABASE_URL": running.database_url,
        "PATCHBAY_REDIS_URL": running.redis_url,
        "PATCHBAY_PUBLIC_URL": running.public_url,
    }
    well = patchbay("doctor", "--json", data_dir=running.data_dir, **environment)
    checks = json.loads(well.stdout)["checks"]
    failed = [check for check in checks if check["status"] == "fail"]
    assert well.returncode == (1 if failed else 0)
    assert {check["name"] for check in failed} <= {"disk"}
    ill = patchbay("doctor", data_dir=running.data_dir, **environment | {"PATCHBAY_PUBLIC_URL": "http://127.0.0.1:1"})
    assert ill.returncode == 1
    assert "FAIL  address" in ill.stdout
    assert "→" in ill.stdout
    assert ill.stdout.rstrip().endswith("wrong")


def test_providers_that_are_connected_are_asked_for_the_time(settings: Settings, tmp_path: Path) -> None:
    with running_line(settings, tmp_path) as line:
        line.open_shop("Northwind")
        called = len(line.sandbox.ledger().calls)
        found = findings(line.kernel.settings)
        assert [name for name in found if name.startswith("provider:")] == ["provider:slack", "provider:twilio"]
        assert "its clock and this machine's are" in found["provider:slack"].sentence
        assert {found["provider:slack"].status, found["provider:twilio"].status} <= {"ok", "warn"}
        assert found["scopes:slack:own"].status == "ok"
        assert len(line.sandbox.ledger().calls) == called
    away = findings(line.kernel.settings)
    assert "cannot be reached from here" in away["provider:slack"].sentence
    assert away["provider:slack"].remedy
