"""The inbox: endpoints that providers call, what they delivered, and what was refused."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Column, DateTime, Index, LargeBinary, text
from sqlmodel import Field

from models.base import TenantRow, WorkRow, enum_column, json_column, reference, time_column


class WebhookEndpoint(TenantRow, table=True):
    """Our address for one connection."""

    __tablename__ = "webhook_endpoint"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (reference("connection_id", "connection"),)

    connection_id: UUID
    provider: str
    token: str = Field(unique=True)
    """The unguessable part of the address; the request's signature is what proves the sender."""
    created_at: datetime = Field(sa_column=time_column("created_at"))


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    RECEIVED = "received"
    PROCESSING = "processing"
    PROCESSED = "processed"
    IGNORED = "ignored"
    FAILED = "failed"
    """The last attempt failed; another follows."""
    DEAD = "dead"
    """Used up its attempts and waits for a person."""


class WebhookDelivery(WorkRow, table=True):
    """One HTTP request we accepted: a row of the inbox."""

    __tablename__ = "webhook_delivery"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("connection_id", "connection"),
        Index("uq_webhook_delivery_dedupe_key", "tenant_id", "connection_id", "dedupe_key", unique=True),
        Index("ix_webhook_delivery_trace", "tenant_id", "trace_id"),
        Index(
            "ix_webhook_delivery_open",
            "next_attempt_at",
            postgresql_where=text("state IN ('received', 'processing', 'failed')"),
        ),
        Index("ix_webhook_delivery_new", "tenant_id", "id", postgresql_where=text("state = 'received'")),
        Index(
            "ix_webhook_delivery_begun",
            "tenant_id",
            "next_attempt_at",
            postgresql_where=text("state IN ('processing', 'failed')"),
        ),
        Index(
            "ix_webhook_delivery_trouble",
            "tenant_id",
            "connection_id",
            "received_at",
            postgresql_where=text("state IN ('failed', 'dead')"),
        ),
        Index(
            "ix_webhook_delivery_cause",
            "tenant_id",
            "provider",
            "cause",
            "id",
            postgresql_where=text("state IN ('failed', 'dead')"),
        ),
    )

    connection_id: UUID
    provider: str
    kind: str
    event_type: str
    dedupe_key: str
    """The provider's own id of the delivery."""
    headers: dict[str, str] = Field(default_factory=dict, sa_column=json_column("headers"))
    """The ones on the allow-list only."""
    query: str = ""
    body: bytes = Field(sa_column=Column("body", LargeBinary, nullable=False))
    state: DeliveryState = Field(sa_column=enum_column(DeliveryState, "state"))
    reason: str = ""
    """Why it ended in this state, in words."""
    cause: str = ""
    """What the last attempt failed of, as a stable word; empty if it did not fail. The log groups by it."""
    cut_offs: int = 0
    """How many of its attempts were cut off: their worker died, or they hung."""
    duplicates: int = 0
    """How often the provider sent it again."""
    trace_id: UUID
    received_at: datetime = Field(sa_column=time_column("received_at"))
    stored_at: datetime | None = Field(
        default=None,
        sa_column=Column(
            "stored_at", DateTime(timezone=True), server_default=text("clock_timestamp()"), nullable=False
        ),
    )
    """When the database took it; the provider was told "received" right after."""
    started_at: datetime | None = Field(default=None, sa_column=time_column("started_at", nullable=True))
    finished_at: datetime | None = Field(default=None, sa_column=time_column("finished_at", nullable=True))
    pruned_at: datetime | None = Field(default=None, sa_column=time_column("pruned_at", nullable=True))
    """When its content was deleted for its age. The row stays, so that the same request is known if it comes again."""


class WebhookRefusal(TenantRow, table=True):
    """How many requests to an endpoint were refused in an hour, and why. Nothing of the request is kept."""

    __tablename__ = "webhook_refusal"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("connection_id", "connection"),
        Index("uq_webhook_refusal_bucket", "tenant_id", "connection_id", "reason", "hour", unique=True),
    )

    connection_id: UUID
    reason: str
    hour: datetime = Field(sa_column=time_column("hour"))
    count: int
    last_at: datetime = Field(sa_column=time_column("last_at"))


class ReplayKind(StrEnum):
    """What a person has done again with deliveries."""

    PROCESS = "process"
    """Route it again; what took effect stays once."""
    REHEARSE = "rehearse"
    """Let the agent answer again, into a draft that is not sent."""
    SEND = "send"
    """Send answers again that did not arrive."""


class Replay(TenantRow, table=True):
    """One act of replaying, of one delivery or of many."""

    __table_args__ = (
        Index(
            "uq_replay_idempotency_key",
            "tenant_id",
            "idempotency_key",
            unique=True,
            postgresql_where=text("idempotency_key <> ''"),
        ),
    )

    kind: ReplayKind = Field(sa_column=enum_column(ReplayKind, "kind"))
    reason: str
    """Why, in the person's words."""
    asked_by: str
    """Label of the actor."""
    idempotency_key: str = ""
    """The caller's promise that the same key is the same act."""
    fingerprint: str
    """Of what was asked for; the same key with another one is a mistake."""
    matched: int
    replayed: int
    may_double: int
    left_out: int
    remaining: int
    created_at: datetime = Field(sa_column=time_column("created_at"))


class ReplayedDelivery(TenantRow, table=True):
    """That a delivery was part of a replay, and how it stood before."""

    __tablename__ = "replayed_delivery"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("replay_id", "replay"),
        reference("delivery_id", "webhook_delivery"),
        Index("uq_replayed_delivery_once", "tenant_id", "delivery_id", "replay_id", unique=True),
        Index("ix_replayed_delivery_replay", "tenant_id", "replay_id"),
    )

    replay_id: UUID
    delivery_id: UUID
    state: str
    """The delivery's state before."""
    reason: str
    """Why it stood so."""
