"""Find messages by their words, newest first

Revision: 0009
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None

_INDEX = "ix_message_search"
_WORDS = "to_tsvector('simple', left(text, 20000)) || array_to_tsvector(ARRAY['@' || tenant_id::text])"


def upgrade() -> None:
    """Index the words of messages together with whose they are, or a small company would read all others' words."""
    op.add_column("message", sa.Column("search", TSVECTOR(), sa.Computed(_WORDS, persisted=True), nullable=True))
    op.create_index(
        _INDEX,
        "message",
        ["search"],
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": "512"},
    )
    _let_row_level_security_use_it()


def downgrade() -> None:
    """Forget the words."""
    op.drop_index(_INDEX, table_name="message")
    op.drop_column("message", "search")


def _let_row_level_security_use_it() -> None:
    """Declare that the operator ``@@`` tells nothing of a row but its result.

    PostgreSQL otherwise asks it only about rows that row-level security let through, one by one, and never the index.
    Takes a superuser; without one searches are right and slower.
    """
    op.execute(
        """
        DO $$
        BEGIN
            ALTER FUNCTION pg_catalog.ts_match_vq(tsvector, tsquery) LEAKPROOF;
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE NOTICE 'search is slow until a superuser marks ts_match_vq(tsvector, tsquery) LEAKPROOF';
        END
        $$
        """
    )
