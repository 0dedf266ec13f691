"""One running product for all faults; each begins with empty books."""

import os
import random
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.rig import Rig
from tests.faults.start import running_rig


@pytest.fixture(scope="session")
def seed() -> int:
    """What chance begins with; ``FAULT_SEED`` sets it."""
    return int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(10**9))


@pytest.fixture(scope="session")
def rng(seed: int) -> random.Random:
    """Chance."""
    return random.Random(seed)


@pytest.fixture(scope="session")
def rig(rng: random.Random) -> Generator[Rig]:
    """The running product with its tenants."""
    with TemporaryDirectory(prefix="patchbay-tests-") as folder, running_rig(Path(folder), rng=rng) as running:
        yield running


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how long every recovery took."""
    reports = [
        (report.nodeid.partition("[")[2].rstrip("]"), report.outcome, report.duration, dict(report.user_properties))
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call" and "recoveries" in dict(report.user_properties)
    ]
    if reports:
        terminalreporter.section("recoveries, in seconds")
        for name, outcome, duration, properties in reports:
            taken = properties["recoveries"]
            worst = max(taken, default=0.0)
            terminalreporter.write_line(
                f"{name:<32} {outcome:<8} {duration:6.1f} s  {len(taken):>3} × at most {worst:.1f}"
            )
            for what, words in properties.get("measured", {}).items():
                terminalreporter.write_line(f"{'':<32} {what}: {words}")
