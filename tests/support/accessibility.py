"""What every page must pass, once it has come to rest: colours in the middle of a fade are not the ones to judge."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

_RULES = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}

_FINISHED = """() => Promise.allSettled(
    document.getAnimations()
        .filter((animation) => animation.effect?.getComputedTiming().iterations !== Infinity)
        .map((animation) => animation.finished)
).then(() => true)"""

# The whole result, with all that was found right, takes longer to bring over than to make.
_VIOLATIONS = """(rules) => axe.run(document, rules).then((result) =>
    result.violations.map((rule) => [rule.id, ...rule.nodes.map((node) => node.html)].join("\\n"))
)"""


def await_stillness(page: Page) -> None:
    """Wait for all animations that end."""
    assert page.evaluate(_FINISHED)


def check_accessible(page: Page) -> None:
    """Everybody can use the page, and nothing runs off the side."""
    await_stillness(page)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    assert page.evaluate(_VIOLATIONS, _RULES) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
