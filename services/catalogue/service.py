"""Lists the providers that work, with what speaks for and against each."""

from collections import Counter
from collections.abc import Mapping

from services.catalogue.guide import render_guide
from services.catalogue.views import CatalogueEntry, CatalogueView, CategoryView, RuleView
from services.connections import ProviderCardView, available_providers
from services.kernel.kernel import Kernel
from services.provider_kit.contract import Capability
from services.provider_kit.quality import RULES, Quality, Status, Tier, read_quality
from services.tenants import Actor

CATEGORIES: Mapping[str, str] = {
    "messaging": "Messaging",
    "calendar": "Calendar",
    "email": "E-mail",
    "phone": "Phone",
    "other": "Other",
}
"""Category → its name, in the order shown."""

CAPABILITIES: Mapping[Capability, str] = {
    Capability.WEBHOOKS: "Hears at once when somebody writes",
    Capability.MESSAGING: "Sends your agent's answers",
    Capability.CHANNELS: "Lets you choose which agent answers where",
    Capability.SHARED: "Lets you choose what it answers in each channel",
    Capability.INBOX: "Reads whole letters, with their files",
    Capability.RECONCILE: "Fetches what did not arrive after an outage",
    Capability.DOMAINS: "Shows your domains and the DNS records they need",
    Capability.CALENDAR: "Knows the meetings, and what changes",
    Capability.ACTIONS: "Lets your agent do things, with your approval",
    Capability.DIRECTORY: "Shows people by name",
    Capability.APP_MANIFEST: "Prepares an app of your own for you",
    Capability.REVOKE: "Gives its access back when you disconnect",
}
"""What a provider can do, in words, in the order shown."""


def list_catalogue(kernel: Kernel, *, actor: Actor, query: str = "", category: str = "") -> CatalogueView:
    """Return the providers that fit a search; only those that are fit for tenants (bronze and better).

    Args:
        kernel: the process's seams.
        actor: who asks.
        query: words that must all occur in what the entry says about itself.
        category: only this one; empty for all.

    Raises:
        Forbidden
    """
    cards = [
        card for card in available_providers(kernel, actor=actor) if read_quality(card.slug).tier is not Tier.UNRATED
    ]
    words = query.casefold().split()
    found = [entry for entry in map(_entry, cards) if all(word in _text(entry) for word in words)]
    counts = Counter(entry.category for entry in found)
    return CatalogueView(
        entries=tuple(entry for entry in found if category in ("", entry.category)),
        categories=tuple(
            CategoryView(slug=slug, name=name, count=counts[slug])
            for slug, name in CATEGORIES.items()
            if any(card.category == slug for card in cards)
        ),
        total=len(cards),
    )


def _entry(card: ProviderCardView) -> CatalogueEntry:
    quality = read_quality(card.slug)
    following = quality.next_tier
    return CatalogueEntry(
        slug=card.slug,
        name=card.name,
        category=card.category,
        category_name=CATEGORIES[card.category],
        summary=card.summary,
        capabilities=tuple(words for capability, words in CAPABILITIES.items() if capability in card.capabilities),
        tier=quality.tier.value,
        next_tier=following.value if following else "",
        reasons=tuple(quality.answers[rule.id].reason for rule in quality.missing(following)) if following else (),
        rules=_rules(quality),
        scopes=card.scopes,
        disconnect_effects=card.disconnect_effects,
        connection_count=card.connection_count,
        logo=f"/providers/{card.slug}.svg" if quality.answers["own-logo"].status is Status.DONE else "",
        can_connect=not card.missing,
        missing=card.missing,
        setup_guide=render_guide(card.setup_guide),
        docs_url=card.docs_url,
    )


def _rules(quality: Quality) -> tuple[RuleView, ...]:
    return tuple(
        RuleView(
            title=rule.title,
            why=rule.why,
            tier=rule.tier.value,
            status=quality.answers[rule.id].status.value,
            reason=quality.answers[rule.id].reason,
        )
        for rule in RULES
    )


def _text(entry: CatalogueEntry) -> str:
    return " ".join((entry.name, entry.slug, entry.category_name, entry.summary, *entry.capabilities)).casefold()
