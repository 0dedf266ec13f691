"""A set-up guide becomes HTML that can hold nothing but text."""

import re

import pytest

from services.catalogue.guide import render_guide
from services.catalogue.service import CAPABILITIES, CATEGORIES
from services.provider_kit import registry
from services.provider_kit.contract import Capability


def test_the_title_is_left_to_the_page_and_the_parts_move_below_it() -> None:
    html = render_guide("# Connect Acme\n\nHello.\n\n## Steps\n\n1. Copy the **token**.\n")

    assert "<h1" not in html and "<h2" not in html and "<h3" not in html and "Connect Acme" not in html
    assert "<p>Hello.</p>" in html and "<h4>Steps</h4>" in html and "<strong>token</strong>" in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "[x](javascript:alert(1))",
        "[x](data:text/html,y)",
        "[x](vbscript:y)",
        "<javascript:alert(1)>",
        "![x](https://evil.example/pixel.png)",
        "[x](//evil.example)",
        "[x](/logout)",
        "[x]: javascript:alert(1)\n\n[x]",
    ],
)
def test_nothing_runs_loads_or_leads_away_unseen(text: str) -> None:
    html = render_guide(text)

    assert not re.search(r"<(?:script|img|iframe)|<a [^>]*href", html)


def test_links_open_in_a_tab_of_their_own() -> None:
    html = render_guide("See <https://api.slack.com/apps>.")

    assert '<a href="https://api.slack.com/apps" target="_blank" rel="noopener noreferrer">' in html


def test_every_guide_of_the_tree_can_be_shown() -> None:
    for manifest in registry.list_manifests():
        html = render_guide(registry.read_setup(manifest.slug))
        assert "<h4>What you need</h4>" in html and "<ol>" in html


def test_every_capability_and_category_has_words() -> None:
    assert set(CAPABILITIES) == set(Capability)
    assert {manifest.category for manifest in registry.list_manifests()} <= set(CATEGORIES)
