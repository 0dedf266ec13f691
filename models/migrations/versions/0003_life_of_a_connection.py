"""Life of a connection

Revision: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

from models.migrations.isolation import allow_product, protect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


TENANT_TABLES = (
    "provider_app",
    "connection_transition",
    "health_finding",
    "notice_target",
    "health_notice",
    "key_rotation",
)
RENAMED = {"disabled": "paused", "revoked": "disconnected"}
STATUSES = ("pending", "active", "degraded", "needs_reauth", "paused", "disconnected")
OLD_STATUSES = ("pending", "active", "needs_reauth", "disabled", "revoked")


def upgrade() -> None:
    """Add what a connection's life needs: transitions, expiry, own apps, findings, key states."""
    op.execute("SELECT set_config('patchbay.unscoped', 'migration 0003', true)")
    _rename_statuses(RENAMED, STATUSES)
    op.create_table(
        "key_holder",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("process", sa.String(), nullable=False),
        sa.Column("ring_version", sa.Integer(), nullable=False),
        sa.Column("kek_ids", sa.String(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_holder")),
    )
    op.create_table(
        "key_ring",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_ring")),
    )
    op.execute("INSERT INTO key_ring (id, version) VALUES (1, 0)")
    op.create_table(
        "key_rotation",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("old_key_id", sa.Uuid(), nullable=False),
        sa.Column("new_key_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "added",
                "promoted",
                "reencrypted",
                "retired",
                "done",
                "reverting",
                "reverted",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("ring_version", sa.Integer(), nullable=False),
        sa.Column("rows_total", sa.Integer(), nullable=False),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(), nullable=False),
        sa.Column("started_by", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_step_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_key_rotation_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_key_rotation")),
    )
    op.create_index(
        "ix_key_rotation_due",
        "key_rotation",
        ["next_step_at"],
        unique=False,
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_index(
        "uq_key_rotation_under_way",
        "key_rotation",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('added', 'promoted', 'reencrypted', 'reverting')"),
    )
    op.create_table(
        "provider_app",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("sealed_client_secret", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_signing_secret", sa.LargeBinary(), nullable=True),
        sa.Column("manifest_version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_provider_app_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_provider_app")),
    )
    op.create_index("uq_provider_app_client", "provider_app", ["tenant_id", "provider", "client_id"], unique=True)
    op.create_table(
        "connection_transition",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("from_status", sa.String(), nullable=False),
        sa.Column("to_status", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor_kind", sa.String(), nullable=False),
        sa.Column("actor_label", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["connection.tenant_id", "connection.id"],
            name=op.f("fk_connection_transition_tenant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_connection_transition_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_connection_transition")),
    )
    op.create_index(
        "ix_connection_transition_connection",
        "connection_transition",
        ["tenant_id", "connection_id", "id"],
        unique=False,
    )
    op.create_table(
        "health_finding",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("worsens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("untold_reason", sa.String(), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolution_batch_id", sa.Uuid(), nullable=True),
        sa.Column("resolution_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["connection.tenant_id", "connection.id"],
            name=op.f("fk_health_finding_tenant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_health_finding_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_health_finding")),
    )
    op.create_index(
        "uq_health_finding_open",
        "health_finding",
        ["tenant_id", "connection_id", "code"],
        unique=True,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "notice_target",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["connection.tenant_id", "connection.id"],
            name=op.f("fk_notice_target_tenant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_notice_target_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_notice_target")),
    )
    op.create_index(
        "uq_notice_target_place", "notice_target", ["tenant_id", "connection_id", "channel_id"], unique=True
    )
    op.create_table(
        "health_notice",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("began", "over", "test", name="kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "sending",
                "sent",
                "failed",
                "unknown",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("error_text", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["connection.tenant_id", "connection.id"],
            name=op.f("fk_health_notice_tenant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "target_id"],
            ["notice_target.tenant_id", "notice_target.id"],
            name=op.f("fk_health_notice_tenant_id_target_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_health_notice_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_health_notice")),
    )
    op.create_index("uq_health_notice_batch", "health_notice", ["tenant_id", "batch_id", "target_id"], unique=True)
    op.create_index(
        "ix_health_notice_open",
        "health_notice",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'sending')"),
    )
    op.create_index(
        "ix_webhook_delivery_trouble",
        "webhook_delivery",
        ["tenant_id", "connection_id", "received_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('failed', 'dead')"),
    )
    op.create_index(
        "ix_message_trouble",
        "message",
        ["tenant_id", "connection_id", "created_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('failed', 'unknown')"),
    )
    op.add_column(
        "connection",
        sa.Column(
            "cause",
            sa.Enum(
                "none",
                "authorisation",
                "permission",
                "provider_down",
                "rate_limit",
                "configuration",
                name="cause",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
            server_default="none",
        ),
    )
    op.alter_column("connection", "cause", server_default=None)
    op.add_column("connection", sa.Column("name", sa.String(), nullable=False, server_default=""))
    op.alter_column("connection", "name", server_default=None)
    op.add_column("connection", sa.Column("provider_app_id", sa.Uuid(), nullable=True))
    op.add_column("connection", sa.Column("token_expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("connection", sa.Column("refresh_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("connection", sa.Column("refreshed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("connection", sa.Column("next_check_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("connection", sa.Column("health_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("connection", sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("connection", sa.Column("lease_token", sa.Uuid(), nullable=True))
    op.add_column(
        "connection",
        sa.Column(
            "ending",
            sa.Enum(
                "none",
                "keep_history",
                "delete_history",
                "delete_all",
                name="ending",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
            server_default="none",
        ),
    )
    op.alter_column("connection", "ending", server_default=None)
    op.create_index(
        "ix_connection_ending", "connection", ["id"], unique=False, postgresql_where=sa.text("ending <> 'none'")
    )
    # Spread over the first hour, so that the first checks do not all come at once.
    op.execute(
        "UPDATE connection SET next_check_at = clock_timestamp() + random() * interval '1 hour' WHERE status = 'active'"
    )
    op.create_index("ix_connection_check_due", "connection", ["next_check_at"], unique=False)
    op.create_index("ix_connection_health_due", "connection", ["health_due_at"], unique=False)
    op.create_index(
        "ix_connection_refresh_due",
        "connection",
        ["refresh_due_at"],
        unique=False,
        postgresql_where=sa.text("refresh_due_at IS NOT NULL AND status IN ('active', 'degraded', 'paused')"),
    )
    op.create_foreign_key(
        op.f("fk_connection_tenant_id_provider_app_id"),
        "connection",
        "provider_app",
        ["tenant_id", "provider_app_id"],
        ["tenant_id", "id"],
        ondelete="CASCADE",
    )
    op.add_column(
        "connection_check",
        sa.Column(
            "cause",
            sa.Enum(
                "none",
                "authorisation",
                "permission",
                "provider_down",
                "rate_limit",
                "configuration",
                name="cause",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
            server_default="none",
        ),
    )
    op.alter_column("connection_check", "cause", server_default=None)
    op.alter_column("connection_check", "duration_ms", nullable=True)
    op.add_column(
        "connection_check",
        sa.Column(
            "origin",
            sa.Enum(
                "connect",
                "person",
                "schedule",
                name="origin",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
            server_default="person",
        ),
    )
    op.alter_column("connection_check", "origin", server_default=None)
    op.add_column(
        "data_key",
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "primary",
                "decrypt_only",
                "retired",
                "destroyed",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
            server_default="primary",
        ),
    )
    op.alter_column("data_key", "state", server_default=None)
    op.add_column("data_key", sa.Column("promoted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("data_key", sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("data_key", sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tenant", sa.Column("deletion_started_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE data_key SET state = 'decrypt_only' WHERE NOT is_primary")
    op.drop_column("data_key", "is_primary")
    op.add_column("oauth_attempt", sa.Column("connection_id", sa.Uuid(), nullable=True))
    op.add_column("oauth_attempt", sa.Column("provider_app_id", sa.Uuid(), nullable=True))
    op.add_column("oauth_attempt", sa.Column("is_popup", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column("oauth_attempt", "is_popup", server_default=None)
    op.add_column("oauth_attempt", sa.Column("outcome_message", sa.String(), nullable=False, server_default=""))
    op.alter_column("oauth_attempt", "outcome_message", server_default=None)
    op.create_foreign_key(
        op.f("fk_oauth_attempt_tenant_id_provider_app_id"),
        "oauth_attempt",
        "provider_app",
        ["tenant_id", "provider_app_id"],
        ["tenant_id", "id"],
        ondelete="CASCADE",
    )
    op.create_foreign_key(
        op.f("fk_oauth_attempt_tenant_id_connection_id"),
        "oauth_attempt",
        "connection",
        ["tenant_id", "connection_id"],
        ["tenant_id", "id"],
        ondelete="CASCADE",
    )

    allow_product("key_holder")
    allow_product("key_ring")
    for table in TENANT_TABLES:
        protect(table)


def downgrade() -> None:
    """Take it away again; connections keep the nearest status that the earlier release knows."""
    op.execute("SELECT set_config('patchbay.unscoped', 'migration 0003', true)")
    op.drop_constraint(op.f("fk_oauth_attempt_tenant_id_connection_id"), "oauth_attempt", type_="foreignkey")
    op.drop_constraint(op.f("fk_oauth_attempt_tenant_id_provider_app_id"), "oauth_attempt", type_="foreignkey")
    op.drop_column("oauth_attempt", "outcome_message")
    op.drop_column("oauth_attempt", "is_popup")
    op.drop_column("oauth_attempt", "provider_app_id")
    op.drop_column("oauth_attempt", "connection_id")
    op.add_column("data_key", sa.Column("is_primary", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column("data_key", "is_primary", server_default=None)
    op.execute("UPDATE data_key SET is_primary = true WHERE state = 'primary'")
    op.drop_column("tenant", "deletion_started_at")
    op.drop_column("data_key", "destroyed_at")
    op.drop_column("data_key", "retired_at")
    op.drop_column("data_key", "promoted_at")
    op.drop_column("data_key", "state")
    op.execute("DELETE FROM connection_check WHERE duration_ms IS NULL")
    op.alter_column("connection_check", "duration_ms", nullable=False)
    op.drop_column("connection_check", "origin")
    op.drop_column("connection_check", "cause")
    op.drop_constraint(op.f("fk_connection_tenant_id_provider_app_id"), "connection", type_="foreignkey")
    op.drop_index(
        "ix_connection_refresh_due",
        table_name="connection",
        postgresql_where=sa.text("refresh_due_at IS NOT NULL AND status IN ('active', 'degraded', 'paused')"),
    )
    op.drop_index("ix_connection_health_due", table_name="connection")
    op.drop_index("ix_connection_check_due", table_name="connection")
    op.drop_index("ix_connection_ending", table_name="connection", postgresql_where=sa.text("ending <> 'none'"))
    op.drop_column("connection", "ending")
    op.drop_column("connection", "lease_token")
    op.drop_column("connection", "lease_until")
    op.drop_column("connection", "next_check_at")
    op.drop_column("connection", "refreshed_at")
    op.drop_column("connection", "health_due_at")
    op.drop_column("connection", "refresh_due_at")
    op.drop_column("connection", "token_expires_at")
    op.drop_column("connection", "provider_app_id")
    op.drop_column("connection", "name")
    op.drop_column("connection", "cause")
    op.drop_index(
        "ix_message_trouble", table_name="message", postgresql_where=sa.text("state IN ('failed', 'unknown')")
    )
    op.drop_index(
        "ix_webhook_delivery_trouble",
        table_name="webhook_delivery",
        postgresql_where=sa.text("state IN ('failed', 'dead')"),
    )
    op.drop_index(
        "ix_health_notice_open",
        table_name="health_notice",
        postgresql_where=sa.text("state IN ('queued', 'sending')"),
    )
    op.drop_index("uq_health_notice_batch", table_name="health_notice")
    op.drop_table("health_notice")
    op.drop_index("uq_notice_target_place", table_name="notice_target")
    op.drop_table("notice_target")
    op.drop_index(
        "uq_health_finding_open", table_name="health_finding", postgresql_where=sa.text("resolved_at IS NULL")
    )
    op.drop_table("health_finding")
    op.drop_index("ix_connection_transition_connection", table_name="connection_transition")
    op.drop_table("connection_transition")
    op.drop_index("uq_provider_app_client", table_name="provider_app")
    op.drop_table("provider_app")
    op.drop_index("uq_key_rotation_under_way", table_name="key_rotation")
    op.drop_index("ix_key_rotation_due", table_name="key_rotation")
    op.drop_table("key_rotation")
    op.drop_table("key_ring")
    op.drop_table("key_holder")
    back = {new: old for old, new in RENAMED.items()} | {"degraded": "active"}
    _rename_statuses(back, OLD_STATUSES)


def _rename_statuses(renamed: dict[str, str], allowed: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_connection_status"), "connection", type_="check")
    for old, new in renamed.items():
        op.execute(sa.text("UPDATE connection SET status = :new WHERE status = :old").bindparams(new=new, old=old))
    names = ", ".join(f"'{name}'" for name in allowed)
    op.create_check_constraint(op.f("ck_connection_status"), "connection", f"status IN ({names})")
