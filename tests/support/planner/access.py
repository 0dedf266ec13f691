"""How a connection reaches its source: with a token that the source knows."""

from dataclasses import dataclass, field

from services.kernel.errors import NeedsReauth
from services.kernel.secret import Secret
from tests.support.planner.source import Source


@dataclass(frozen=True, slots=True)
class PlannerClient:
    """Calls one account's source with one token."""

    source: Source
    token: Secret = field(repr=False)

    def enter(self, call: str) -> Source:
        """Begin a call.

        Raises:
            NeedsReauth: the token has ended, or was never given.
        """
        self.source.hook(call)
        if not self.source.accepts(self.token.reveal()):
            raise NeedsReauth("Planner does not accept the token.", provider="planner")
        return self.source
