"""Words and judgements that rules share. Without effects."""

from datetime import datetime, timedelta

from services.health.facts import Facts
from services.health.kinds import Act, Severity, Sight

SETTLED = timedelta(hours=1)
"""How long nothing may have failed, with a success since, until a trouble counts as over."""


def day(at: datetime) -> str:
    """Return a time as it stands in a sentence; the pages show ``worsens_at`` in the viewer's zone."""
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def error(
    what: str, *, since: datetime, stops: str, act: Act | None = None, anew_since: datetime | None = None
) -> Sight:
    """Return what is broken now."""
    return Sight(severity=Severity.ERROR, what=what, since=since, stops=stops, act=act, anew_since=anew_since)


def is_over(now: datetime, *, last_bad: datetime, last_good: datetime | None) -> bool:
    """Return whether a trouble has passed: a success since, and nothing bad for a while."""
    return last_good is not None and last_good > last_bad and now - last_bad >= SETTLED


def who_stops(facts: Facts) -> str:
    """Return who can no longer answer."""
    return f"{_names(facts)} cannot answer" if facts.agents else "Nobody can answer"


def who_misses(facts: Facts) -> str:
    """Return who does not get to know what was sent."""
    return f"{_names(facts)} does not hear of it" if len(facts.agents) == 1 else "no agent hears of it"


def _names(facts: Facts) -> str:
    *most, last = facts.agents
    return f"{', '.join(most)} and {last}" if most else last


def answers_late(facts: Facts) -> str:
    """Return what happens to answers while calls fail."""
    waiting = f" ({count(facts.waiting, 'answer')} wait)" if facts.waiting else ""
    late = f"Answers at {facts.account} are late or do not leave{waiting}."
    if facts.next_call_at is None:
        return late
    if facts.next_call_at <= facts.now:
        return f"{late} The next call is made at once and tells whether it is back."
    return f"{late} The next call is made at {facts.next_call_at:%H:%M:%S} UTC and tells whether it is back."


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def sentence(words: str) -> str:
    """Return words with a full stop."""
    text = words.strip() or "no reason was given"
    return text if text.endswith((".", "!", "?")) else f"{text}."
