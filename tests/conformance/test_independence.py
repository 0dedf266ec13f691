"""A provider is known by its folder alone: nothing outside of it holds its name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from services.provider_kit import registry

ROOT = Path(__file__).resolve().parents[2]
NAMES = {
    name
    for manifest in registry.list_manifests()
    for name in (manifest.slug, registry.address_of(manifest.slug), *manifest.aliases)
}
NOT_A_PROVIDER = {
    ("services/kernel/log.py", "google"): "the logger of a library",
    ("services/kernel/log.py", "twilio"): "the logger of a library",
    # ChannelKind is our own list of places where people write; a new messenger is a CHAT.
    ("models/limit.py", "slack"): "a group of kinds of channel",
    ("app/pages/agent_settings/limits.py", "slack"): "a group of kinds of channel",
    ("models/migrations/versions/0005_limits.py", "slack"): "a group of kinds of channel",
    ("services/conversations/reading.py", "slack"): "a filter over kinds of channel",
    ("app/pages/conversations/look.py", "slack"): "a filter over kinds of channel",
    ("app/pages/conversations/view.py", "slack"): "the sign of a kind of channel",
}
"""Where a word that is also a provider's name means something else, and what."""


def test_no_code_outside_its_folder_names_a_provider() -> None:
    found = {
        (str(path.relative_to(ROOT)), text)
        for path in _sources(".py")
        for text in _texts(path)
        if text in NAMES or text.startswith("services.providers.")
    }

    assert sorted(found - set(NOT_A_PROVIDER)) == [], (
        "ask the manifest instead; a new fact about providers is a field of it"
    )


def test_no_script_names_a_provider() -> None:
    quoted = re.compile("|".join(rf"""["'`]{re.escape(name)}["'`]""" for name in sorted(NAMES)))
    found = [
        str(path.relative_to(ROOT))
        for suffix in (".js", ".jsx", ".css")
        for path in _sources(suffix)
        if quoted.search(path.read_text(encoding="utf-8"))
    ]

    assert found == []


def test_providers_import_the_kit_the_kernel_s_plain_parts_and_themselves() -> None:
    allowed = re.compile(r"services\.(provider_kit(\.|$)|kernel\.(errors|http|secret|clock)$)")
    found: list[str] = []
    for path in (ROOT / "services" / "providers").rglob("*.py"):
        own = f"services.providers.{path.relative_to(ROOT / 'services' / 'providers').parts[0]}"
        found += [
            f"{path.relative_to(ROOT)}: {module}"
            for module in _imports(path)
            if module.partition(".")[0] in {"app", "models", "services", "workers", "tests"}
            and not (module == own or module.startswith(f"{own}.") or allowed.match(module))
        ]

    assert found == []


def _sources(suffix: str) -> Iterator[Path]:
    for root in ("app", "assets", "models", "services", "workers"):
        for path in sorted((ROOT / root).rglob(f"*{suffix}")):
            parts = path.relative_to(ROOT).parts
            if parts[:2] not in {("services", "providers"), ("app", "sandbox")} and "external" not in parts:
                yield path


def _texts(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
