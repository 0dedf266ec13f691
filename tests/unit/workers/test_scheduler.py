"""The scheduler's loop: it goes on whatever a sweep does, and says an outage once."""

import logging
import threading
from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError

from services.kernel.kernel import Kernel
from workers.runtime import scheduler


def sweeps(*outcomes: Exception | None, stopping: threading.Event) -> Callable[[Kernel], None]:
    """A sweep with these outcomes, after which the loop is told to stop."""
    left = list(outcomes)

    def sweep(_kernel: Kernel) -> None:
        outcome = left.pop(0)
        if not left:
            stopping.set()
        if outcome is not None:
            raise outcome

    return sweep


def test_an_outage_is_reported_once_and_once_when_it_is_over(kernel: Kernel, caplog: pytest.LogCaptureFixture) -> None:
    stopping = threading.Event()
    away = OperationalError("SELECT 1", {}, Exception("gone"))
    with caplog.at_level(logging.INFO, logger="workers"):
        scheduler.loop(
            kernel, sweep=sweeps(away, away, away, None, None, stopping=stopping), every_seconds=0, stopping=stopping
        )
    text = caplog.text
    assert text.count("scheduler.sweep.went_away") == 1
    assert text.count("scheduler.sweep.came_back") == 1


@pytest.mark.expects_error_logs
def test_a_bug_in_a_sweep_is_shown_and_does_not_end_the_sweeping(
    kernel: Kernel, caplog: pytest.LogCaptureFixture
) -> None:
    stopping = threading.Event()
    scheduler.loop(kernel, sweep=sweeps(KeyError("bug"), None, stopping=stopping), every_seconds=0, stopping=stopping)
    assert "scheduler.sweep.failed" in caplog.text
    assert stopping.is_set()
