"""The webhook line in a process of its own, beside the pages, can be probed like the whole."""

import os
import socket
import subprocess
import sys
from collections.abc import Generator

import httpx2
import pytest

from app.http.webhooks import PREFIX
from services.kernel.settings import Settings
from tests.support.product import eventually
from workers.runtime.supervisor import ROOT, beside_web


@pytest.fixture
def alone(settings: Settings) -> Generator[str]:
    """The address of ``patchbay web --only webhooks``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    variables = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "DATA_DIR": str(settings.data_dir),
        "WEBHOOKS_PORT": str(port),
    }
    environment = {**os.environ, **{f"PATCHBAY_{name}": value for name, value in variables.items()}}
    argv = [sys.executable, "-m", "workers.runtime.cli", "web", "--only", "webhooks"]
    process = subprocess.Popen(argv, env=environment, cwd=ROOT)
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, "it ended"
        try:
            return httpx2.get(f"{address}/healthz", trust_env=False).status_code == 200
        except httpx2.TransportError:
            return False

    try:
        eventually(answers, what="it answers", seconds=60)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_it_answers_probes_and_webhooks_and_nothing_else(alone: str) -> None:
    with httpx2.Client(base_url=alone, trust_env=False) as client:
        assert client.get("/healthz").text == "ok\n"
        assert client.get("/readyz").status_code == 200
        assert 'patchbay_processes{process="webhooks"} 1.0' in client.get("/metrics").text
        assert client.post(f"{PREFIX}slack/unknown/events").status_code in (404, 415)
        answer = client.get("/login")
    assert (answer.status_code, answer.text) == (404, "This process serves webhooks only.\n")


def test_it_is_started_beside_the_pages_if_it_has_a_port() -> None:
    assert beside_web(Settings(workers=2)) == ["worker-1", "worker-2", "scheduler"]
    assert beside_web(Settings(workers=1, webhooks_port=8002)) == ["webhooks", "worker-1", "scheduler"]
