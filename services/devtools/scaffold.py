"""Writes a new provider: a small one that runs, and that the conformance suite accepts as it is."""

import keyword
import re
from importlib import resources
from pathlib import Path

from services.kernel.errors import Conflict, InvalidInput

_SLUG = re.compile(r"[a-z][a-z0-9_]{1,38}")
_RESERVED = frozenset({"admin", "api", "oauth", "patchbay", "public", "sandbox", "shared", "test", "tests"})


def create_provider(slug: str, *, root: Path) -> list[Path]:
    """Write the files of a new provider and return their paths.

    Args:
        slug: names the provider everywhere: folder, address, setting, logo.
        root: the working copy.

    Raises:
        InvalidInput: the slug cannot be a folder, an address and a setting at once, or ``root`` is no working copy.
        Conflict: some of the files exist; nothing was written.
    """
    _check(slug, root)
    files = {root / path: _fill(template, slug) for path, template in _files(slug).items()}
    existing = sorted(str(path.relative_to(root)) for path in files if path.exists())
    if existing:
        raise Conflict(f"“{slug}” exists already ({existing[0]}). Choose another name, or remove it first.")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return sorted(files)


def _check(slug: str, root: Path) -> None:
    if not _SLUG.fullmatch(slug) or keyword.iskeyword(slug) or slug.endswith("_") or "__" in slug:
        raise InvalidInput(
            "A provider's name has 2 to 39 characters: lower case letters, digits and single underscores,"
            " starting with a letter. For example: discord.",
            field="slug",
        )
    if slug in _RESERVED:
        raise InvalidInput(f"“{slug}” is a name that Patchbay uses itself. Choose another one.", field="slug")
    if not (root / "services" / "providers").is_dir():
        raise InvalidInput("Run this in the folder that holds services/providers.", field="root")


def _files(slug: str) -> dict[Path, str]:
    """Return where each template goes."""
    provider, tests = Path("services", "providers", slug), Path("tests", "providers", slug)
    parts = ("__init__.py", "manifest.py", "client.py", "schemas.py", "webhooks.py", "messaging.py")
    return {
        **{provider / name: f"provider/{name}.txt" for name in (*parts, "setup.md", "quality.toml")},
        **{tests / name: f"tests/{name}.txt" for name in ("__init__.py", "wire.py", "test_webhooks.py")},
        tests / "payloads" / "message.created__direct.json": "tests/payload.json.txt",
        Path("assets", "providers", f"{slug}.svg"): "assets/logo.svg.txt",
    }


def _fill(template: str, slug: str) -> str:
    text = resources.files("services.devtools").joinpath("templates", template).read_text(encoding="utf-8")
    # The templates are a provider called Acme, so that they read like one.
    return text.replace("acme", slug).replace("Acme", slug.replace("_", " ").title())
