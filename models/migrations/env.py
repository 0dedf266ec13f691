"""Alembic's environment: migrations run as the owner of the tables."""

from alembic import context
from sqlalchemy import create_engine, pool

import models

URL_OPTION = "sqlalchemy.url"


def run_migrations() -> None:
    """Run the migrations on the address that the caller set in Alembic's configuration."""
    url = context.config.get_main_option(URL_OPTION)
    if not url:
        raise RuntimeError("No database address: run `patchbay migrate`, which sets it.")
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=models.metadata, compare_type=True)
        with context.begin_transaction():
            context.run_migrations()


run_migrations()
