"""Find messages by their words, newest first

Revision: 0009
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None

_INDEX = "ix_message_search"
_WORDS = (
    "(to_tsvector('simple'::regconfig, \"left\"(text::text, 20000))"
    " || array_to_tsvector(ARRAY['@'::text || tenant_id::text]))"
)


def upgrade() -> None:
    """Index the words of messages together with whose they are, or a small company would read all others' words."""
    op.create_index(
        _INDEX,
        "message",
        [sa.text(_WORDS)],
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": "512"},
    )


def downgrade() -> None:
    """Forget the words."""
    op.drop_index(_INDEX, table_name="message")
