"""Calendars, e-mail, channel policies and actions

Revision: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from models.migrations.isolation import protect

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TENANT_TABLES = (
    "action_grant",
    "calendar",
    "channel_listing",
    "channel_policy",
    "email_domain",
    "email_sender",
    "calendar_event",
    "subscription",
    "attachment",
    "email_envelope",
    "action_run",
)


def upgrade() -> None:
    """Add what the calendar, e-mail, shared channels and agents' actions need."""
    op.execute("SELECT set_config('patchbay.unscoped', 'migration 0004', true)")
    op.create_table(
        "action_grant",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column(
            "mode",
            sa.Enum("allowed", "approval", name="mode", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("granted_by", sa.String(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "agent_id"],
            ["agent.tenant_id", "agent.id"],
            name=op.f("fk_action_grant_tenant_id_agent_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["connection.tenant_id", "connection.id"],
            name=op.f("fk_action_grant_tenant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_action_grant_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_action_grant")),
    )
    op.create_index(
        "uq_action_grant_action", "action_grant", ["tenant_id", "agent_id", "connection_id", "action"], unique=True
    )
    op.create_table(
        "calendar",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("cursor", sa.String(), nullable=False),
        sa.Column("cursor_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sync_note", sa.String(), nullable=False),
        sa.Column("subscribe_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("subscribe_attempt", sa.Integer(), nullable=False),
        sa.Column("subscribe_error", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["connection.tenant_id", "connection.id"],
            name=op.f("fk_calendar_tenant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_calendar_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_calendar")),
    )
    op.create_index("ix_calendar_due", "calendar", ["next_attempt_at"], unique=False)
    op.create_index("ix_calendar_subscribe_due", "calendar", ["subscribe_due_at"], unique=False)
    op.create_index("uq_calendar_connection", "calendar", ["tenant_id", "connection_id", "external_id"], unique=True)
    op.create_table(
        "channel_listing",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("cursor", sa.String(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("listed_count", sa.Integer(), nullable=False),
        sa.Column("error_text", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["connection.tenant_id", "connection.id"],
            name=op.f("fk_channel_listing_tenant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_channel_listing_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_channel_listing")),
    )
    op.create_index("ix_channel_listing_due", "channel_listing", ["next_attempt_at"], unique=False)
    op.create_index("uq_channel_listing_connection", "channel_listing", ["tenant_id", "connection_id"], unique=True)
    op.create_table(
        "channel_policy",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("is_private", sa.Boolean(), nullable=False),
        sa.Column("is_member", sa.Boolean(), nullable=False),
        sa.Column("people_count", sa.Integer(), nullable=True),
        sa.Column(
            "mode",
            sa.Enum("all", "mentions", "off", name="mode", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "agent_id"],
            ["agent.tenant_id", "agent.id"],
            name=op.f("fk_channel_policy_tenant_id_agent_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["connection.tenant_id", "connection.id"],
            name=op.f("fk_channel_policy_tenant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_channel_policy_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_channel_policy")),
    )
    op.create_index(
        "ix_channel_policy_name",
        "channel_policy",
        ["tenant_id", "connection_id", sa.literal_column("lower(name)")],
        unique=False,
    )
    op.create_index(
        "uq_channel_policy_external", "channel_policy", ["tenant_id", "connection_id", "external_id"], unique=True
    )
    op.create_table(
        "email_domain",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("can_receive", sa.Boolean(), nullable=False),
        sa.Column("records", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["connection.tenant_id", "connection.id"],
            name=op.f("fk_email_domain_tenant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_email_domain_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_email_domain")),
    )
    op.create_index("uq_email_domain_name", "email_domain", ["tenant_id", "connection_id", "name"], unique=True)
    op.create_table(
        "email_sender",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("reply_to", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "agent_id"],
            ["agent.tenant_id", "agent.id"],
            name=op.f("fk_email_sender_tenant_id_agent_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["connection.tenant_id", "connection.id"],
            name=op.f("fk_email_sender_tenant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_email_sender_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_email_sender")),
    )
    op.create_index("ix_email_sender_agent", "email_sender", ["tenant_id", "agent_id"], unique=False)
    op.create_index("uq_email_sender_address", "email_sender", ["tenant_id", "connection_id", "address"], unique=True)
    op.create_table(
        "calendar_event",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("calendar_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("series_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_all_day", sa.Boolean(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("meet_url", sa.String(), nullable=False),
        sa.Column("conference_type", sa.String(), nullable=False),
        sa.Column("html_url", sa.String(), nullable=False),
        sa.Column("organizer_email", sa.String(), nullable=False),
        sa.Column("attendees", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "confirmed",
                "tentative",
                "cancelled",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("is_agent_invited", sa.Boolean(), nullable=False),
        sa.Column("is_agent_booking", sa.Boolean(), nullable=False),
        sa.Column("etag", sa.String(), nullable=False),
        sa.Column("external_updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "calendar_id"],
            ["calendar.tenant_id", "calendar.id"],
            name=op.f("fk_calendar_event_tenant_id_calendar_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["connection.tenant_id", "connection.id"],
            name=op.f("fk_calendar_event_tenant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_calendar_event_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_calendar_event")),
    )
    op.create_index(
        "ix_calendar_event_connection", "calendar_event", ["tenant_id", "connection_id", "starts_at"], unique=False
    )
    op.create_index("ix_calendar_event_time", "calendar_event", ["tenant_id", "calendar_id", "starts_at"], unique=False)
    op.create_index(
        "uq_calendar_event_external", "calendar_event", ["tenant_id", "calendar_id", "external_id"], unique=True
    )
    op.create_table(
        "subscription",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("calendar_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("external_resource_id", sa.String(), nullable=False),
        sa.Column("sealed_token", sa.LargeBinary(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending", "active", "stopping", name="state", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "calendar_id"],
            ["calendar.tenant_id", "calendar.id"],
            name=op.f("fk_subscription_tenant_id_calendar_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["connection.tenant_id", "connection.id"],
            name=op.f("fk_subscription_tenant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_subscription_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_subscription")),
    )
    op.create_index("ix_subscription_calendar", "subscription", ["tenant_id", "calendar_id"], unique=False)
    op.create_index("uq_subscription_external", "subscription", ["external_id"], unique=True)
    op.create_table(
        "attachment",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("left_out", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "message_id"],
            ["message.tenant_id", "message.id"],
            name=op.f("fk_attachment_tenant_id_message_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_attachment_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_attachment")),
    )
    op.create_index("ix_attachment_message", "attachment", ["tenant_id", "message_id"], unique=False)
    op.create_table(
        "email_envelope",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("internet_message_id", sa.String(), nullable=False),
        sa.Column("sent_as", sa.String(), nullable=False),
        sa.Column("in_reply_to", sa.String(), nullable=False),
        sa.Column("references", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("from_address", sa.String(), nullable=False),
        sa.Column("from_name", sa.String(), nullable=False),
        sa.Column("to", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("cc", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reply_to", sa.String(), nullable=False),
        sa.Column("html", sa.String(), nullable=False),
        sa.Column("original_text", sa.String(), nullable=False),
        sa.Column("thread_reason", sa.String(), nullable=False),
        sa.Column("automatic", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["connection.tenant_id", "connection.id"],
            name=op.f("fk_email_envelope_tenant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "conversation_id"],
            ["conversation.tenant_id", "conversation.id"],
            name=op.f("fk_email_envelope_tenant_id_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "id"],
            ["message.tenant_id", "message.id"],
            name=op.f("fk_email_envelope_tenant_id_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_email_envelope_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_email_envelope")),
    )
    op.create_index("ix_email_envelope_conversation", "email_envelope", ["tenant_id", "conversation_id"], unique=False)
    op.create_index(
        "ix_email_envelope_in_reply_to",
        "email_envelope",
        ["tenant_id", "connection_id", "in_reply_to"],
        unique=False,
        postgresql_where=sa.text("in_reply_to <> ''"),
    )
    op.create_index(
        "ix_email_envelope_sent_as",
        "email_envelope",
        ["tenant_id", "connection_id", "sent_as"],
        unique=False,
        postgresql_where=sa.text("sent_as <> ''"),
    )
    op.create_index(
        "ix_email_envelope_message_id",
        "email_envelope",
        ["tenant_id", "connection_id", "internet_message_id"],
        unique=False,
    )
    op.create_table(
        "action_run",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=True),
        sa.Column("turn_id", sa.Uuid(), nullable=True),
        sa.Column("call_key", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("input", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("output", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("said", sa.String(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "awaiting_approval",
                "queued",
                "running",
                "succeeded",
                "failed",
                "rejected",
                "cancelled",
                "unknown",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_note", sa.String(), nullable=False),
        sa.Column("error_code", sa.String(), nullable=False),
        sa.Column("error_text", sa.String(), nullable=False),
        sa.Column("trace_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "agent_id"],
            ["agent.tenant_id", "agent.id"],
            name=op.f("fk_action_run_tenant_id_agent_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["connection.tenant_id", "connection.id"],
            name=op.f("fk_action_run_tenant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "conversation_id"],
            ["conversation.tenant_id", "conversation.id"],
            name=op.f("fk_action_run_tenant_id_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "turn_id"],
            ["turn.tenant_id", "turn.id"],
            name=op.f("fk_action_run_tenant_id_turn_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_action_run_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_action_run")),
    )
    op.create_index("ix_action_run_agent", "action_run", ["tenant_id", "agent_id", "id"], unique=False)
    op.create_index("ix_action_run_conversation", "action_run", ["tenant_id", "conversation_id", "id"], unique=False)
    op.create_index(
        "ix_action_run_open",
        "action_run",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('awaiting_approval', 'queued', 'running')"),
    )
    op.create_index("ix_action_run_trace", "action_run", ["tenant_id", "trace_id"], unique=False)
    op.create_index(
        "ix_action_run_waiting",
        "action_run",
        ["tenant_id", "agent_id"],
        unique=False,
        postgresql_where=sa.text("state = 'awaiting_approval'"),
    )
    op.create_index("uq_action_run_call", "action_run", ["tenant_id", "turn_id", "call_key"], unique=True)
    op.add_column("conversation", sa.Column("subject", sa.String(), nullable=False, server_default=sa.text("''")))
    op.alter_column("conversation", "subject", server_default=None)
    op.create_index(
        "ix_conversation_channel", "conversation", ["tenant_id", "connection_id", "channel_id"], unique=False
    )
    op.add_column("message", sa.Column("idempotency_key", sa.String(), nullable=False, server_default=sa.text("''")))
    op.alter_column("message", "idempotency_key", server_default=None)
    op.create_index(
        "uq_message_idempotency_key",
        "message",
        ["tenant_id", "conversation_id", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key <> ''"),
    )
    op.add_column("tenant", sa.Column("time_zone", sa.String(), nullable=False, server_default=sa.text("'UTC'")))
    op.alter_column("tenant", "time_zone", server_default=None)
    for table in TENANT_TABLES:
        protect(table)


def downgrade() -> None:
    """Take it away again."""
    op.execute("SELECT set_config('patchbay.unscoped', 'migration 0004', true)")
    op.drop_column("tenant", "time_zone")
    op.drop_index("uq_message_idempotency_key", table_name="message", postgresql_where=sa.text("idempotency_key <> ''"))
    op.drop_column("message", "idempotency_key")
    op.drop_index("ix_conversation_channel", table_name="conversation")
    op.drop_column("conversation", "subject")
    op.drop_index("uq_action_run_call", table_name="action_run")
    op.drop_index(
        "ix_action_run_waiting", table_name="action_run", postgresql_where=sa.text("state = 'awaiting_approval'")
    )
    op.drop_index("ix_action_run_trace", table_name="action_run")
    op.drop_index(
        "ix_action_run_open",
        table_name="action_run",
        postgresql_where=sa.text("state IN ('awaiting_approval', 'queued', 'running')"),
    )
    op.drop_index("ix_action_run_conversation", table_name="action_run")
    op.drop_index("ix_action_run_agent", table_name="action_run")
    op.drop_table("action_run")
    op.drop_index("ix_email_envelope_message_id", table_name="email_envelope")
    op.drop_index("ix_email_envelope_sent_as", table_name="email_envelope", postgresql_where=sa.text("sent_as <> ''"))
    op.drop_index(
        "ix_email_envelope_in_reply_to", table_name="email_envelope", postgresql_where=sa.text("in_reply_to <> ''")
    )
    op.drop_index("ix_email_envelope_conversation", table_name="email_envelope")
    op.drop_table("email_envelope")
    op.drop_index("ix_attachment_message", table_name="attachment")
    op.drop_table("attachment")
    op.drop_index("uq_subscription_external", table_name="subscription")
    op.drop_index("ix_subscription_calendar", table_name="subscription")
    op.drop_table("subscription")
    op.drop_index("uq_calendar_event_external", table_name="calendar_event")
    op.drop_index("ix_calendar_event_time", table_name="calendar_event")
    op.drop_index("ix_calendar_event_connection", table_name="calendar_event")
    op.drop_table("calendar_event")
    op.drop_index("uq_email_sender_address", table_name="email_sender")
    op.drop_index("ix_email_sender_agent", table_name="email_sender")
    op.drop_table("email_sender")
    op.drop_index("uq_email_domain_name", table_name="email_domain")
    op.drop_table("email_domain")
    op.drop_index("uq_channel_policy_external", table_name="channel_policy")
    op.drop_index("ix_channel_policy_name", table_name="channel_policy")
    op.drop_table("channel_policy")
    op.drop_index("uq_channel_listing_connection", table_name="channel_listing")
    op.drop_index("ix_channel_listing_due", table_name="channel_listing")
    op.drop_table("channel_listing")
    op.drop_index("uq_calendar_connection", table_name="calendar")
    op.drop_index("ix_calendar_subscribe_due", table_name="calendar")
    op.drop_index("ix_calendar_due", table_name="calendar")
    op.drop_table("calendar")
    op.drop_index("uq_action_grant_action", table_name="action_grant")
    op.drop_table("action_grant")
