"""Row-level security for a tenant's table: the second net below the product's own guard."""

from alembic import op

PRODUCT_ROLE = "patchbay_app"


def create_product_role() -> None:
    """Create the role the product works as, unless the operator has; it owns nothing."""
    op.execute(
        f"""
        DO $$
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{PRODUCT_ROLE}') THEN
                CREATE ROLE {PRODUCT_ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS;
            END IF;
            IF current_user <> '{PRODUCT_ROLE}' THEN
                EXECUTE format('GRANT {PRODUCT_ROLE} TO %I', current_user);
            END IF;
        END
        $$
        """
    )
    op.execute(f"GRANT USAGE ON SCHEMA public TO {PRODUCT_ROLE}")


def allow_product(table: str, *, append_only: bool = False) -> None:
    """Let the product read and write a table; of an append-only one it cannot change or delete rows."""
    rights = "SELECT, INSERT" if append_only else "SELECT, INSERT, UPDATE, DELETE"
    op.execute(f"GRANT {rights} ON {table} TO {PRODUCT_ROLE}")


def protect(table: str, *, append_only: bool = False) -> None:
    """Let the product reach only the rows of the tenant that the transaction is for.

    An unset setting reads as an empty string on a pooled connection, hence NULLIF.
    """
    allow_product(table, append_only=append_only)
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"""
        CREATE POLICY tenant_isolation ON {table}
        USING (
            tenant_id = NULLIF(current_setting('patchbay.tenant_id', true), '')::uuid
            OR NULLIF(current_setting('patchbay.unscoped', true), '') IS NOT NULL
        )
        """
    )
