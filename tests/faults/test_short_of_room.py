"""Where there is no room left: F7 and F10, each on a product of its own. Part of ``make faults`` only."""

import os
import random
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults import stores
from tests.faults.rig import TRIES_EACH, Rig
from tests.faults.start import running_rig
from workers.runtime import process
from workers.runtime.embedded import EmbeddedRedis, await_ready

pytestmark = pytest.mark.skipif(not TRIES_EACH, reason="part of make faults")

_ROOM = "700m"
"""For PostgreSQL's first files and what the product writes into them until the disk is filled."""


def test_redis_is_full(rng: random.Random) -> None:
    with (
        TemporaryDirectory(prefix="patchbay-tests-") as folder,
        TemporaryDirectory(prefix="patchbay-tests-") as aside,
        _small_redis(Path(aside)) as url,
        running_rig(Path(folder), rng=rng, environment={"PATCHBAY_REDIS_URL": url}) as rig,
    ):
        rig.begin()
        stores.fill_redis(rig)
        _judge(rig)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="only root can make a small disk")
def test_disk_is_full(rng: random.Random) -> None:
    with (
        TemporaryDirectory(prefix="patchbay-tests-") as folder,
        _small_disk(Path(folder)) as disk,
        running_rig(disk, rng=rng) as rig,
    ):
        rig.begin()
        stores.fill_disk(rig)
        _judge(rig)


def _judge(rig: Rig) -> None:
    findings = rig.findings()
    assert not findings, f"{len(findings)} findings, the first: {findings[:5]}"


@contextmanager
def _small_redis(folder: Path) -> Generator[str]:
    server = EmbeddedRedis(folder)
    command = server.prepare()
    command = replace(command, argv=(*command.argv, "--maxmemory", "12mb"))
    child = process.spawn(command)
    try:
        await_ready(server, child=child, command=command)
        yield server.url
    finally:
        process.stop([(child, command.stop_signal)], grace_seconds=5)


@contextmanager
def _small_disk(folder: Path) -> Generator[Path]:
    folder.chmod(0o755)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_ROOM},mode=0755", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
