"""What the delivery log shows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from uuid import UUID

from app import routes
from app.components.words import counted, duration, size
from app.pages.deliveries.shapes import Cause, Choice, Detail, Fact, Moment, Pill, Row
from services.analytics import CHANNEL_NAMES
from services.kernel.errors import NotFound
from services.provider_kit.registry import get_manifest
from services.webhooks import DeliveryDetailView, DeliveryFilter, DeliveryGroupView, DeliveryView, RefusedView

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
_CHIPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "received": ("Waits", "soon"),
        "processing": ("At work", "soon"),
        "processed": ("Done", "ok"),
        "ignored": ("Ignored", "off"),
        "failed": ("Retrying", "soon"),
        "dead": ("Dead letter", "broken"),
    }
)
_TIMES: Mapping[str, str] = MappingProxyType(
    {"received": "Received", "acknowledged": "Stored and acknowledged", "started": "Processing began", "done": "Done"}
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
        "provider": f"Provider: {_provider(search.provider)}",
        "connection": "One connection",
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


def row_of(view: DeliveryView, search: Search, *, opened: str) -> Row:
    """Return one delivery as the list shows it."""
    chip, kind = _CHIPS.get(view.state, (view.state, "off"))
    took = duration((view.finished_at - view.received_at) // timedelta(milliseconds=1)) if view.finished_at else ""
    attempts = f"attempt {view.attempt}" if view.attempt > 1 else ""
    following = f"next {view.next_attempt_at:%H:%M:%S} UTC" if view.next_attempt_at and view.state == "failed" else ""
    again = f"came {view.duplicates + 1} times, taken once" if view.duplicates else ""
    return Row(
        id=str(view.id),
        title=view.event_type or view.kind,
        where=_provider(view.provider),
        chip=chip,
        chip_kind=kind,
        at=view.received_at.isoformat(),
        took=took,
        note=" · ".join(words for words in (view.reason, attempts, following, again) if words),
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
        provider_name=_provider(view.provider),
        cause=view.cause,
        reason=view.reason or "An error",
        count=", ".join(counts),
        at=view.last_at.isoformat(),
        path=replace(search, provider=view.provider, cause=view.cause, state="").path(),
        refusal="" if view.cause else "Nothing was kept of why these failed; replay them one by one.",
    )


def refused_words(views: Sequence[RefusedView]) -> str:
    """Return how many requests were turned away, in a sentence; empty if none were."""
    parts = [f"{view.count} at {view.connection_name} ({_REFUSALS.get(view.reason, view.reason)})" for view in views]
    total = sum(view.count for view in views)
    words = counted(total, "request was", "requests were")
    return f"{words} turned away in the last 24 hours: {', '.join(parts)}. Nothing of them is kept." if total else ""


def detail_of(view: DeliveryDetailView) -> Detail:
    """Return the open delivery."""
    chip, kind = _CHIPS.get(view.state, (view.state, "off"))
    again = f"The provider sent it {view.duplicates + 1} times; it was taken once." if view.duplicates else ""
    return Detail(
        id=str(view.id),
        title=view.event_type or view.kind,
        chip=chip,
        chip_kind=kind,
        reason=view.reason,
        trace=routes.trace(view.trace_id),
        duplicates=again,
        facts=(
            Fact(name="Connection", value=f"{_provider(view.provider)} · {view.connection_name}"),
            Fact(name="Their id", value=view.dedupe_key.partition(":")[2] or view.dedupe_key),
            *((Fact(name="Cause", value=view.cause),) if view.cause else ()),
            Fact(name="Attempts", value=str(view.attempt)),
        ),
        moments=tuple(
            Moment(
                title=_TIMES[time.name],
                detail="",
                status="ok" if time.at else "waiting",
                at=time.at.isoformat() if time.at else "",
                offset=f"+{duration(time.offset_ms)}" if time.at else "not yet",
            )
            for time in view.times
        ),
        attempts=tuple(
            Moment(
                title=f"Attempt {attempt.number}: {attempt.code or attempt.error}",
                detail=f"{attempt.message}{_following(attempt.next_attempt_at)}",
                status="failed",
                at=attempt.at.isoformat(),
                offset="",
            )
            for attempt in view.attempts
        ),
        replays=tuple(
            Moment(
                title=f"{KINDS[item.kind][0]}, by {item.asked_by}",
                detail=f"“{item.reason}” Before: {_CHIPS[item.state_before][0].lower()}.",
                status="info",
                at=item.at.isoformat(),
                offset="",
            )
            for item in view.replays
        ),
        headers=tuple(Fact(name=name, value=value) for name, value in view.headers.items()),
        body=view.body.text,
        body_note=_body_note(view),
        is_pruned=view.body.pruned_at is not None,
        choices=tuple(
            Choice(kind=option.kind, label=KINDS[option.kind][0], refusal=option.refusal) for option in view.options
        ),
    )


def _body_note(view: DeliveryDetailView) -> str:
    if view.body.pruned_at:
        return f"Deleted for its age on {view.body.pruned_at:%d %B %Y}."
    kind = f", {view.body.content_type}" if view.body.content_type else ""
    return f"{size(view.body.size)}{kind}. Secrets, addresses and numbers are masked."


def _following(at: datetime | None) -> str:
    return f" Tried again at {at:%H:%M:%S} UTC." if at else ""


def _provider(slug: str) -> str:
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
