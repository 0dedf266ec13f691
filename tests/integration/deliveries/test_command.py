"""``patchbay deliveries replay``: what scripts read, and a dry run that changes nothing."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from services.kernel.settings import Settings
from tests.integration.deliveries.conftest import Log
from tests.support.logs import restored_logging
from workers.runtime.cli import main


@pytest.fixture(autouse=True)
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Let the command find the test's database, and keep its logging to itself."""
    monkeypatch.setenv("PATCHBAY_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("PATCHBAY_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("PATCHBAY_REDIS_URL", settings.redis_url)
    with restored_logging():
        yield


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Run the command and return what it answered."""
    capsys.readouterr()
    assert main(["deliveries", "replay", "--tenant", "Northwind", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_dry_run_counts_and_replay_repairs(
    log: Log, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dead = log.break_processing(monkeypatch, times=2)
    planned = run(capsys, "--cause", dead[0].cause, "--dry-run")
    assert (planned["dry_run"], planned["matched"], planned["replayed"]) == (True, 2, 2)
    assert len(log.sms(state="dead")) == 2
    done = run(capsys, "--delivery", str(dead[0].id), "--reason", "Repaired.")
    assert (done["dry_run"], done["replayed"]) == (False, 1)
    log.line.queue.wakes.clear()
    log.line.work(with_sweep=True)
    assert [item.id for item in log.sms(state="dead")] == [dead[1].id]
    [(_, detail)] = log.audited("delivery.replayed")
    assert detail["reason"] == "Repaired."


def test_mistakes_are_told_in_words(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        (["--tenant", "Nobody", "--state", "dead"], "There is no company"),
        (["--tenant", "Northwind", "--state", "dead"], "Say why"),
        (["--tenant", "Northwind", "--reason", "x"], "Say which deliveries"),
        (["--tenant", "Northwind", "--delivery", "7"], "--delivery takes an id"),
        (["--tenant", "Northwind", "--since", "soon"], "--since takes a time"),
    ):
        assert main(["deliveries", "replay", *arguments]) == 1
        assert words in capsys.readouterr().err
