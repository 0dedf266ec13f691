"""The documents are true: settings, links and listed places."""

import re
from pathlib import Path

import pytest

from services.kernel.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def test_every_setting_is_in_the_guide() -> None:
    guide = (ROOT / "docs" / "guide" / "settings.md").read_text()
    missing = [name for name in Settings.model_fields if f"| `PATCHBAY_{name.upper()}` |" not in guide]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    targets = [target for target in LINK.findall(document.read_text()) if "://" not in target]
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_every_place_that_looks_across_tenants_is_listed_with_its_reason() -> None:
    used = {
        (str(path.relative_to(ROOT)), reason)
        for path in (ROOT / "services").rglob("*.py")
        for reason in re.findall(r'unscoped_(?:session|statement|transaction)\(\s*"([^"]+)"', path.read_text())
    }
    listed = set(
        re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", (ROOT / "docs" / "unscoped.md").read_text(), re.MULTILINE)
    )
    assert used == listed
