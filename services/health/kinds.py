"""What rules are made of, and what they find. Without effects."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from models import ConnectionStatus
from services.health.facts import Facts


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """Broken now."""
    WARNING = "warning"
    """Will break at a named time."""
    NOTE = "note"
    """As a person wished; neither stored nor told."""


class Act(StrEnum):
    """What repairs a finding; the value is what pages and scripts know it by."""

    RECONNECT = "reconnect"
    TEST = "test"
    OPEN_LOG = "open_log"
    RESUME = "resume"
    ASSIGN_NUMBER = "assign_number"
    CHANGE_LIMIT = "change_limit"


LABELS: Mapping[Act, str] = MappingProxyType(
    {
        Act.RECONNECT: "Connect again",
        Act.TEST: "Test now",
        Act.OPEN_LOG: "Open the log",
        Act.RESUME: "Resume",
        Act.ASSIGN_NUMBER: "Assign a number",
        Act.CHANGE_LIMIT: "Change the limit",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a rule sees."""

    severity: Severity
    what: str
    since: datetime
    stops: str
    worsens_at: datetime | None = None
    act: Act | None = None
    """If another one than the rule's repairs it."""
    anew_since: datetime | None = None
    """When it began to be something that owners are told of even if they know of what was there before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that needs a person."""

    code: str
    severity: Severity
    what: str
    since: datetime
    stops: str
    worsens_at: datetime | None
    act: Act
    anew_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Looks at one thing."""

    code: str
    look: Callable[[Facts], Sight | None]
    act: Act
    judged_in: frozenset[ConnectionStatus]
    """Statuses in which it can tell at all; in others, what it saw before stays as it is."""
    solved: str = ""
    """What to say when it is over; ``{provider}`` is filled in."""
    family: str = ""
    """Codes of one family are the same trouble, better or worse known: one goes over into the other."""
    blocks_sending: bool = False
    """Whether nothing leaves through the connection meanwhile."""

    @property
    def group(self) -> str:
        """Its family, or itself."""
        return self.family or self.code
