"""The tier follows from the answers, and from nothing else."""

import pytest

from services.kernel.errors import ConfigurationError
from services.provider_kit import registry
from services.provider_kit.proofs import PROOFS
from services.provider_kit.quality import RULES, Status, Tier, parse_quality, read_quality


def answers(**changed: str) -> str:
    """Return a file in which every rule is done but those named; underscores stand for hyphens."""
    given = {rule.id: '"done"' for rule in RULES} | {name.replace("_", "-"): text for name, text in changed.items()}
    return "\n".join(f"{name} = {text}" for name, text in given.items() if text)


def test_every_rule_says_what_it_is_for_and_can_be_contradicted() -> None:
    assert {rule.id for rule in RULES} == set(PROOFS)
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert [rule.tier for rule in RULES] == sorted((rule.tier for rule in RULES), key=list(Tier).index)
    assert all(rule.why.endswith(".") and not rule.title.endswith(".") for rule in RULES)


def test_nothing_missing_is_gold() -> None:
    quality = parse_quality("acme", answers(token_refresh='{ exempt = "The token never expires." }'))

    assert (quality.tier, quality.next_tier) == (Tier.GOLD, None)
    assert quality.answers["token-refresh"].status is Status.EXEMPT


@pytest.mark.parametrize(
    ("missing", "tier", "next_tier"),
    [
        ("signed_webhooks", Tier.UNRATED, Tier.BRONZE),
        ("retry_after_honoured", Tier.BRONZE, Tier.SILVER),
        ("captured_payloads", Tier.SILVER, Tier.GOLD),
    ],
)
def test_one_missing_rule_holds_the_provider_below_its_tier(missing: str, tier: Tier, next_tier: Tier) -> None:
    quality = parse_quality("acme", answers(**{missing: '{ todo = "Nobody has written it." }'}))

    assert (quality.tier, quality.next_tier) == (tier, next_tier)
    assert [rule.id for rule in quality.missing(next_tier)] == [missing.replace("_", "-")]


def test_a_higher_tier_does_not_make_up_for_a_lower_one() -> None:
    todo = '{ todo = "Nobody has written it." }'
    quality = parse_quality("acme", answers(setup_guide=todo, captured_payloads=todo))

    assert (quality.tier, quality.next_tier) == (Tier.UNRATED, Tier.BRONZE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (answers(own_logo=""), "answer “own-logo”"),
        (answers() + '\nbeauty = "done"', "no rule “beauty”"),
        (answers(own_logo='"yes"'), "“own-logo” is"),
        (answers(own_logo="{ todo = 3 }"), "“own-logo” is"),
        (answers(own_logo='{ todo = "later" }'), "“own-logo” is"),
        (answers(own_logo='{ done = "it really is done" }'), "“own-logo” is"),
        (answers(own_logo='{ todo = "Draw it by hand.", exempt = "Or not at all." }'), "“own-logo” is"),
        ("own-logo = ", "Invalid value"),
    ],
)
def test_an_answer_that_says_nothing_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        parse_quality("acme", text)
    assert str(caught.value).startswith("services/providers/acme/quality.toml")


def test_the_providers_of_the_tree_may_be_shown_to_tenants() -> None:
    for manifest in registry.list_manifests():
        assert read_quality(manifest.slug).tier is not Tier.UNRATED
