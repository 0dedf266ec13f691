"""The npm package ``emulate``: other people's idea of the providers, against which ours is held.

It is no authority either. What it lets pass although the real service would not is tested against our sandbox.
"""

import json
import os
import signal
import socket
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.peers.npm import NODE, answers, fetch_packages
from tests.support.product import eventually
from workers.runtime import process
from workers.runtime.process import Command

PACKAGE = "emulate@0.12.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulate:
    """Where it listens."""

    slack: str
    twilio: str


@contextmanager
def running_emulate(folder: Path, seed: Mapping[str, object]) -> Generator[Emulate]:
    """Run its Slack and its Twilio on the loopback.

    Args:
        folder: for the seed and the log.
        seed: who is who there, by service.
    """
    with running_services(folder, seed, services=("slack", "twilio")) as found:
        yield Emulate(**found)


@contextmanager
def running_services(
    folder: Path, seed: Mapping[str, object], *, services: Sequence[str]
) -> Generator[Mapping[str, str]]:
    """Run services of it on the loopback, and return where each listens.

    Args:
        folder: for the seed and the log.
        seed: who is who there, by service.
        services: which.
    """
    entry = fetch_packages(PACKAGE) / "emulate" / "dist" / "index.js"
    port = _free_row(len(services))
    seed_file = folder / "emulate.yaml"
    seed_file.write_text(json.dumps(seed), encoding="utf-8")  # JSON is YAML
    log_file = folder / "emulate.log"
    child = process.spawn(
        Command(
            name="emulate",
            argv=(
                *(NODE, str(entry), "start", "--host", "127.0.0.1", "-p", str(port)),
                *("-s", ",".join(services), "--seed", str(seed_file)),
            ),
            cwd=folder,
            env=dict(os.environ),
            log_file=log_file,
        )
    )
    found = {name: f"http://127.0.0.1:{port + index}" for index, name in enumerate(services)}
    try:
        eventually(lambda: child.poll() is not None or all(map(answers, found.values())), what="emulate")
        assert child.poll() is None, f"emulate ended:\n{log_file.read_text(encoding='utf-8', errors='replace')}"
        yield found
    finally:
        process.stop([(child, signal.SIGTERM)], grace_seconds=5)


def _free_row(length: int) -> int:
    """Return a port that is free together with the next ones: services take ports in a row."""
    while True:
        with ExitStack() as row:
            first = row.enter_context(socket.create_server(("127.0.0.1", 0)))
            port = int(first.getsockname()[1])
            try:
                for offset in range(1, length):
                    row.enter_context(socket.create_server(("127.0.0.1", port + offset)))
            except (OSError, OverflowError):
                continue
            return port
