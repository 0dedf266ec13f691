"""Delivery log: causes, replays, rehearsals, retention

Revision: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from models.migrations.isolation import protect

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TENANT_TABLES = ("rehearsal", "replay", "replayed_delivery")
_TROUBLE = sa.text("state IN ('failed', 'dead')")
_OPEN = sa.text("state IN ('due', 'running')")
_KEYED = sa.text("idempotency_key <> ''")


def upgrade() -> None:
    """Add what the delivery log groups by, what replaying leaves behind, and how far pruning has come."""
    op.execute("SELECT set_config('patchbay.unscoped', 'migration 0006', true)")
    _create_rehearsal()
    _create_replay()
    for table, column in (("failed_attempt", "code"), ("failed_attempt", "provider"), ("webhook_delivery", "cause")):
        op.add_column(table, sa.Column(column, sa.String(), nullable=False, server_default=sa.text("''")))
        op.alter_column(table, column, server_default=None)
    op.add_column("message", sa.Column("resends", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.alter_column("message", "resends", server_default=None)
    op.add_column("tenant", sa.Column("deliveries_pruned_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("webhook_delivery", sa.Column("pruned_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("webhook_delivery", sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE webhook_delivery SET stored_at = received_at")
    op.alter_column("webhook_delivery", "stored_at", nullable=False, server_default=sa.text("clock_timestamp()"))
    op.execute(
        """
        UPDATE webhook_delivery SET cause = last.error
        FROM (
            SELECT DISTINCT ON (tenant_id, subject_id) tenant_id, subject_id, error
            FROM failed_attempt WHERE subject = 'delivery'
            ORDER BY tenant_id, subject_id, id DESC
        ) AS last
        WHERE last.tenant_id = webhook_delivery.tenant_id AND last.subject_id = webhook_delivery.id
            AND webhook_delivery.state IN ('failed', 'dead')
        """
    )
    op.create_index(
        "ix_webhook_delivery_cause",
        "webhook_delivery",
        ["tenant_id", "provider", "cause", "id"],
        unique=False,
        postgresql_where=_TROUBLE,
    )
    for table in TENANT_TABLES:
        protect(table)


def downgrade() -> None:
    """Take it away again."""
    op.execute("SELECT set_config('patchbay.unscoped', 'migration 0006', true)")
    op.drop_index("ix_webhook_delivery_cause", table_name="webhook_delivery", postgresql_where=_TROUBLE)
    for column in ("stored_at", "pruned_at", "cause"):
        op.drop_column("webhook_delivery", column)
    op.drop_column("tenant", "deliveries_pruned_until")
    op.drop_column("message", "resends")
    op.drop_column("failed_attempt", "provider")
    op.drop_column("failed_attempt", "code")
    for table in reversed(TENANT_TABLES):
        op.drop_table(table)


def _create_rehearsal() -> None:
    op.create_table(
        "rehearsal",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("turn_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "due", "running", "done", "dead", name="state", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("actions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("would_hand_over", sa.Boolean(), nullable=False),
        sa.Column("runner", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("trace_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "turn_id"],
            ["turn.tenant_id", "turn.id"],
            name=op.f("fk_rehearsal_tenant_id_turn_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_rehearsal_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_rehearsal")),
    )
    op.create_index("ix_rehearsal_due", "rehearsal", ["next_attempt_at"], unique=False, postgresql_where=_OPEN)
    op.create_index("ix_rehearsal_trace", "rehearsal", ["tenant_id", "trace_id"], unique=False)
    op.create_index("uq_rehearsal_open", "rehearsal", ["tenant_id", "turn_id"], unique=True, postgresql_where=_OPEN)


def _create_replay() -> None:
    op.create_table(
        "replay",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("process", "rehearse", "send", name="kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("replayed", sa.Integer(), nullable=False),
        sa.Column("may_double", sa.Integer(), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("remaining", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_replay_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_replay")),
    )
    op.create_index(
        "uq_replay_idempotency_key", "replay", ["tenant_id", "idempotency_key"], unique=True, postgresql_where=_KEYED
    )
    op.create_table(
        "replayed_delivery",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("replay_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "delivery_id"],
            ["webhook_delivery.tenant_id", "webhook_delivery.id"],
            name=op.f("fk_replayed_delivery_tenant_id_delivery_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "replay_id"],
            ["replay.tenant_id", "replay.id"],
            name=op.f("fk_replayed_delivery_tenant_id_replay_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_replayed_delivery_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_replayed_delivery")),
    )
    op.create_index("ix_replayed_delivery_replay", "replayed_delivery", ["tenant_id", "replay_id"], unique=False)
    op.create_index(
        "uq_replayed_delivery_once", "replayed_delivery", ["tenant_id", "delivery_id", "replay_id"], unique=True
    )
