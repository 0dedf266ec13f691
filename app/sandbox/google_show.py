"""What the control API shows of Google: people, what they allowed, their next meetings and who is told of changes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from app.sandbox.google_series import single_entries
from app.sandbox.google_state import GoogleAccount, GoogleCalendar, GoogleEvent, GoogleState
from app.sandbox.google_time import instant, point_of
from app.sandbox.google_watch import live_channels

_BEFORE, _AFTER = timedelta(days=1), timedelta(days=14)

Answer = Mapping[str, object]


def show_google(google: GoogleState, *, now: float) -> Answer:
    """Return what the page shows."""
    return {
        "accounts": [_show_account(google, account, now=now) for account in google.accounts],
        "drop_notifications": google.drop_notifications,
        "double_notifications": google.double_notifications,
    }


def _show_account(google: GoogleState, account: GoogleAccount, *, now: float) -> Answer:
    return {
        "email": account.email,
        "name": account.name,
        "is_connected": any(grant.sub == account.sub for grant in google.grants),
        "calendars": [_show_calendar(google, calendar, now=now) for calendar in account.calendars],
    }


def _show_calendar(google: GoogleState, calendar: GoogleCalendar, *, now: float) -> Answer:
    channels = [item for item in live_channels(google, now=now) if item.calendar_id == calendar.id]
    return {
        "id": calendar.id,
        "summary": calendar.summary,
        "time_zone": calendar.time_zone,
        "channels": [{"id": item.id, "expires_at": item.expires_at} for item in channels],
        "events": [_show_event(item) for item in _upcoming(calendar, now=now)],
    }


def _upcoming(calendar: GoogleCalendar, *, now: float) -> Sequence[GoogleEvent]:
    today = datetime.fromtimestamp(now, UTC)
    spans = [
        (instant(point_of(item.body["start"]), zone=calendar.time_zone), item.id, item)
        for item in single_entries(calendar)
        if not item.is_cancelled
    ]
    return [item for start, _, item in sorted(spans, key=lambda span: span[:2]) if -_BEFORE < start - today < _AFTER]


def _show_event(event: GoogleEvent) -> Answer:
    guests = event.body.get("attendees")
    return {
        "id": event.id,
        "summary": event.body.get("summary", ""),
        "start": _wall_time(event, "start"),
        "end": _wall_time(event, "end"),
        "series": event.series,
        "guests": len(guests) if isinstance(guests, list) else 0,
        "meet": event.body.get("hangoutLink", ""),
    }


def _wall_time(event: GoogleEvent, name: str) -> str:
    """Return a start or end as a form field takes it: a day, or a local time without an offset."""
    point = point_of(event.body[name])
    return point.strftime("%Y-%m-%dT%H:%M") if isinstance(point, datetime) else point.isoformat()
