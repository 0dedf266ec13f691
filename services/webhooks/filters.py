"""Which deliveries are meant: the same filter lists them, counts them and replays them."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from models import DeliveryState
from services.analytics import OUTCOMES
from services.conversations.reading import CHANNELS
from services.kernel.errors import InvalidInput

UNSENT = "unsent"
"""Pseudo state: whatever became of the delivery, an answer to it did not arrive, or nobody knows."""
STATES = (*(state.value for state in DeliveryState), UNSENT)
_LONGEST = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """What deliveries must have in common; what is empty does not matter."""

    delivery_id: UUID | None = None
    connection_id: UUID | None = None
    state: str = ""
    """One of :data:`STATES`."""
    provider: str = ""
    event_type: str = ""
    """The provider's own name of the event, whole."""
    cause: str = ""
    """What the last attempt failed of, as a group names it; implies ``failed`` or ``dead``."""
    since: datetime | None = None
    """Received at that time or later."""
    until: datetime | None = None
    """Received before that time."""
    search: str = ""
    """A delivery's or trace's id, or the provider's own id of the request."""
    outcome: str = ""
    """What became of the message that it brought, one of :data:`services.analytics.OUTCOMES`."""
    agent_id: UUID | None = None
    """It brought a message for this agent."""
    channel: str = ""
    """It brought a message in ``slack``, ``email``, ``sms`` or ``chat``."""

    @property
    def is_empty(self) -> bool:
        """Whether all deliveries are meant."""
        return not any(asdict(self).values())


def check_filter(given: DeliveryFilter) -> None:
    """Refuse a filter that means nothing.

    Raises:
        InvalidInput: names the field.
    """
    if given.state and given.state not in STATES:
        raise InvalidInput(f"Use one of {', '.join(STATES)}.", field="state")
    if given.outcome and given.outcome not in OUTCOMES:
        raise InvalidInput(f"Use one of {', '.join(OUTCOMES)}.", field="outcome")
    if given.channel not in CHANNELS:
        raise InvalidInput(f"Use one of {', '.join(name for name in CHANNELS if name)}.", field="channel")
    for name in ("since", "until"):
        time: datetime | None = getattr(given, name)
        if time is not None and time.tzinfo is None:
            raise InvalidInput("Say the time zone too, such as 2026-03-01T09:00:00Z.", field=name)
    for name in ("provider", "event_type", "cause", "search"):
        text: str = getattr(given, name)
        if len(text) > _LONGEST or "\x00" in text:
            raise InvalidInput(f"Use at most {_LONGEST} characters.", field=name)
