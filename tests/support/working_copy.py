"""A copy of what a provider lives in, to add providers to and to run the tools on."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_COPIED = (
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

_NOT_COPIED = shutil.ignore_patterns("__pycache__", "test_deadline.py", "test_fuzz.py", "test_reconcile.py")
"""Beside caches: suites that need a database or servers, which the copy does not have."""


def copy_working_tree(root: Path) -> Path:
    """Copy it to ``root`` and return that."""
    for name in _COPIED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=_NOT_COPIED)
        else:
            shutil.copy(ROOT / name, root / name)
    return root


def run_tool(root: Path, *command: str) -> str:
    """Run a Python module in the copy and return what it says; fail with that if it fails."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def check_types(root: Path, *paths: Path) -> None:
    """Let the type checker look at files of the copy."""
    pyright = shutil.which("pyright", path=str(Path(sys.executable).parent))
    assert pyright, "pyright is in the development dependencies"
    done = subprocess.run(
        [pyright, "--pythonpath", sys.executable, *map(str, paths)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
