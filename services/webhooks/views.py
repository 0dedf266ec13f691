"""What pages and the API see of deliveries. Signatures are not among it, and bodies only where they are asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """One webhook delivery."""

    id: UUID
    connection_id: UUID
    provider: str
    kind: str
    event_type: str
    state: str
    reason: str
    cause: str
    """What its last attempt failed of, as the groups name it; empty if it did not fail."""
    duplicates: int
    """How often the provider sent it again; it was taken once."""
    is_fetched: bool
    """Whether the provider could not deliver it, and we asked for it later."""
    attempt: int
    next_attempt_at: datetime | None
    trace_id: UUID
    received_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTimeView:
    """One of the moments in a delivery's life, in their order."""

    name: str
    """``received``, ``acknowledged``, ``started`` or ``done``."""
    at: datetime | None
    """None: not yet."""
    offset_ms: int
    """Since it was received; 0 if it has not come to that yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttemptView:
    """One attempt that failed."""

    number: int
    at: datetime
    error: str
    code: str
    provider: str
    message: str
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOfDeliveryView:
    """That a person replayed a delivery, and how it stood before."""

    replay_id: UUID
    kind: str
    asked_by: str
    reason: str
    at: datetime
    state_before: str
    reason_before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyView:
    """What a request held."""

    text: str
    size: int
    """In bytes, as it came."""
    content_type: str
    is_whole: bool
    """False: secrets, addresses and numbers are masked, and long texts lose their middle."""
    pruned_at: datetime | None
    """When it was deleted for its age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptionView:
    """One kind of replay of one delivery: whether it is possible, or why not."""

    kind: str
    replayable: int
    may_double: int
    refusal: str
    """Why not, in words; empty if it is possible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDetailView(DeliveryView):
    """One webhook delivery with all that is known of it."""

    connection_name: str
    dedupe_key: str
    """The provider's own id of the request, behind the kind of webhook."""
    times: tuple[DeliveryTimeView, ...]
    attempts: tuple[FailedAttemptView, ...]
    headers: Mapping[str, str]
    """The ones on the allow-list; signatures and other secrets are never kept."""
    body: BodyView
    replays: tuple[ReplayOfDeliveryView, ...]
    options: tuple[ReplayOptionView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryGroupView:
    """Deliveries that failed of the same cause."""

    provider: str
    cause: str
    reason: str
    """In words, from one of them."""
    count: int
    dead: int
    """How many of them wait for a person; the others are tried again by themselves."""
    first_at: datetime
    last_at: datetime
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedView:
    """Requests that were turned away at the door. Nothing of them is kept but their number."""

    connection_id: UUID
    connection_name: str
    provider: str
    reason: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayView:
    """What a replay does, or would do."""

    id: UUID | None
    """None for a dry run: nothing was changed."""
    kind: str
    dry_run: bool
    matched: int
    """Deliveries that are meant."""
    replayed: int
    """Deliveries that are routed again; or answers that are drafted or sent again."""
    may_double: int
    """Answers among those that the contact may have received already; 0 unless they were asked for."""
    left_out: int
    """Answers that may have arrived and were therefore not sent again."""
    remaining: int
    """How many more there are than one replay takes; repeat it for those."""
