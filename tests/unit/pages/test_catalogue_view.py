"""What the catalogue's page computes from the service's view."""

from dataclasses import replace

from app import routes
from app.pages.catalogue.view import Pill, Search, detail, pills, row
from services.catalogue import CatalogueEntry, CatalogueView, CategoryView, RuleView

SLACK = CatalogueEntry(
    slug="slack",
    name="Slack",
    category="messaging",
    category_name="Messaging",
    summary="The agent answers.",
    capabilities=("Sends your agent's answers",),
    tier="bronze",
    next_tier="silver",
    reasons=("Nothing renews the token yet.",),
    rules=(
        RuleView(title="Access renews itself", why="It lasts.", tier="silver", status="todo", reason="Not yet."),
        RuleView(title="Unsigned requests are refused", why="It is safe.", tier="bronze", status="done", reason=""),
    ),
    scopes=(),
    disconnect_effects=(),
    connection_count=0,
    logo="",
    can_connect=True,
    missing="PATCHBAY_PROVIDER_APPS has no entry for slack",
    setup_guide="<p>Hello.</p>",
    docs_url="https://docs.slack.dev/",
)


def test_a_card_keeps_the_search_in_its_address_and_falls_back_to_a_monogram() -> None:
    shown = row(SLACK, Search(query="a & b", category="messaging"))

    assert shown.path == f"{routes.CATALOGUE}?q=a+%26+b&category=messaging&provider=slack"
    assert (shown.logo, shown.monogram, shown.is_installed) == ("", "S", False)
    assert (shown.tier_name, shown.hint) == ("Bronze", "1 rule short of Silver")


def test_the_top_lacks_nothing() -> None:
    shown = row(replace(SLACK, tier="gold", next_tier="", reasons=(), connection_count=2), Search())

    assert (shown.tier_name, shown.hint, shown.connections) == ("Gold", "Nothing is missing", "2 connections")


def test_rules_say_what_is_missing_or_what_they_are_good_for() -> None:
    shown = detail(SLACK)

    assert [(line.status_name, line.note) for line in shown.lines] == [("Missing", "Not yet."), ("Done", "It is safe.")]
    assert shown.missing == ""
    assert detail(replace(SLACK, can_connect=False)).missing.startswith("PATCHBAY_PROVIDER_APPS")


def test_categories_keep_the_search_and_show_what_is_chosen() -> None:
    view = CatalogueView(
        entries=(SLACK,), categories=(CategoryView(slug="messaging", name="Messaging", count=1),), total=9
    )

    assert pills(view, Search(query="sl", category="messaging")) == [
        Pill(name="All", count="1", path=f"{routes.CATALOGUE}?q=sl", is_current=False),
        Pill(name="Messaging", count="1", path=f"{routes.CATALOGUE}?q=sl&category=messaging", is_current=True),
    ]
