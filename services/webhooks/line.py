"""The steps of the line that workers do, in their order; one job goes on from each to the next."""

from collections.abc import Mapping
from types import MappingProxyType

from services.kernel.db import Wake
from services.kernel.draining import Drain, drain_line
from services.kernel.kernel import Kernel
from services.sending import drain_messages
from services.turns import drain_turns
from services.webhooks.processing import drain_deliveries

STEPS: Mapping[str, Drain] = MappingProxyType(
    {"process_delivery": drain_deliveries, "run_turn": drain_turns, "send_message": drain_messages}
)


def work_along(kernel: Kernel, wake: Wake) -> None:
    """Do what a wake-up of one of the steps stands for, and what comes of it. Doing it twice does no harm."""
    drain_line(kernel, wake, STEPS)
