"""What the delivery log shows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from uuid import UUID

from app import routes
from app.components.words import counted, duration
from app.pages.deliveries.shapes import Cause, Option, Pill, Row
from services.analytics import CHANNEL_NAMES
from services.connections import ConnectionView
from services.kernel.errors import NeedsReauth, NotFound
from services.provider_kit.registry import get_manifest
from services.webhooks import (
    MOST_COUNTED,
    DeliveryFilter,
    DeliveryGroupView,
    DeliveryView,
    RefusedView,
)

STATES: tuple[tuple[str, str], ...] = (
    ("", "All"),
    ("processed", "Done"),
    ("ignored", "Ignored"),
    ("failed", "Retrying"),
    ("dead", "Dead letters"),
    ("unsent", "Answer not sent"),
)
"""State → its name, as filters."""
RANGES: tuple[tuple[str, str, timedelta | None], ...] = (
    ("", "Any time", None),
    ("1h", "Last hour", timedelta(hours=1)),
    ("24h", "Last 24 hours", timedelta(hours=24)),
    ("7d", "Last 7 days", timedelta(days=7)),
)
OUTCOME_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "message": "Brought a message",
        "asked": "The agent was to answer",
        "answered": "Answered",
        "failed": "Not answered, or the answer failed",
        "handed_over": "Handed over to a person",
    }
)
"""What became of the message → its name."""
KINDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "process": ("Process again", "Runs today's rules on the stored request. What took effect stays once."),
        "rehearse": ("Draft the answer again", "The agent answers by today's rules; the draft is shown, never sent."),
        "send": ("Send the answer again", "The contact receives the answer that did not arrive."),
    }
)
"""Kind of replay → its name, and what it means."""
CHIPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "received": ("Waits", "soon"),
        "processing": ("At work", "soon"),
        "processed": ("Done", "ok"),
        "ignored": ("Ignored", "off"),
        "failed": ("Retrying", "soon"),
        "dead": ("Dead letter", "broken"),
    }
)
_REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        "bad_signature": "wrong signature",
        "missing_signature": "no signature",
        "no_secret": "no signing secret is known",
        "other_account": "another account",
        "stale": "too old",
        "malformed": "not what the provider sends",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What the address asks for."""

    state: str = ""
    provider: str = ""
    connection: str = ""
    event: str = ""
    cause: str = ""
    span: str = ""
    since: str = ""
    """Instead of a range: an ISO time, as a chart's point links to it."""
    until: str = ""
    q: str = ""
    outcome: str = ""
    agent: str = ""
    channel: str = ""

    def path(self, *, delivery: str = "") -> str:
        """Return the address that asks for this."""
        return routes.deliveries(**asdict(self), d=delivery)

    @property
    def is_narrowed(self) -> bool:
        """Whether something is filtered out."""
        return any(asdict(self).values())


def filter_of(search: Search, now: datetime) -> DeliveryFilter:
    """Return which deliveries a search means; what makes no sense in it is left out."""
    spans = {name: span for name, _, span in RANGES}
    span = spans.get(search.span)
    return DeliveryFilter(
        connection_id=_uuid(search.connection),
        state=search.state if search.state in dict(STATES) else "",
        provider=search.provider,
        event_type=search.event,
        cause=search.cause,
        since=now - span if span else _time(search.since),
        until=_time(search.until),
        search=search.q.strip(),
        outcome=search.outcome if search.outcome in OUTCOME_NAMES else "",
        agent_id=_uuid(search.agent),
        channel=search.channel if search.channel in CHANNEL_NAMES else "",
    )


def state_pills(search: Search) -> list[Pill]:
    """Return the states to filter by."""
    return [
        Pill(name=name, path=replace(search, state=state).path(), is_current=search.state == state)
        for state, name in STATES
    ]


def narrowing(search: Search) -> list[Pill]:
    """Return what else the list is narrowed to, each with the address without it."""
    named = {
        "provider": f"Provider: {provider_name(search.provider)}",
        "event": f"Event: {search.event}",
        "cause": f"Cause: {search.cause}",
        "outcome": OUTCOME_NAMES.get(search.outcome, "Unknown outcome"),
        "agent": "One agent",
        "channel": f"Channel: {CHANNEL_NAMES.get(search.channel, search.channel)}",
        "since": f"From {_moment(search.since)}",
        "until": f"Until {_moment(search.until)}",
    }
    return [
        Pill(name=words, path=replace(search, **{name: ""}).path(), is_current=True)
        for name, words in named.items()
        if getattr(search, name)
    ]


def options_of(connections: Sequence[ConnectionView]) -> list[Option]:
    """Return the connections to filter by."""
    return [Option(name=f"{provider_name(item.provider)} · {item.name}", value=str(item.id)) for item in connections]


def row_of(view: DeliveryView, search: Search, *, opened: str) -> Row:
    """Return one delivery as the list shows it."""
    chip, kind = CHIPS.get(view.state, (view.state, "off"))
    took = duration((view.finished_at - view.received_at) // timedelta(milliseconds=1)) if view.finished_at else ""
    attempts = f"attempt {view.attempt}" if view.attempt > 1 else ""
    following = f"next {view.next_attempt_at:%H:%M:%S} UTC" if view.next_attempt_at and view.state == "failed" else ""
    again = f"came {view.duplicates + 1} times, taken once" if view.duplicates else ""
    fetched = "fetched afterwards" if view.is_fetched else ""
    return Row(
        id=str(view.id),
        title=view.event_type or view.kind,
        where=provider_name(view.provider),
        chip=chip,
        chip_kind=kind,
        at=view.received_at.isoformat(),
        took=took,
        note=" · ".join(words for words in (view.reason, attempts, following, again, fetched) if words),
        path=search.path(delivery=str(view.id)),
        is_open=str(view.id) == opened,
    )


def cause_of(view: DeliveryGroupView, search: Search) -> Cause:
    """Return one group as shown."""
    rest = view.count - view.dead
    counts = [counted(view.dead, "dead letter")] if view.dead else []
    counts += [f"{rest} retrying"] if rest else []
    return Cause(
        provider=view.provider,
        provider_name=provider_name(view.provider),
        cause=view.cause,
        reason=view.reason or "An error",
        count=", ".join(counts),
        at=view.last_at.isoformat(),
        path=replace(search, provider=view.provider, cause=view.cause, state="").path(),
        refusal="" if view.cause else "Nothing was kept of why these failed; replay them one by one.",
        repair=routes.ALL_INTEGRATIONS if view.cause.partition("/")[0] == NeedsReauth.__name__ else "",
    )


def fresh_words(count: int) -> str:
    """Return how many deliveries came that are not shown yet; empty if none."""
    if not count:
        return ""
    return f"{count}+ new" if count >= MOST_COUNTED else f"{count} new"


def refused_words(views: Sequence[RefusedView]) -> str:
    """Return how many requests were turned away, in a sentence; empty if none were."""
    parts = [f"{view.count} at {view.connection_name} ({_REFUSALS.get(view.reason, view.reason)})" for view in views]
    total = sum(view.count for view in views)
    words = counted(total, "request was", "requests were")
    return f"{words} turned away in the last 24 hours: {', '.join(parts)}. Nothing of them is kept." if total else ""


def provider_name(slug: str) -> str:
    """Return a provider's name, as people know it."""
    try:
        return get_manifest(slug).name
    except NotFound:
        return slug


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _moment(text: str) -> str:
    at = _time(text)
    return f"{at.day} {at:%b %Y, %H:%M} {'UTC' if not at.utcoffset() else f'{at:%z}'}" if at else text


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
