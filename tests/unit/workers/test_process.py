"""Children: they end with us, in order, and leave their words behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from workers.runtime import process
from workers.runtime.process import Command

_STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
)
_PARENT = """
import sys, time
from pathlib import Path
from workers.runtime import process
child = process.spawn(process.Command(name="c", argv=("sleep", "60"), cwd=Path("/"), env={"PATH": "/usr/bin:/bin"}))
print(child.pid, flush=True)
time.sleep(60)
"""


def command(tmp_path: Path, *argv: str, log_file: Path | None = None) -> Command:
    """A command in the test's folder."""
    return Command(name=argv[0], argv=argv, cwd=tmp_path, env=dict(os.environ), log_file=log_file)


def test_a_child_writes_to_its_log_file_which_only_we_can_read(tmp_path: Path) -> None:
    log_file = tmp_path / "log" / "words.log"
    assert process.spawn(command(tmp_path, "sh", "-c", "echo out; echo err >&2", log_file=log_file)).wait() == 0
    assert log_file.read_text(encoding="ascii") == "out\nerr\n"
    assert log_file.stat().st_mode & 0o077 == 0


def test_children_stop_on_their_signal(tmp_path: Path) -> None:
    children = [process.spawn(command(tmp_path, "sleep", "60")) for _ in range(2)]
    killed = process.stop([(child, signal.SIGINT) for child in children], grace_seconds=5)
    assert killed == []
    assert [child.returncode for child in children] == [-signal.SIGINT] * 2


def test_a_child_that_does_not_stop_is_killed_after_the_grace(tmp_path: Path) -> None:
    log_file = tmp_path / "log"
    child = process.spawn(command(tmp_path, sys.executable, "-c", _STUBBORN, log_file=log_file))
    assert process.wait_until(lambda: "up" in log_file.read_text(encoding="ascii"), timeout_seconds=20)
    assert process.stop([(child, signal.SIGTERM)], grace_seconds=0.1) == [child]
    assert child.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_children_die_with_a_killed_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    assert process.wait_until(
        lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, timeout_seconds=10
    )
