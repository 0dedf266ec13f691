"""Rules about calendars: are they read, and are we told of changes. Without effects."""

from datetime import timedelta

from services.health.facts import Facts
from services.health.kinds import Severity, Sight
from services.health.wording import error, sentence

FAILURES_SEEN = 3
"""How many attempts in a row fail before it is worth a word."""
STALE = timedelta(hours=6)
"""How old the cached meetings are when that is broken, and no longer about to be."""


def sync_failing(facts: Facts) -> Sight | None:
    """The calendar cannot be read."""
    found = facts.calendar
    if found is None or found.failed_syncs < FAILURES_SEEN:
        return None
    what = f"The calendar at {facts.account} cannot be read: {sentence(found.sync_words)}"
    stops = "Meetings are shown as they were, and the agent may offer times that are taken."
    since = found.synced_at or facts.connected_at
    if found.synced_at is None or facts.now - found.synced_at >= STALE:
        return error(what, since=since, stops=stops)
    return Sight(severity=Severity.WARNING, what=what, since=since, stops=stops, worsens_at=found.synced_at + STALE)


def watch_refused(facts: Facts) -> Sight | None:
    """The provider will not tell us of changes, and never did."""
    found = facts.calendar
    if found is None or found.failed_subscriptions < FAILURES_SEEN:
        return None
    return error(
        f"{facts.provider} does not tell us of changes at {facts.account}: {sentence(found.subscribe_words)}",
        since=facts.connected_at,
        stops="The calendar is read every half hour instead: changes are seen that late.",
    )
