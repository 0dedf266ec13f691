"""What owners see of their keys."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models import DataKeyState, RotationState


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyView:
    """One data key: never the key itself."""

    id: UUID
    state: DataKeyState
    kek_id: str
    """The key-encryption key that wraps it."""
    secret_count: int
    """Sealed values that name it, counted now."""
    created_at: datetime
    promoted_at: datetime | None
    retired_at: datetime | None
    destroyed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationView:
    """The latest rotation and how far it has come."""

    id: UUID
    state: RotationState
    is_under_way: bool
    words: str
    """Where it stands, in a sentence."""
    rows_total: int
    rows_done: int
    rows_left: int
    """Secrets under the key that is being left, counted now."""
    waiting_for: tuple[str, ...]
    """Processes that do not know the new key yet, and why."""
    problem: str
    can_revert: bool
    kept_until: datetime | None
    """When the key that was left is destroyed by itself."""
    started_by: str
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessView:
    """A running process, as far as keys are concerned."""

    name: str
    ring_version: int
    kek_ids: tuple[str, ...]
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningsView:
    """How many of a tenant's secrets were opened, whoever asked for them."""

    within_an_hour: int = 0
    """In the busier one of this hour and the one before."""
    usual: int = 0
    """In an hour of the week before in which any were; 0 if none were."""
    is_unusual: bool = False
    """Whether it is far above the usual."""
    is_known: bool = True
    """False while the counts cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatusView:
    """All there is to know about a tenant's keys."""

    keys: tuple[KeyView, ...]
    """The newest first."""
    secret_count: int
    rotation: RotationView | None
    processes: tuple[ProcessView, ...]
    kek_ids: tuple[str, ...]
    """Key-encryption keys of this process, the one that wraps in front."""
    kek_source: str
    is_due: bool
    """Whether the key has been in use for longer than 90 days."""
    can_start: bool
    openings: OpeningsView = OpeningsView()


@dataclass(frozen=True, slots=True, kw_only=True)
class RewrapView:
    """What came of wrapping all data keys with the key-encryption key in front of the ring."""

    kek_id: str
    rewrapped: int
    left: int
    """Data keys that another key-encryption key still wraps: one that is not configured, if nobody is waited for."""
    waiting_for: tuple[str, ...]
