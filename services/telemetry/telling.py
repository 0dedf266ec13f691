"""Follows the line and tells a collector, in a thread of the scheduler. Without an address there is neither."""

import threading
from collections.abc import Sequence
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from services.kernel.kernel import Kernel
from services.kernel.log import get_logger
from services.telemetry.following import Follower
from services.telemetry.spans import Span

log = get_logger(__name__)

EVERY_SECONDS = 5.0


class Sender(Protocol):
    """Where spans go."""

    def send(self, spans: Sequence[Span]) -> bool:
        """Send spans; return whether they were taken."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


def start(kernel: Kernel, *, stopping: threading.Event) -> threading.Thread | None:
    """Begin to tell of what comes up from now on, until ``stopping`` is set; None if it is switched off."""
    endpoint = kernel.settings.otel_endpoint
    if not endpoint:
        return None
    from services.telemetry.exporting import Exporter  # nobody pays for it who does not use it

    arguments = (Follower(kernel), Exporter(endpoint), stopping)
    thread = threading.Thread(target=tell, args=arguments, name="telemetry", daemon=True)
    thread.start()
    return thread


def tell(
    follower: Follower, sender: Sender, stopping: threading.Event, *, every_seconds: float = EVERY_SECONDS
) -> None:
    """Read and send until asked to stop, once more then. Nothing that happens here reaches the line."""
    is_taken = True
    is_last = False
    while not is_last:
        is_last = stopping.wait(every_seconds)
        try:
            spans = follower.read()
        except SQLAlchemyError as error:
            log.info("telemetry.rows.not_read", error=type(error).__name__)
            continue
        if not spans:
            continue
        was_taken, is_taken = is_taken, sender.send(spans)
        if was_taken and not is_taken:
            log.warning("telemetry.collector.went_away")
        elif is_taken and not was_taken:
            log.info("telemetry.collector.came_back")
    sender.close()
