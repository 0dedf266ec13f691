"""Circuit breaker and holds on connections; open work is found by tenant

Revision: 0008
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None

_TIMES = ("circuit_opened_at", "circuit_next_at", "held_until")
_WITH_DEFAULTS = (
    ("circuit_failures", sa.Integer(), "0"),
    ("circuit_reason", sa.String(), "''"),
    ("holds_sends_only", sa.Boolean(), "false"),
)
_OPEN = (
    ("message", sa.text("state IN ('queued', 'sending')")),
    ("turn", sa.text("state IN ('due', 'running')")),
)


def upgrade() -> None:
    """Add what a connection remembers of calls that its provider did not answer."""
    for name in _TIMES:
        op.add_column("connection", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    for name, kind, default in _WITH_DEFAULTS:
        op.add_column("connection", sa.Column(name, kind, nullable=False, server_default=sa.text(default)))
        op.alter_column("connection", name, server_default=None)
    _index_open(["tenant_id", "next_attempt_at"])


def downgrade() -> None:
    """Take it away again."""
    _index_open(["next_attempt_at"])
    for name in (*_TIMES, *(name for name, _, _ in _WITH_DEFAULTS)):
        op.drop_column("connection", name)


def _index_open(columns: list[str]) -> None:
    for table, is_open in _OPEN:
        op.drop_index(f"ix_{table}_open", table_name=table, postgresql_where=is_open)
        op.create_index(f"ix_{table}_open", table, columns, unique=False, postgresql_where=is_open)
