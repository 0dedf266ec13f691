"""What the drawer shows of the open delivery."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from app import routes
from app.components.words import duration, size
from app.pages.deliveries.shapes import Choice, Detail, Fact, Moment
from app.pages.deliveries.view import CHIPS, KINDS, provider_name
from services.webhooks import DeliveryDetailView

_TIMES: Mapping[str, str] = MappingProxyType(
    {"received": "Received", "acknowledged": "Stored and acknowledged", "started": "Processing began", "done": "Done"}
)
_FETCHED = "We asked for it: the provider could not deliver it, and does not send again."


def detail_of(view: DeliveryDetailView) -> Detail:
    """Return the open delivery."""
    chip, kind = CHIPS.get(view.state, (view.state, "off"))
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
            Fact(name="Connection", value=f"{provider_name(view.provider)} · {view.connection_name}"),
            Fact(name="Their id", value=view.dedupe_key.partition(":")[2] or view.dedupe_key),
            *((Fact(name="Cause", value=view.cause),) if view.cause else ()),
            Fact(name="Attempts", value=str(view.attempt)),
            *((Fact(name="How it came", value=_FETCHED),) if view.is_fetched else ()),
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
                detail=f"“{item.reason}” Before: {CHIPS[item.state_before][0].lower()}.",
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
