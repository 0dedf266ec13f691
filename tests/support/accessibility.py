"""What every page must pass, once it has come to rest: colours in the middle of a fade are not the ones to judge."""

from typing import Any, cast

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

_FINISHED = """() => Promise.allSettled(
    document.getAnimations()
        .filter((animation) => animation.effect?.getComputedTiming().iterations !== Infinity)
        .map((animation) => animation.finished)
).then(() => true)"""


def await_stillness(page: Page) -> None:
    """Wait for all animations that end."""
    assert page.evaluate(_FINISHED)


def check_accessible(page: Page) -> None:
    """Everybody can use the page, and nothing runs off the side."""
    await_stillness(page)
    found = cast("list[dict[str, Any]]", Axe().run(page, options=_RULES).response["violations"])
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
