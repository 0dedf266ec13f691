"""The faults: what each is, how it is played, and how soon all must be well again."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults import bursts, flows, fuzz, kills, providers, stores
from tests.faults.rig import Rig


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault. Whatever it is, nothing that was accepted is lost, said twice, said to a stranger or out of order."""

    number: str
    name: str
    play: Callable[[Rig], None]
    """Lets it happen, waits for the recovery within its bound, and checks what is special about it."""
    seconds: float
    """From its end until nothing is left to do."""
    is_quick: bool = False
    errors: tuple[str, ...] = ()
    """What may be logged at error level meanwhile."""


FAULTS = (
    Fault(number="F1", name="web killed", play=kills.kill_web, seconds=5, is_quick=True),
    Fault(number="F2", name="worker killed", play=kills.kill_worker, seconds=30, is_quick=True),
    Fault(number="F3", name="everything killed", play=kills.kill_everything, seconds=60),
    Fault(number="F4", name="rolling deploy", play=kills.deploy, seconds=10),
    Fault(number="F5", name="Redis killed", play=stores.restart_redis, seconds=15, is_quick=True),
    Fault(number="F6", name="Redis wiped", play=stores.wipe_redis, seconds=60, is_quick=True),
    Fault(number="F7", name="Redis stands still", play=stores.stop_redis, seconds=20),
    Fault(number="F8", name="inbox locked", play=stores.lock_deliveries, seconds=15, is_quick=True),
    Fault(number="F9", name="PostgreSQL killed", play=kills.restart_database, seconds=15, is_quick=True),
    Fault(number="F11", name="providers busy and failing", play=providers.fail_providers, seconds=60),
    Fault(number="F12", name="providers slow", play=providers.slow_providers, seconds=60),
    Fault(number="F13", name="duplicates", play=flows.double, seconds=30, is_quick=True),
    Fault(number="F14", name="reordering", play=flows.reorder, seconds=30),
    Fault(number="F15", name="clocks that are wrong", play=flows.skew_clocks, seconds=30),
    Fault(number="F16", name="access revoked", play=flows.revoke_access, seconds=10),
    Fault(
        number="F17",
        name="poison",
        play=flows.poison,
        seconds=60,
        is_quick=True,
        errors=("webhooks.delivery.crashed",),
    ),
    Fault(number="F18", name="burst", play=bursts.burst, seconds=300),
    Fault(number="F19", name="fuzzed bodies", play=fuzz.fuzz, seconds=60, is_quick=True),
    Fault(number="F20", name="slow clients", play=bursts.slow_clients, seconds=30),
    Fault(number="F21", name="keys rotated", play=kills.rotate_keys, seconds=60, is_quick=True),
    Fault(number="F24", name="storm", play=flows.storm, seconds=60),
    Fault(number="F25", name="durability", play=stores.prove_durability, seconds=30),
)
"""Played on one running product, in this order."""
