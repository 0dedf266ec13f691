"""What the catalogue shows, computed from the service's view."""

from collections.abc import Mapping
from dataclasses import dataclass

from app import routes
from app.components.words import counted
from services.catalogue import CatalogueEntry, CatalogueView, RuleView

TIERS: Mapping[str, str] = {"bronze": "Bronze", "silver": "Silver", "gold": "Gold"}
_STATUS: Mapping[str, str] = {"done": "Done", "todo": "Missing", "exempt": "Does not apply"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What the address asks for."""

    query: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pill:
    """A category to choose."""

    name: str
    count: str
    path: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A service in the list."""

    slug: str
    name: str
    monogram: str
    logo: str
    category: str
    summary: str
    tier: str
    tier_name: str
    hint: str
    """What is missing for the next tier, counted."""
    connections: str
    is_installed: bool
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A quality rule with its answer."""

    title: str
    note: str
    status: str
    status_name: str
    tier_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """A permission that is asked for, with its reason."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """Everything about one service; ``slug`` is empty if none is open."""

    slug: str = ""
    name: str = ""
    category: str = ""
    summary: str = ""
    connections: str = ""
    tier: str = ""
    tier_name: str = ""
    next_name: str = ""
    reasons: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    capabilities: tuple[str, ...] = ()
    rights: tuple[Right, ...] = ()
    effects: tuple[str, ...] = ()
    missing: str = ""
    guide: str = ""
    """HTML, made safe by the service."""
    docs_url: str = ""


def pills(view: CatalogueView, search: Search) -> list[Pill]:
    """Return the categories, all of them first."""
    found = sum(category.count for category in view.categories)
    choices = [("", "All", found), *((item.slug, item.name, item.count) for item in view.categories)]
    return [
        Pill(
            name=name,
            count=str(count),
            path=routes.catalogue(query=search.query, category=slug),
            is_current=slug == search.category,
        )
        for slug, name, count in choices
    ]


def row(entry: CatalogueEntry, search: Search) -> Row:
    """Return how a service is listed."""
    lacking = counted(len(entry.reasons), "rule")
    return Row(
        slug=entry.slug,
        name=entry.name,
        monogram=entry.name[:1].upper(),
        logo=entry.logo,
        category=entry.category_name,
        summary=entry.summary,
        tier=entry.tier,
        tier_name=TIERS[entry.tier],
        hint=f"{lacking} short of {TIERS[entry.next_tier]}" if entry.next_tier else "Nothing is missing",
        connections=counted(entry.connection_count, "connection").capitalize(),
        is_installed=entry.connection_count > 0,
        path=routes.catalogue(query=search.query, category=search.category, provider=entry.slug),
    )


def detail(entry: CatalogueEntry) -> Detail:
    """Return all there is to say about a service."""
    return Detail(
        slug=entry.slug,
        name=entry.name,
        category=entry.category_name,
        summary=entry.summary,
        connections=counted(entry.connection_count, "connection").capitalize(),
        tier=entry.tier,
        tier_name=TIERS[entry.tier],
        next_name=TIERS.get(entry.next_tier, ""),
        reasons=entry.reasons,
        lines=tuple(_line(rule) for rule in entry.rules),
        capabilities=entry.capabilities,
        rights=tuple(Right(name=scope.name, reason=scope.reason) for scope in entry.scopes),
        effects=entry.disconnect_effects,
        missing="" if entry.can_connect else entry.missing,
        guide=entry.setup_guide,
        docs_url=entry.docs_url,
    )


def _line(rule: RuleView) -> Line:
    return Line(
        title=rule.title,
        note=rule.reason or rule.why,
        status=rule.status,
        status_name=_STATUS[rule.status],
        tier_name=TIERS[rule.tier],
    )
