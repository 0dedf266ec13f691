"""How much agents may send and do

Revision: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

from models.migrations.isolation import protect

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TENANT_TABLES = ("agent_limit", "limit_alarm")
COUNTED_TABLES = ("message", "action_run")


def _choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def _group() -> sa.Enum:
    return _choice("channel_group", "slack", "email", "sms", "chat", "actions", "all")


def _excess() -> sa.Enum:
    return _choice("excess", "wait", "hand_over", "drop")


def upgrade() -> None:
    """Add limits, alarms about them, and when a message or an action was counted."""
    op.execute("SELECT set_config('patchbay.unscoped', 'migration 0005', true)")
    op.create_table(
        "agent_limit",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("channel_group", _group(), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=True),
        sa.Column("per_hour", sa.Integer(), nullable=True),
        sa.Column("per_day", sa.Integer(), nullable=True),
        sa.Column("excess", _excess(), nullable=False),
        sa.Column("updated_by", sa.String(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "agent_id"],
            ["agent.tenant_id", "agent.id"],
            name=op.f("fk_agent_limit_tenant_id_agent_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_agent_limit_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_agent_limit")),
    )
    op.create_index(
        "uq_agent_limit_group",
        "agent_limit",
        ["tenant_id", "agent_id", "channel_group"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "limit_alarm",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("channel_group", _group(), nullable=False),
        sa.Column("span", _choice("span", "minute", "hour", "day"), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("excess", _excess(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resets_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "agent_id"],
            ["agent.tenant_id", "agent.id"],
            name=op.f("fk_limit_alarm_tenant_id_agent_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["connection.tenant_id", "connection.id"],
            name=op.f("fk_limit_alarm_tenant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_limit_alarm_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_limit_alarm")),
    )
    op.create_index(
        "uq_limit_alarm_window",
        "limit_alarm",
        ["tenant_id", "agent_id", "channel_group", "span"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_index("ix_limit_alarm_connection", "limit_alarm", ["tenant_id", "connection_id"], unique=False)
    for table in COUNTED_TABLES:
        op.add_column(table, sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True))
        op.create_index(
            f"ix_{table}_counted",
            table,
            ["tenant_id", "counted_at"],
            unique=False,
            postgresql_where=sa.text("counted_at IS NOT NULL"),
        )
    for table in TENANT_TABLES:
        protect(table)


def downgrade() -> None:
    """Take it away again."""
    op.execute("SELECT set_config('patchbay.unscoped', 'migration 0005', true)")
    for table in COUNTED_TABLES:
        op.drop_index(f"ix_{table}_counted", table_name=table, postgresql_where=sa.text("counted_at IS NOT NULL"))
        op.drop_column(table, "counted_at")
    op.drop_index("ix_limit_alarm_connection", table_name="limit_alarm")
    op.drop_index("uq_limit_alarm_window", table_name="limit_alarm", postgresql_nulls_not_distinct=True)
    op.drop_table("limit_alarm")
    op.drop_index("uq_agent_limit_group", table_name="agent_limit", postgresql_nulls_not_distinct=True)
    op.drop_table("agent_limit")
