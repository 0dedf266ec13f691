"""Prism, which answers from an API's own description and refuses what does not fit it (422)."""

import os
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from googleapiclient import discovery_cache

from tests.peers.npm import NODE, answers, fetch_packages
from tests.support.product import eventually
from workers.runtime import process
from workers.runtime.process import Command

PRISM = "@stoplight/prism-cli@5.16.0"
CONVERTER = "google-discovery-to-swagger@2.1.0"

_SCRIPT = Path(__file__).with_name("prism.cjs")


@contextmanager
def running_prism(folder: Path) -> Generator[str]:
    """Run it on Google Calendar's discovery document, and return its address.

    Args:
        folder: for the description and the log.
    """
    modules = fetch_packages(PRISM, CONVERTER)
    described = _describe(folder, modules)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    log_file = folder / "prism.log"
    child = process.spawn(
        Command(
            name="prism",
            argv=(
                *(NODE, str(modules / "@stoplight" / "prism-cli" / "dist" / "index.js")),
                *("mock", "-h", "127.0.0.1", "-p", str(port), "--multiprocess", "false", str(described)),
            ),
            cwd=folder,
            env=dict(os.environ),
            log_file=log_file,
        )
    )
    address = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: child.poll() is not None or answers(address), what="prism")
        assert child.poll() is None, f"prism ended:\n{log_file.read_text(encoding='utf-8', errors='replace')}"
        yield address
    finally:
        process.stop([(child, signal.SIGTERM)], grace_seconds=5)


def _describe(folder: Path, modules: Path) -> Path:
    """Convert the document that comes with Google's SDK, from which the SDK builds our requests too."""
    source, described = folder / "discovery.json", folder / "calendar.json"
    source.write_text(discovery_cache.get_static_doc("calendar", "v3") or "", encoding="utf-8")
    converter = modules / "google-discovery-to-swagger"
    subprocess.run([NODE, str(_SCRIPT), str(converter), str(source), str(described)], check=True, timeout=60)
    return described
