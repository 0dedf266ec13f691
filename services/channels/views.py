"""What the pages and the API show of shared channels."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelView:
    """One channel, and what the agent does there."""

    id: UUID
    external_id: str
    name: str
    is_private: bool
    is_member: bool
    """Whether the agent is in the channel; it hears nothing elsewhere."""
    people_count: int | None
    mode: str
    """``all``, ``mentions``, ``off``; empty: as the default says."""
    effective_mode: str
    agent_id: UUID | None
    """None: as the default says."""
    agent_name: str
    """Who answers there, by the default too; empty if nobody does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultView:
    """What holds in channels without a rule of their own."""

    mode: str
    agent_id: UUID | None
    """None: the connection's agent."""
    agent_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingView:
    """How far the provider's list is read."""

    is_running: bool
    count: int
    finished_at: datetime | None
    """When it was last read to its end."""
    error_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPage:
    """Some of a connection's channels, by name; ``next_cursor`` is empty on the last page."""

    default: DefaultView
    listing: ListingView
    channels: tuple[ChannelView, ...]
    total: int
    """How many there are for this search."""
    next_cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardView:
    """A channel for the card: the agent is in it."""

    connection_id: UUID
    name: str
    mode: str
    agent_name: str
