"""What the catalogue shows."""

from dataclasses import dataclass

from services.connections import ScopeView


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """A quality rule with the provider's answer."""

    title: str
    why: str
    """What the rule is good for."""
    tier: str
    status: str
    """``done``, ``todo`` or ``exempt``."""
    reason: str
    """What is missing, or why the rule does not apply; empty if it is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry:
    """A provider that works."""

    slug: str
    name: str
    category: str
    category_name: str
    summary: str
    capabilities: tuple[str, ...]
    """What it can do, in words."""
    tier: str
    next_tier: str
    """Empty at the top."""
    reasons: tuple[str, ...]
    """What is missing for the next tier."""
    rules: tuple[RuleView, ...]
    scopes: tuple[ScopeView, ...]
    disconnect_effects: tuple[str, ...]
    connection_count: int
    logo: str
    """Address of the drawing; empty if there is none."""
    can_connect: bool
    missing: str
    """What the operator must set before it can be connected."""
    setup_guide: str
    """HTML, safe to show: made from our own ``setup.md`` with raw HTML switched off."""
    docs_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryView:
    """A category with the number of providers in it that fit the search."""

    slug: str
    name: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueView:
    """What fits a search, installed first."""

    entries: tuple[CatalogueEntry, ...]
    categories: tuple[CategoryView, ...]
    """All that hold a provider, whichever is chosen."""
    total: int
    """How many providers there are without any search."""
