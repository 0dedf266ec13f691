"""What became of messages, counted hour by hour, and triggers that name the hours whose rows changed

Revision: 0012
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

from models.migrations.isolation import protect

revision = "0012"
down_revision = "0009"
branch_labels = None
depends_on = None

_TIME_OF = "to_timestamp(('x' || translate(left({id}::text, 13), '-', ''))::bit(48)::bigint / 1000.0)"
"""When an id was made: its first 48 bits are milliseconds (RFC 9562 §5.7)."""
_NOTE = f"""
    INSERT INTO tally_change (tenant_id, id, begins_at)
    SELECT found.tenant_id, gen_random_uuid(), found.begins_at
    FROM (
        SELECT DISTINCT turn.tenant_id, date_trunc('hour', {_TIME_OF.format(id="turn.message_id")}, 'UTC') AS begins_at
        FROM {{rows}}
    ) AS found
    JOIN tally_progress AS progress
        ON progress.tenant_id = found.tenant_id AND found.begins_at < progress.watched_until
    JOIN tenant ON tenant.id = found.tenant_id;
"""  # noqa: S608 (nothing in it comes from outside)
_ANSWERED = "turn.tenant_id = {row}.tenant_id AND turn.trace_id = {row}.trace_id AND turn.reply_id = {row}.id"
_FUNCTIONS = {
    "tally_note_turn": "(SELECT NEW.tenant_id AS tenant_id, NEW.message_id AS message_id) AS turn",
    "tally_note_turns": "gone AS turn",
    "tally_note_answer": f"turn WHERE {_ANSWERED.format(row='NEW')}",
    "tally_note_answers": f"gone JOIN turn ON {_ANSWERED.format(row='gone')}",
}
_IS_OLD = _TIME_OF + " < now() - interval '30 minutes'"
"""Only hours that have been over for one are watched; what is young costs nothing but this look."""
_TURN_DIFFERS = (
    "(OLD.state, OLD.handed_over, OLD.reply_id, OLD.agent_id)"
    " IS DISTINCT FROM (NEW.state, NEW.handed_over, NEW.reply_id, NEW.agent_id)"
)
_ANSWER_DIFFERS = "NEW.direction = 'outbound' AND (OLD.state, OLD.sent_at) IS DISTINCT FROM (NEW.state, NEW.sent_at)"
_EACH, _ALL = "FOR EACH ROW WHEN ({})", "REFERENCING OLD TABLE AS gone FOR EACH STATEMENT"
_TRIGGERS = (
    ("turn", "INSERT", _EACH.format(_IS_OLD.format(id="NEW.message_id")), "tally_note_turn"),
    ("turn", "UPDATE", _EACH.format(f"{_TURN_DIFFERS} AND {_IS_OLD.format(id='NEW.message_id')}"), "tally_note_turn"),
    ("turn", "DELETE", _ALL, "tally_note_turns"),
    (
        "message",
        "UPDATE",
        _EACH.format(f"{_ANSWER_DIFFERS} AND {_IS_OLD.format(id='NEW.trace_id')}"),
        "tally_note_answer",
    ),
    ("message", "DELETE", _ALL, "tally_note_answers"),
)


def upgrade() -> None:
    """Add the tables, empty: everything is read from the rows until the first count."""
    op.create_table(
        "tally",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("channel_kind", sa.String(), nullable=False),
        sa.Column("inbound", sa.Integer(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("handed_over", sa.Integer(), nullable=False),
        sa.Column("took", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "agent_id"],
            ["agent.tenant_id", "agent.id"],
            name=op.f("fk_tally_tenant_id_agent_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_tally_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_tally")),
    )
    op.create_index("ix_tally_hour", "tally", ["tenant_id", "begins_at"], unique=False)
    op.create_table(
        "tally_progress",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("counted_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counted_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("watched_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("watched_from", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_tally_progress_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_tally_progress")),
    )
    op.create_index("uq_tally_progress_tenant", "tally_progress", ["tenant_id"], unique=True)
    op.create_table(
        "tally_change",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_tally_change_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_tally_change")),
    )
    op.create_index("ix_tally_change_hour", "tally_change", ["tenant_id", "begins_at"], unique=False)
    for table in ("tally", "tally_progress", "tally_change"):
        protect(table)
    _watch()


def _watch() -> None:
    """Have changes written down by whoever makes them, with their rights: row-level security binds triggers too.

    The plan of a trigger's statement is kept, perhaps from when a table was nearly empty, hence the settings.
    """
    for name, rows in _FUNCTIONS.items():
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER"
            " SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off"
            f" AS $$ BEGIN {_NOTE.format(rows=rows)} RETURN NULL; END $$"
        )
    for table, operation, of_which, function in _TRIGGERS:
        op.execute(
            f"CREATE TRIGGER tally_{operation.lower()} AFTER {operation} ON {table} {of_which}"
            f" EXECUTE FUNCTION {function}()"
        )


def downgrade() -> None:
    """Take all of it away again."""
    for table, operation, _, _ in _TRIGGERS:
        op.execute(f"DROP TRIGGER tally_{operation.lower()} ON {table}")
    for name in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}()")
    for table in ("tally_change", "tally_progress", "tally"):
        op.drop_table(table)
