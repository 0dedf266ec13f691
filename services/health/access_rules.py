"""Rules about our access to the provider: is it granted, does it last, are our calls answered. Without effects."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from models import CauseClass, ConnectionStatus
from services.health.facts import Facts
from services.health.kinds import Act, Severity, Sight
from services.health.wording import answers_late, count, day, error, sentence, who_stops

TOKEN_WARNING = timedelta(days=7)
WATCH_WARNING = timedelta(hours=24)


def ended_by_provider(facts: Facts) -> Sight | None:
    """The provider says that our access ended there: uninstalled, or revoked."""
    if facts.status is not ConnectionStatus.DISCONNECTED or facts.is_by_person:
        return None
    return error(
        f"{facts.provider} ended our access: {sentence(facts.status_reason)}",
        since=facts.status_since,
        stops=f"{who_stops(facts)} at {facts.account} until it is connected again.",
    )


def needs_reauth(facts: Facts) -> Sight | None:
    """The provider refused the credential."""
    if facts.status is not ConnectionStatus.NEEDS_REAUTH and facts.cause is not CauseClass.AUTHORISATION:
        return None
    waiting = f" {count(facts.waiting, 'answer')} wait until then." if facts.waiting else ""
    return error(
        f"{facts.provider} no longer accepts our access to {facts.account}.",
        since=facts.status_since,
        stops=f"{who_stops(facts)} there until the account is connected again.{waiting}",
    )


def token_expires(facts: Facts) -> Sight | None:
    """The access token ends and is not renewed."""
    ends_at = facts.token_expires_at
    if ends_at is None:
        return None
    stops = f"{who_stops(facts)} at {facts.account} from then on."
    if ends_at <= facts.now:
        words = "could not be renewed and has ended" if facts.is_renewed else "has ended and cannot be renewed"
        act = Act.TEST if facts.is_renewed else Act.RECONNECT
        return error(f"Our access to {facts.provider} {words}.", since=ends_at, stops=stops, act=act)
    if facts.is_renewed or ends_at - facts.now > TOKEN_WARNING:
        return None
    return Sight(
        severity=Severity.WARNING,
        what=f"Our access to {facts.provider} ends on {day(ends_at)} and cannot be renewed.",
        since=max(facts.connected_at, ends_at - TOKEN_WARNING),
        stops=stops,
        worsens_at=ends_at,
    )


def testing_token(facts: Facts) -> Sight | None:
    """The provider lets the whole grant die after days, because the app is in testing."""
    ends_at = facts.token_dies_at
    if ends_at is None or ends_at - facts.now > TOKEN_WARNING:
        return None
    stops = (
        f"{who_stops(facts)} at {facts.account} from then on. Publish the app at {facts.provider}, then connect again."
    )
    if ends_at <= facts.now:
        return error(
            f"The app is still in testing at {facts.provider}, which ends such access after days.",
            since=ends_at,
            stops=stops,
        )
    return Sight(
        severity=Severity.WARNING,
        what=f"The app is still in testing at {facts.provider}: our access ends on {day(ends_at)}.",
        since=max(facts.connected_at, ends_at - TOKEN_WARNING),
        stops=stops,
        worsens_at=ends_at,
    )


def missing_scope(facts: Facts) -> Sight | None:
    """A right that the manifest asks for was not granted, or a call was refused for one."""
    missing = [item for item in facts.wanted_scopes if facts.granted_scopes and item[0] not in facts.granted_scopes]
    if missing:
        return error(
            f"{facts.provider} has not granted: {', '.join(name for name, _ in missing)}.",
            since=facts.connected_at,
            stops=f"What that is for does not work. {' '.join(reason for _, reason in missing)}",
        )
    if facts.cause is CauseClass.PERMISSION:
        return error(
            f"{facts.provider} refuses some of our calls: {sentence(facts.status_reason)}",
            since=facts.status_since,
            stops=f"Some answers at {facts.account} do not leave.",
        )
    return None


_FAILING: Mapping[CauseClass, str] = MappingProxyType(
    {
        CauseClass.PROVIDER_DOWN: "{provider} does not answer our calls.",
        CauseClass.RATE_LIMIT: "{provider} asks us to slow down.",
        CauseClass.CONFIGURATION: "{provider} refuses our calls: {reason}",
        CauseClass.NONE: "Our calls to {provider} fail: {reason}",
    }
)


def failing(facts: Facts) -> Sight | None:
    """Calls fail for a cause that may pass."""
    words = _FAILING.get(facts.cause)
    is_incident = facts.cause is CauseClass.PROVIDER_DOWN and facts.incident is not None
    if facts.status is not ConnectionStatus.DEGRADED or words is None or is_incident:
        return None
    return error(
        words.format(provider=facts.provider, reason=sentence(facts.status_reason)),
        since=facts.status_since,
        stops=answers_late(facts),
    )


def provider_incident(facts: Facts) -> Sight | None:
    """Calls fail for several tenants at once: the provider is in trouble."""
    incident = facts.incident
    if facts.status is not ConnectionStatus.DEGRADED or facts.cause is not CauseClass.PROVIDER_DOWN or not incident:
        return None
    return error(
        f"{facts.provider} is in trouble: {incident.connections} connections here fail, not only yours.",
        since=min(incident.since, facts.status_since),
        stops=f"{answers_late(facts)} There is nothing to repair on your side.",
    )


def watch_expires(facts: Facts) -> Sight | None:
    """The provider's notifications end and have not been renewed."""
    ends_at = facts.watch_expires_at
    if ends_at is None or ends_at - facts.now > WATCH_WARNING:
        return None
    stops = f"{facts.provider} no longer tells us about changes at {facts.account}."
    if ends_at <= facts.now:
        return error(f"{facts.provider}'s notifications have ended.", since=ends_at, stops=stops)
    return Sight(
        severity=Severity.WARNING,
        what=f"{facts.provider}'s notifications end on {day(ends_at)} and have not been renewed.",
        since=ends_at - WATCH_WARNING,
        stops=stops,
        worsens_at=ends_at,
    )


def paused(facts: Facts) -> Sight | None:
    """A person paused it."""
    return Sight(
        severity=Severity.NOTE,
        what=f"Paused: {sentence(facts.status_reason)}" if facts.status_reason else "Paused.",
        since=facts.status_since,
        stops=f"{who_stops(facts)} at {facts.account} until it is resumed.",
    )
