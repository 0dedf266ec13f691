"""How a connection's state, cause and history are said, on every page the same way; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from services.connections import TransitionView

STATUSES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "active": ("Connected", "ok"),
        "pending": ("Setup unfinished", "soon"),
        "degraded": ("Degraded", "soon"),
        "needs_reauth": ("Reconnect needed", "broken"),
        "paused": ("Paused", "off"),
        "disconnected": ("Disconnected", "off"),
    }
)
"""Status → its word and its colour."""

CAUSES: Mapping[str, str] = MappingProxyType(
    {
        "authorisation": "access refused",
        "permission": "right missing",
        "provider_down": "provider down",
        "rate_limit": "rate limit",
        "configuration": "configuration",
    }
)
"""Cause class → its words; ``none`` has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of a connection's history: what it became, by whom, why, and when."""

    chip: str
    kind: str
    text: str
    at: str


def status_chip(status: str, cause: str = "") -> tuple[str, str]:
    """Return word and colour of a status, with its cause where the status alone does not say it."""
    word, kind = STATUSES.get(status, (status, "off"))
    why = CAUSES.get(cause, "") if status == "degraded" else ""
    return (f"{word}: {why}" if why else word), kind


def cause_words(cause: str) -> str:
    """Return a cause class in words; empty if there is none."""
    return CAUSES.get(cause, "")


def history(transitions: Sequence[TransitionView]) -> tuple[Event, ...]:
    """Return the lines of a connection's history in the order given."""
    return tuple(_event(item) for item in transitions)


def ended_by(transitions: Sequence[TransitionView]) -> TransitionView | None:
    """Return the change that ended a connection, from its history with the latest first."""
    ends = (item for item in transitions if item.to_status == "disconnected" and item.from_status != "disconnected")
    return next(ends, None)


def _event(item: TransitionView) -> Event:
    word, kind = status_chip(item.to_status, item.cause)
    by = f"by {item.actor_label}" if item.actor_label else ""
    says_more = item.reason and item.reason.casefold() != word.casefold()
    return Event(
        chip=word,
        kind=kind,
        text=" · ".join(part for part in (by, item.reason if says_more else "") if part),
        at=item.created_at.isoformat(),
    )
