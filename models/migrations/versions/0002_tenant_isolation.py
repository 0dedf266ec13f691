"""Keep tenants apart in the database itself

Revision: 0002
Revises: 0001
"""

from alembic import op

from models.migrations.isolation import allow_product, create_product_role, protect

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

GLOBAL_TABLES = ("tenant", "user_account", "one_time_link")
TENANT_TABLES = (
    "agent",
    "api_key",
    "connection",
    "connection_check",
    "contact",
    "contact_identity",
    "conversation",
    "credential",
    "data_key",
    "failed_attempt",
    "membership",
    "message",
    "oauth_attempt",
    "opt_out",
    "phone_number",
    "playbook_entry",
    "turn",
    "web_session",
    "webhook_delivery",
    "webhook_endpoint",
    "webhook_refusal",
)


def upgrade() -> None:
    """Create the product's role and put every tenant's table under row-level security."""
    create_product_role()
    for table in GLOBAL_TABLES:
        allow_product(table)
    for table in TENANT_TABLES:
        protect(table)
    protect("audit_entry", append_only=True)
    op.execute("GRANT SELECT ON alembic_version TO patchbay_app")


def downgrade() -> None:
    """Lift row-level security and take the product's rights back; the role stays, others may use it."""
    for table in (*TENANT_TABLES, "audit_entry"):
        op.execute(f"DROP POLICY tenant_isolation ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    for table in (*TENANT_TABLES, *GLOBAL_TABLES, "audit_entry", "alembic_version"):
        op.execute(f"REVOKE ALL ON {table} FROM patchbay_app")
