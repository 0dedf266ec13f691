"""Deliveries in batches: indexes for their claim, and how often they were cut off

Revision: 0007
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLE = "webhook_delivery"
_NEW = sa.text("state = 'received'")
_BEGUN = sa.text("state IN ('processing', 'failed')")


def upgrade() -> None:
    """Find a tenant's due deliveries by index; drop the one that repeats the primary key."""
    op.add_column(_TABLE, sa.Column("cut_offs", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.alter_column(_TABLE, "cut_offs", server_default=None)
    op.create_index("ix_webhook_delivery_new", _TABLE, ["tenant_id", "id"], postgresql_where=_NEW)
    op.create_index("ix_webhook_delivery_begun", _TABLE, ["tenant_id", "next_attempt_at"], postgresql_where=_BEGUN)
    op.drop_index("ix_webhook_delivery_list", table_name=_TABLE)


def downgrade() -> None:
    """Find them as before."""
    op.create_index("ix_webhook_delivery_list", _TABLE, ["tenant_id", "id"])
    op.drop_index("ix_webhook_delivery_begun", table_name=_TABLE, postgresql_where=_BEGUN)
    op.drop_index("ix_webhook_delivery_new", table_name=_TABLE, postgresql_where=_NEW)
    op.drop_column(_TABLE, "cut_offs")
