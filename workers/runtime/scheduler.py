"""The scheduler process: one loop that sweeps for work nobody was woken for, and runs errands when it is their turn."""

import signal
import threading
from collections.abc import Callable
from types import FrameType

from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from services import errands, telemetry
from services.kernel.kernel import Kernel, build_kernel
from services.kernel.log import get_logger
from services.kernel.settings import Settings
from services.vault import hold_keys
from services.webhooks import sweep
from workers.runtime.outage import Outage

_LAST_WORDS_SECONDS = 3.0

log = get_logger(__name__)


def run(settings: Settings) -> None:
    """Sweep until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: a database, Redis or key is missing, or the key is not the database's.
    """
    kernel = build_kernel(settings)
    keys = hold_keys(kernel, process="scheduler")
    stopping = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
    telling = telemetry.start(kernel, stopping=stopping)
    log.info("scheduler.started", sweep_seconds=settings.sweep_seconds)
    try:
        loop(kernel, sweep=_sweep, every_seconds=settings.sweep_seconds, stopping=stopping)
    finally:
        if telling:
            telling.join(timeout=_LAST_WORDS_SECONDS)
        keys.stop()
        kernel.close()
        log.info("scheduler.stopped")


def _sweep(kernel: Kernel) -> None:
    sweep.run(kernel)
    errands.run_due(kernel)


def loop(kernel: Kernel, *, sweep: Callable[[Kernel], object], every_seconds: float, stopping: threading.Event) -> None:
    """Sweep, pause, repeat; sweeping twice does no harm. An outage is reported once, and once when it is over."""
    outage = Outage("scheduler.sweep")
    while not stopping.is_set():
        try:
            sweep(kernel)
        except (OperationalError, RedisError, OSError) as error:
            outage.note_down(error)
        except Exception:  # a bug must be seen, but must not end the sweeping: it is what repairs the rest
            log.exception("scheduler.sweep.failed")
        else:
            outage.note_up()
        stopping.wait(every_seconds)
