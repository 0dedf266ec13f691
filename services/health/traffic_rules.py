"""Rules about what flows: webhooks, deliveries, answers, numbers. Without effects."""

from collections.abc import Mapping
from datetime import timedelta
from statistics import median
from types import MappingProxyType

from services.health.facts import Facts
from services.health.kinds import Act, Severity, Sight
from services.health.wording import count, error, is_over, sentence, who_misses

REFUSALS_SEEN = 3
"""Refused requests a day that are not chance."""
SENDS_SEEN = 3
SENDS_RATE = 0.1
RETRIES_SEEN = timedelta(minutes=10)
"""How old a failing delivery is before it is worth a word; the first attempts follow quickly."""
SILENCE = timedelta(days=3)
SILENCE_IS_ERROR = timedelta(days=7)
USUAL_AT_LEAST = 1.0
DAYS_AT_LEAST = 3
"""How many days make something usual."""


def no_signing(facts: Facts) -> Sight | None:
    """Nothing is there to check signatures with, so everything is refused."""
    if facts.can_check_webhooks:
        return None
    return error(
        f"There is no secret to check with that messages really come from {facts.provider}.",
        since=facts.connected_at,
        stops=f"Everything {facts.provider} sends is refused; {who_misses(facts)}.",
    )


_REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "missing_signature": "they carry no signature",
        "bad_signature": "their signature does not fit the secret we hold",
        "stale": "they are too old, or the clocks differ",
        "no_secret": "there is no secret to check them with",
        "other_account": "they are about another account",
    }
)
_SECRET_REASONS = frozenset({"bad_signature", "no_secret"})


def webhooks_refused(facts: Facts) -> Sight | None:
    """Webhooks are refused: unsigned, forged, or a secret that no longer fits."""
    refused = sum(item.count for item in facts.refusals)
    if not facts.can_check_webhooks or refused < REFUSALS_SEEN:
        return None
    last_at = max(item.last_at for item in facts.refusals)
    if is_over(facts.now, last_bad=last_at, last_good=facts.last_event_at):
        return None
    main = max(facts.refusals, key=lambda item: item.count)
    rate = round(100 * refused / (refused + facts.accepted))
    return error(
        f"{refused} of {refused + facts.accepted} requests from {facts.provider} were refused within a day"
        f" ({max(rate, 1)} %): {_REFUSED.get(main.reason, main.reason.replace('_', ' '))}.",
        since=min(item.first_at for item in facts.refusals),
        stops=f"What they said is lost; {who_misses(facts)}." if not facts.accepted else "What they said is lost.",
        act=Act.RECONNECT if main.reason in _SECRET_REASONS else Act.OPEN_LOG,
    )


def deliveries_failing(facts: Facts) -> Sight | None:
    """Accepted webhooks could not be given their effects."""
    found = facts.deliveries
    if found.dead and found.dead_since:
        return error(
            f"{count(found.dead, 'delivery', 'deliveries')} from {facts.provider} used up all attempts within a day.",
            since=found.dead_since,
            stops="What they said has no effect until somebody looks at it.",
        )
    if found.failing and found.failing_since and facts.now - found.failing_since >= RETRIES_SEEN:
        return Sight(
            severity=Severity.WARNING,
            what=f"{count(found.failing, 'delivery', 'deliveries')} from {facts.provider} failed and will be retried.",
            since=found.failing_since,
            stops="What they said has no effect yet; after the last attempt it waits for a person.",
            worsens_at=found.next_attempt_at,
        )
    return None


def sends_failing(facts: Facts) -> Sight | None:
    """Answers do not leave."""
    found = facts.sends
    if found.failed < SENDS_SEEN or found.failed < SENDS_RATE * found.tried or not (found.first_at and found.last_at):
        return None
    if is_over(facts.now, last_bad=found.last_at, last_good=found.last_sent_at):
        return None
    return error(
        f"{found.failed} of {found.tried} answers could not be sent within a day: {sentence(found.words)}",
        since=found.first_at,
        stops=f"People at {facts.account} do not get these answers.",
    )


def silence(facts: Facts) -> Sight | None:
    """Nothing came for days although something comes every day."""
    since = facts.last_event_at
    if since is None or len(facts.events_per_day) < DAYS_AT_LEAST or facts.now - since < SILENCE:
        return None
    usual = median(facts.events_per_day)
    if usual < USUAL_AT_LEAST:
        return None
    error_at = since + SILENCE_IS_ERROR
    is_error = error_at <= facts.now
    return Sight(
        severity=Severity.ERROR if is_error else Severity.WARNING,
        what=f"No event for {count((facts.now - since).days, 'day')}, usual is {usual:g} a day.",
        since=since,
        stops=f"If {facts.provider} no longer reaches us, {who_misses(facts)}.",
        worsens_at=None if is_error else error_at,
    )


def no_number(facts: Facts) -> Sight | None:
    """No agent answers on any number."""
    if facts.numbers is None or facts.assigned_numbers:
        return None
    what = "No number has an agent." if facts.numbers else f"The account at {facts.provider} has no number."
    return error(what, since=facts.connected_at, stops=f"Nobody answers what is sent to {facts.account}.")
