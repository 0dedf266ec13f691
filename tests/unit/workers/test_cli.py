"""The console script: what stands in the way is said in one sentence, with the way out."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from workers.runtime import data_folder
from workers.runtime.supervisor import ROOT


def patchbay(*arguments: str, data_dir: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script to its end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PATCHBAY_")}
    return subprocess.run(
        [sys.executable, "-m", "workers.runtime.cli", *arguments],
        cwd=ROOT,
        env={**inherited, "PATCHBAY_DATA_DIR": str(data_dir), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_second_start_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with data_folder.hold(tmp_path):
        result = patchbay("run", data_dir=tmp_path)
    assert result.returncode == 2
    assert f"already running on {tmp_path} (pid {os.getpid()})" in result.stderr


def test_a_taken_port_names_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = patchbay("run", data_dir=tmp_path, PATCHBAY_PORT=str(port))
    assert result.returncode == 2
    assert f"Port {port} on 127.0.0.1 is taken" in result.stderr
    assert "PATCHBAY_PORT=" in result.stderr


def test_a_process_without_addresses_says_what_to_set(tmp_path: Path) -> None:
    result = patchbay("worker", data_dir=tmp_path)
    assert result.returncode == 2
    assert "PATCHBAY_DATABASE_URL" in result.stderr


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    result = patchbay("run", data_dir=tmp_path, PATCHBAY_PORT="many")
    assert result.returncode == 2
    assert "PATCHBAY_PORT" in result.stderr


def test_the_sandbox_is_refused_in_production(tmp_path: Path) -> None:
    result = patchbay("run", data_dir=tmp_path, PATCHBAY_SANDBOX="1", PATCHBAY_ENV="production")
    assert result.returncode == 2
    assert "PATCHBAY_SANDBOX=1 is for trying Patchbay out" in result.stderr


def test_bootstrap_works_on_a_stopped_installation() -> None:
    with TemporaryDirectory(prefix="patchbay-tests-") as folder:
        data_dir = Path(folder)
        assert patchbay("migrate", data_dir=data_dir).returncode == 0
        result = patchbay("bootstrap", "--email", "o@example.com", "--tenant", "Acme", "--json", data_dir=data_dir)
        assert result.returncode == 0, result.stderr
        assert '"api_key"' in result.stdout


@pytest.mark.parametrize("command", ["run", "web", "worker", "scheduler", "sandbox", "migrate", "bootstrap", "doctor"])
def test_every_command_explains_itself(command: str, tmp_path: Path) -> None:
    result = patchbay(command, "--help", data_dir=tmp_path)
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) > 2
