"""What every route of the sandbox shares."""

from dataclasses import dataclass

from app.sandbox.delivery import Courier
from app.sandbox.state import Store
from services.kernel.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The running sandbox: what it remembers, who delivers for it, and what time it is."""

    store: Store
    courier: Courier
    clock: Clock
    public_url: str
    """Where Patchbay is."""

    def now(self) -> float:
        """Return the time in seconds, as both providers count it."""
        return self.clock.now().timestamp()
