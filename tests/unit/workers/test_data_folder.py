"""The data folder: one holder, and what it tells the commands beside it."""

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from services.kernel.errors import ConfigurationError
from workers.runtime import data_folder
from workers.runtime.data_folder import RunningProduct

_HOLDER = """
import sys
from pathlib import Path
from workers.runtime import data_folder
with data_folder.hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Generator[subprocess.Popen[str]]:
    """Another process that holds the folder."""
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    yield child
    child.kill()
    child.communicate()


def test_a_second_holder_is_refused_and_told_the_pid_of_the_first(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(ConfigurationError, match=rf"already running .*pid {holder.pid}"), data_folder.hold(tmp_path):
        pass


def test_a_killed_holder_leaves_the_folder_free(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    with data_folder.hold(tmp_path):
        assert (tmp_path / "lock").exists()


def test_the_running_product_is_found_while_the_folder_is_held(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    product = RunningProduct(pid=holder.pid, environment={"PATCHBAY_REDIS_URL": "unix:///a"})
    data_folder.write_running(tmp_path, product)
    assert data_folder.find_running(tmp_path) == product
    assert (tmp_path / "runtime.json").stat().st_mode & 0o777 == 0o600


def test_what_a_killed_product_wrote_down_does_not_count(tmp_path: Path) -> None:
    data_folder.write_running(tmp_path, RunningProduct(pid=1, environment={}))
    assert data_folder.find_running(tmp_path) is None
    assert data_folder.forget_running(tmp_path)
    assert not data_folder.forget_running(tmp_path)


def test_damaged_notes_are_a_clear_error(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    assert holder.poll() is None
    (tmp_path / "runtime.json").write_text("{", encoding="ascii")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        data_folder.find_running(tmp_path)


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    with pytest.raises(ConfigurationError, match="PATCHBAY_DATA_DIR"):
        data_folder.ensure_folder(tmp_path / "file" / "data")
