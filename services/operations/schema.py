"""The schema that this version of the product works with."""

from functools import lru_cache
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

import models


@lru_cache(maxsize=1)
def expected_revision() -> str | None:
    """Return the newest migration that this version of the product brings."""
    config = Config()
    config.set_main_option("script_location", str(Path(models.__file__).parent / "migrations"))
    return ScriptDirectory.from_config(config).get_current_head()
