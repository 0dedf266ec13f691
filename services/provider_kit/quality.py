"""Quality: the rules that a provider answers in ``quality.toml``, and the tier that follows from its answers.

The tier is computed, never written down. ``services.provider_kit.proofs`` contradicts answers that the code does not
bear out, and the conformance suite fails on a contradiction.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import cast

from services.kernel.errors import ConfigurationError
from services.provider_kit import registry


class Tier(StrEnum):
    """How far a provider has come; each tier includes the ones before it."""

    UNRATED = "unrated"
    """Not fit for tenants yet: the catalogue leaves it out."""
    BRONZE = "bronze"
    """It works, safely, and a newcomer can connect it."""
    SILVER = "silver"
    """It keeps working: it survives expiry, repetition, rush hours and the end."""
    GOLD = "gold"
    """It is proven on the provider's own traffic, to the last interrupted message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One promise."""

    id: str
    title: str
    why: str
    """What goes wrong for a tenant without it."""
    tier: Tier


RULES: tuple[Rule, ...] = (
    Rule(
        id="credentials-tested-before-saving",
        title="Credentials are tried before they are saved",
        why="A wrong key shows while you still look at the form, not when the first message stays unanswered.",
        tier=Tier.BRONZE,
    ),
    Rule(
        id="unique-external-account",
        title="The provider says whose account it is",
        why="Messages of two accounts can never be taken for each other's.",
        tier=Tier.BRONZE,
    ),
    Rule(
        id="signed-webhooks",
        title="Unsigned requests are refused",
        why="Nobody else can write to your agent in the provider's name.",
        tier=Tier.BRONZE,
    ),
    Rule(
        id="real-addresses",
        title="Calls go to the provider's documented addresses",
        why="Your keys are sent nowhere else.",
        tier=Tier.BRONZE,
    ),
    Rule(
        id="setup-guide",
        title="The set-up guide is complete",
        why="You connect it without asking anybody: each value and each permission is explained.",
        tier=Tier.BRONZE,
    ),
    Rule(
        id="same-account-on-reauthorization",
        title="Connecting again keeps to the same account",
        why="A renewed connection keeps its history and cannot change hands by accident.",
        tier=Tier.SILVER,
    ),
    Rule(
        id="replay-refused",
        title="A copied request changes nothing",
        why="What was recorded on the way cannot be played to your agent again.",
        tier=Tier.SILVER,
    ),
    Rule(
        id="stable-dedupe-key",
        title="A repeated delivery is recognised",
        why="Providers deliver again when in doubt; a contact still gets one answer.",
        tier=Tier.SILVER,
    ),
    Rule(
        id="retry-after-honoured",
        title="The provider's waiting times are kept",
        why="In a rush answers come later instead of not at all, and the account is not blocked.",
        tier=Tier.SILVER,
    ),
    Rule(
        id="token-refresh",
        title="Expiring access renews itself",
        why="The connection does not end overnight.",
        tier=Tier.SILVER,
    ),
    Rule(
        id="access-revoked",
        title="Disconnecting ends the access there, too",
        why="Nothing that could open your account is left at the provider.",
        tier=Tier.SILVER,
    ),
    Rule(
        id="disconnect-effects-told",
        title="Disconnecting says what it ends",
        why="You know what falls silent, and what stays at the provider, before you choose.",
        tier=Tier.SILVER,
    ),
    Rule(
        id="own-logo",
        title="It has a mark of its own",
        why="You find it in a list at a glance.",
        tier=Tier.SILVER,
    ),
    Rule(
        id="ambiguous-sends-found",
        title="Interrupted messages are looked up",
        why="After a broken connection an answer is neither lost nor sent twice, and nobody has to check by hand.",
        tier=Tier.GOLD,
    ),
    Rule(
        id="captured-payloads",
        title="Tested on the provider's real traffic",
        why="What the provider really sends differs from its documentation; here it has been seen.",
        tier=Tier.GOLD,
    ),
)
"""All rules, by tier."""

_TIERS = (Tier.BRONZE, Tier.SILVER, Tier.GOLD)


class Status(StrEnum):
    """How a provider answers a rule."""

    DONE = "done"
    TODO = "todo"
    EXEMPT = "exempt"


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's answer to one rule; the reason says what is missing, or why the rule does not apply."""

    status: Status
    reason: str = ""

    @property
    def holds(self) -> bool:
        """Whether the rule stands in no tier's way."""
        return self.status is not Status.TODO


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """A provider's answers to all rules."""

    slug: str
    answers: Mapping[str, Answer]

    @property
    def tier(self) -> Tier:
        """The highest tier of which nothing is missing, nor of those before it."""
        reached = Tier.UNRATED
        for tier in _TIERS:
            if self.missing(tier):
                break
            reached = tier
        return reached

    @property
    def next_tier(self) -> Tier | None:
        """The tier that comes next; None at the top."""
        return next((tier for tier in _TIERS if self.missing(tier)), None)

    def missing(self, tier: Tier) -> tuple[Rule, ...]:
        """Return the tier's rules that do not hold yet."""
        return tuple(rule for rule in RULES if rule.tier is tier and not self.answers[rule.id].holds)


@cache
def read_quality(slug: str) -> Quality:
    """Return a provider's answers, from its ``quality.toml``.

    Raises:
        NotFound: there is no such provider.
        ConfigurationError: the file leaves a rule out, or answers in a way that says nothing.
    """
    return parse_quality(slug, registry.read_quality_file(slug))


def parse_quality(slug: str, text: str) -> Quality:
    """Return the answers that a ``quality.toml`` gives.

    Raises:
        ConfigurationError: see :func:`read_quality`.
    """
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(slug, str(error)) from error
    known = [rule.id for rule in RULES]
    if left_out := [name for name in known if name not in given]:
        raise _wrong(slug, f"answer “{left_out[0]}”")
    if unknown := [name for name in given if name not in known]:
        raise _wrong(slug, f"there is no rule “{unknown[0]}”")
    return Quality(slug=slug, answers={name: _read_answer(slug, name, given[name]) for name in known})


def _read_answer(slug: str, rule: str, value: object) -> Answer:
    if value == Status.DONE:
        return Answer(Status.DONE)
    if isinstance(value, dict) and len(cast("dict[str, object]", value)) == 1:
        status, reason = next(iter(cast("dict[str, object]", value).items()))
        if status in (Status.TODO, Status.EXEMPT) and isinstance(reason, str) and len(reason.split()) > 2:
            return Answer(Status(status), reason)
    raise _wrong(slug, f'“{rule}” is "done", {{ todo = "what is missing" }} or {{ exempt = "why it does not apply" }}')


def _wrong(slug: str, what: str) -> ConfigurationError:
    return ConfigurationError(f"services/providers/{slug}/quality.toml: {what}.")
