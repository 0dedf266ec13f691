"""``patchbay keys``: what scripts read, and a dry run that changes nothing."""

import base64
import json
import os
from collections.abc import Generator
from typing import Any

import pytest

from models import DataKeyState
from services.kernel.kernel import Kernel
from services.kernel.settings import Settings
from tests.integration.connections.scene import dump_database
from tests.integration.vault.safe import new_safe
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


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run a command and return its exit code and what it answered."""
    capsys.readouterr()
    code = main(["keys", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_dry_run_says_what_would_be_and_changes_nothing(kernel: Kernel, capsys: pytest.CaptureFixture[str]) -> None:
    safe = new_safe(kernel)
    before = dump_database(kernel)
    for arguments in (("rotate",), ("rotate", "--kek"), ("revert",)):
        code, answer = run(capsys, *arguments, "--dry-run")
        assert code == 0 and answer["dry_run"] is True
    code, answer = run(capsys, "rotate", "--dry-run")
    assert [plan["secrets"] for plan in answer["tenants"]] == [len(safe.expected)]
    assert dump_database(kernel) == before


def test_rotate_ends_with_nothing_on_the_old_keys(kernel: Kernel, capsys: pytest.CaptureFixture[str]) -> None:
    safes = [new_safe(kernel, name) for name in ("acme", "harbor")]
    code, answer = run(capsys, "rotate")
    assert code == 0
    assert [(found["tenant"], found["left_on_old_key"], found["state"]) for found in answer["tenants"]] == [
        ("acme", 0, "retired"),
        ("harbor", 0, "retired"),
    ]
    for safe in safes:
        assert safe.opened() == safe.expected
        assert safe.rows_by_key() == {safe.rotation().new_key_id: len(safe.expected)}


def test_one_company_by_name_or_id_and_back_and_destroyed(kernel: Kernel, capsys: pytest.CaptureFixture[str]) -> None:
    acme, harbor = new_safe(kernel, "acme"), new_safe(kernel, "harbor")
    assert run(capsys, "rotate", "--tenant", "acme")[0] == 0
    assert len(harbor.keys()) == 1
    code, answer = run(capsys, "revert", "--tenant", str(acme.tenant_id))
    assert (code, answer["tenants"][0]["state"]) == (0, "reverted")
    assert acme.rows_by_key() == {acme.rotation().old_key_id: len(acme.expected)}
    assert main(["keys", "destroy", "--tenant", "acme"]) == 1
    assert run(capsys, "destroy", "--tenant", "acme", "--yes") == (0, {"destroyed": {"acme": 1}})
    assert acme.keys()[acme.rotation().new_key_id].state is DataKeyState.DESTROYED
    assert acme.opened() == acme.expected
    assert main(["keys", "rotate", "--tenant", "nobody"]) == 1


def test_a_rotation_under_way_is_gone_on_with(kernel: Kernel, capsys: pytest.CaptureFixture[str]) -> None:
    safe = new_safe(kernel)
    rotation = safe.start()
    code, answer = run(capsys, "rotate")
    assert (code, answer["tenants"][0]["state"]) == (0, "retired")
    assert safe.rotation().id == rotation.id


def test_status_counts_secrets_by_key_and_shows_no_key(kernel: Kernel, capsys: pytest.CaptureFixture[str]) -> None:
    safe = new_safe(kernel)
    safe.start()
    safe.run()
    code, answer = run(capsys, "status")
    assert code == 0 and answer["kek"]["ids"] == list(kernel.kek.ids)
    company = answer["tenants"][0]
    assert [(key["state"], key["secret_count"]) for key in company["keys"]] == [
        ("primary", len(safe.expected)),
        ("retired", 0),
    ]
    assert company["rotation"]["state"] == "retired" and company["rotation"]["can_revert"] is True
    assert main(["keys", "status"]) == 0
    assert "retired" in capsys.readouterr().out


def test_with_another_key_it_says_which_is_missing(
    kernel: Kernel, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new_safe(kernel)
    monkeypatch.setenv("PATCHBAY_KEY", base64.b64encode(os.urandom(32)).decode())
    assert main(["keys", "status"]) == 2
    assert kernel.kek.id in capsys.readouterr().err


def test_the_key_encryption_key_is_exchanged_by_the_guide(
    kernel: Kernel, settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new_safe(kernel)
    assert settings.key_file is not None
    old, new = settings.key_file.read_text().strip(), base64.b64encode(os.urandom(32)).decode()
    settings.key_file.write_text(f"{new}\n{old}\n")
    code, answer = run(capsys, "rotate", "--kek")
    assert (code, answer["rewrapped"], answer["left"]) == (0, 1, 0)
    settings.key_file.write_text(f"{new}\n")
    assert run(capsys, "status")[1]["tenants"][0]["keys"][0]["kek_id"] == answer["kek_id"]
    monkeypatch.setenv("PATCHBAY_KEY", old)
    assert main(["keys", "status"]) == 2
