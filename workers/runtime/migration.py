"""Migrations without a command line: Alembic, configured by ``[tool.alembic]`` in ``pyproject.toml``."""

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from services.kernel.errors import ConfigurationError
from services.kernel.settings import Settings
from workers.runtime.supervisor import ROOT


def upgrade(settings: Settings) -> str:
    """Bring the database to the newest revision, as the tables' owner, and return that revision.

    Raises:
        ConfigurationError: no database is set.
    """
    if not settings.database_owner_url:
        raise ConfigurationError("PATCHBAY_DATABASE_URL is not set.")
    config = configuration()
    config.set_main_option("sqlalchemy.url", settings.database_owner_url.replace("%", "%%"))
    command.upgrade(config, "head")
    return ScriptDirectory.from_config(config).get_current_head() or ""


def configuration() -> Config:
    """Return Alembic's configuration, still without a database address."""
    return Config(toml_file=ROOT / "pyproject.toml")
