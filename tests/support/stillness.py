"""Waits until a page has come to rest: colours in the middle of a fade are not the ones to judge."""

from playwright.sync_api import Page

_FINISHED = """() => Promise.allSettled(
    document.getAnimations()
        .filter((animation) => animation.effect?.getComputedTiming().iterations !== Infinity)
        .map((animation) => animation.finished)
).then(() => true)"""


def await_stillness(page: Page) -> None:
    """Wait for all animations that end."""
    assert page.evaluate(_FINISHED)
