"""What the page's address asks for."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID

from app import routes
from services.analytics import CHANNEL_NAMES, DEFAULT_SPAN, SPANS


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A span of time, and what is counted alone. All of it lives in the address."""

    span: str = DEFAULT_SPAN
    agent: str = ""
    channel: str = ""

    def path(self) -> str:
        """Return the address."""
        asked = asdict(self) | ({"span": ""} if self.span == DEFAULT_SPAN else {})
        return routes.analytics(**asked)

    def log(self, **asked: str) -> str:
        """Return the address of the log of what is counted here."""
        return routes.deliveries(**asked, agent=self.agent, channel=self.channel)

    @property
    def agent_id(self) -> UUID | None:
        """The only agent that is counted."""
        return UUID(self.agent) if self.agent else None

    @property
    def is_narrowed(self) -> bool:
        """Whether something is left out."""
        return bool(self.agent or self.channel)


def read_look(span: str, agent: str, channel: str) -> Look:
    """Return what an address asks for; what makes no sense in it counts as not said."""
    return Look(
        span=span if span in SPANS else DEFAULT_SPAN,
        agent=_id(agent),
        channel=channel if channel in CHANNEL_NAMES else "",
    )


def between(since: datetime, until: datetime) -> str:
    """Return what narrows a log's address to a time."""
    stamps = {"since": since, "until": until}
    return "&" + urlencode({name: f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for name, at in stamps.items()})


def _id(text: str) -> str:
    try:
        return str(UUID(text)) if text else ""
    except ValueError:
        return ""
