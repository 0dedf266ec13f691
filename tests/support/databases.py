"""One migrated template per run; each test gets its own copy of it."""

from collections.abc import Generator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, make_url, text

from services.kernel.ids import new_id

TEMPLATE = "patchbay_template"


def url_of(url: str, database: str) -> str:
    """Return the same server's address with another database."""
    return make_url(url).set(database=database).render_as_string(hide_password=False)


def alembic_config(owner_url: str) -> Config:
    """Return Alembic's configuration for a database."""
    config = Config(toml_file="pyproject.toml")
    config.set_main_option("script_location", "models/migrations")
    config.set_main_option("sqlalchemy.url", owner_url.replace("%", "%%"))
    return config


def create_template(owner_url: str) -> None:
    """Create the template and run all migrations in it."""
    with _admin(owner_url).connect() as connection:
        connection.execute(text(f"CREATE DATABASE {TEMPLATE}"))
    command.upgrade(alembic_config(url_of(owner_url, TEMPLATE)), "head")


@contextmanager
def copied_database(owner_url: str) -> Generator[str]:
    """Yield the name of a fresh copy of the template, dropped afterwards."""
    name = f"test_{new_id().hex}"
    admin = _admin(owner_url)
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
    try:
        yield name
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


def _admin(owner_url: str) -> Engine:
    return create_engine(owner_url, isolation_level="AUTOCOMMIT")
