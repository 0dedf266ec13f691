"""``patchbay new-provider`` leaves the tree green."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from services.devtools.scaffold import create_provider
from services.kernel.errors import Conflict, InvalidInput

ROOT = Path(__file__).resolve().parents[3]
COPIED = (
    "pyproject.toml",
    "assets/providers",
    "services/__init__.py",
    "services/kernel",
    "services/provider_kit",
    "services/providers",
    "tests/__init__.py",
    "tests/conformance",
    "tests/providers",
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a provider lives in, with two new ones: the shortest name and the longest."""
    root = tmp_path_factory.mktemp("tree")
    for name in COPIED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, root / name)
    create_provider("zz", root=root)
    create_provider("a_" + "long" * 9 + "x", root=root)
    return root


def run(tree: Path, *command: str) -> None:
    """Run a tool in the copy, and show what it says if it fails."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_the_conformance_suite_accepts_it_as_it_is(tree: Path) -> None:
    names = "zz or every_folder_is_a_provider"
    run(tree, "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", "-k", names, "tests")


def test_it_is_formatted_and_linted(tree: Path) -> None:
    run(tree, "ruff", "format", "--check", "--no-cache", "services/providers", "tests/providers")
    run(tree, "ruff", "check", "--no-cache", "services/providers", "tests/providers")


def test_its_types_are_right(tree: Path) -> None:
    pyright = shutil.which("pyright", path=str(Path(sys.executable).parent))
    assert pyright, "pyright is in the development dependencies"
    folders = [str(path) for path in tree.glob("*/providers/*/") if path.name.startswith(("zz", "a_long"))]
    done = subprocess.run(
        [pyright, "--pythonpath", sys.executable, *folders], cwd=tree, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize(
    "slug",
    ["", "x", "Slack", "1st", "a-b", "a b", "../x", "a/b", "a__b", "a_", "class", "é" * 3, "x" * 40, "sandbox", "a\n"],
)
def test_a_name_that_cannot_be_used_everywhere_is_refused(slug: str, tmp_path: Path) -> None:
    (tmp_path / "services" / "providers").mkdir(parents=True)
    with pytest.raises(InvalidInput):
        create_provider(slug, root=tmp_path)
    assert list((tmp_path / "services" / "providers").iterdir()) == []


def test_what_exists_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "services" / "providers").mkdir(parents=True)
    logo = tmp_path / "assets" / "providers" / "discord.svg"
    logo.parent.mkdir(parents=True)
    logo.write_text("mine")

    with pytest.raises(Conflict, match="discord"):
        create_provider("discord", root=tmp_path)
    assert logo.read_text() == "mine"
    assert not (tmp_path / "services" / "providers" / "discord").exists()


def test_it_needs_a_working_copy(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="services/providers"):
        create_provider("discord", root=tmp_path)
