"""Analytics: which messages led to a hand-over, and answers to be counted without their texts

Revision: 0011
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0008"
branch_labels = None
depends_on = None

_OUTBOUND = sa.text("direction = 'outbound'")


def upgrade() -> None:
    """Add the mark on turns, as far as rows still tell of it, and the index that answers are counted by."""
    op.execute("SELECT set_config('patchbay.unscoped', 'migration 0011', true)")
    op.add_column("turn", sa.Column("handed_over", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column("turn", "handed_over", server_default=None)
    op.execute("UPDATE turn SET handed_over = true WHERE state = 'dead'")
    op.execute(
        """
        UPDATE turn SET handed_over = true
        FROM conversation
        WHERE conversation.tenant_id = turn.tenant_id AND conversation.id = turn.conversation_id
            AND conversation.state = 'waiting' AND conversation.state_changed_at = turn.finished_at
        """
    )
    op.create_index(
        "ix_message_answer",
        "message",
        ["tenant_id", "id"],
        unique=False,
        postgresql_include=["state", "sent_at"],
        postgresql_where=_OUTBOUND,
    )


def downgrade() -> None:
    """Take both away again."""
    op.drop_index("ix_message_answer", table_name="message", postgresql_where=_OUTBOUND)
    op.drop_column("turn", "handed_over")
