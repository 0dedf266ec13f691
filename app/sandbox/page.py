"""The sandbox's own pages: plain HTML, CSS and a small script from ``static/``."""

from functools import cache
from pathlib import Path
from string import Template

_STATIC = Path(__file__).parent / "static"


def static_folder() -> Path:
    """Return the folder with what browsers load."""
    return _STATIC


def render(name: str, **values: str) -> str:
    """Fill a page's placeholders; values are HTML, escaped by the caller."""
    return _template(name).substitute(values)


@cache
def _template(name: str) -> Template:
    return Template((_STATIC / name).read_text(encoding="utf-8"))
