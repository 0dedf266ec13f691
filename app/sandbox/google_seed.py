"""What people's calendars hold on the sandbox's first day, counted from its own today."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.sandbox.google_call import Desk
from app.sandbox.google_events import change_event, delete_event, insert_event
from app.sandbox.google_series import occurrence_ids
from app.sandbox.google_state import GoogleState
from app.sandbox.google_time import write_point
from app.sandbox.record import JsonObject

_SINGLE = (
    (0, "10:00", 30, "Payout review", ("mia@northwind.example",)),
    (0, "15:30", 45, "Brief: spring campaign", ("jonas@northwind.example", "lin@northwind.example")),
    (1, "09:30", 60, "Interview: new creator", ("mia@northwind.example",)),
    (3, "14:00", 30, "Budget check", ("lin@northwind.example",)),
    (6, "11:00", 90, "Quarter planning", ()),
)
"""Days from today, local start, minutes, title, guests."""


def ensure_filled(google: GoogleState, *, now: float) -> None:
    """Fill the calendars unless they are; sync tokens from before are no longer valid."""
    if google.seeded_at:
        return
    google.seeded_at = now
    for account in google.accounts:
        for calendar in account.calendars:
            calendar.generation += 1
            calendar.events.clear()
            calendar.conferences.clear()
            if calendar.primary:
                _fill(Desk(account=account, calendar=calendar, now=now))


def forget_changes(google: GoogleState) -> None:
    """Let the calendars be filled anew; who is connected stays connected."""
    google.seeded_at = google.drop_notifications = google.double_notifications = 0
    google.codes.clear()
    for grant in google.grants:
        grant.is_refused = False


def _fill(desk: Desk) -> None:
    for days, at, minutes, title, guests in _SINGLE:
        meet: JsonObject = {"conferenceData": {"createRequest": {"requestId": f"seed {title}"}}} if guests else {}
        attendees: JsonObject = {"attendees": [{"email": guest} for guest in guests]}
        insert_event(
            desk, {"summary": title, **_when(desk, days, at, minutes), **attendees, **meet}, with_conference=True
        )
    today = _local(desk, 0, "00:00").date()
    launch = {name: write_point(today + timedelta(days=days)) for name, days in (("start", 2), ("end", 3))}
    insert_event(desk, {"summary": "Product launch", **launch}, with_conference=False)
    _fill_series(desk)


def _fill_series(desk: Desk) -> None:
    """Add a weekly meeting that began last week; the one after next is later, and the one after that is off."""
    series = insert_event(
        desk,
        {"summary": "Weekly creator sync", "recurrence": ["RRULE:FREQ=WEEKLY"], **_when(desk, -6, "13:00", 30)},
        with_conference=False,
    )
    moved, cancelled = list(occurrence_ids(series))[2:4]
    change_event(
        desk, moved, {"summary": "Weekly creator sync (later)", **_when(desk, 8, "16:00", 30)}, with_conference=False
    )
    delete_event(desk, cancelled)


def _when(desk: Desk, days: int, at: str, minutes: int) -> JsonObject:
    start = _local(desk, days, at)
    return {"start": write_point(start), "end": write_point(start + timedelta(minutes=minutes))}


def _local(desk: Desk, days: int, at: str) -> datetime:
    zone = ZoneInfo(desk.calendar.time_zone)
    hour, minute = (int(part) for part in at.split(":"))
    today = datetime.fromtimestamp(desk.now, zone).replace(hour=hour, minute=minute, second=0, microsecond=0)
    return today + timedelta(days=days)
