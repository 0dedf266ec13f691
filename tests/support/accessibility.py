"""What every page must pass, once it has come to rest: colours in the middle of a fade are not the ones to judge."""

import json
import re
from typing import Any, Literal, cast

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

_RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # what passes is only counted, which is much quicker
}
_IS_THERE = "typeof window.axe === 'object'"
_RUN = f"axe.run({json.dumps(_RULES)}).then((found) => found.violations)"

_FINISHED = """() => Promise.allSettled(
    document.getAnimations()
        .filter((animation) => animation.effect?.getComputedTiming().iterations !== Infinity)
        .map((animation) => animation.finished)
).then(() => true)"""


def await_stillness(page: Page) -> None:
    """Wait for all animations that end."""
    assert page.evaluate(_FINISHED)


def choose_scheme(page: Page, scheme: Literal["light", "dark"]) -> None:
    """Let the system prefer light or dark, and wait until the page has followed: its fades begin only then."""
    page.emulate_media(color_scheme=scheme)
    expect(page.locator("html")).to_have_class(re.compile(rf"\b{scheme}\b"))


def check_accessible(page: Page) -> None:
    """Everybody can use the page, and nothing runs off the side."""
    await_stillness(page)
    if not page.evaluate(_IS_THERE):  # it stays until the document is left
        page.evaluate(AXE_SCRIPT)
    found = cast("list[dict[str, Any]]", page.evaluate(_RUN))
    problems = [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found]
    assert not problems, f"{page.url}: {problems}"
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), page.url
