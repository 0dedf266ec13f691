"""What people see of calendars, and the one thing they may ask for: that one is read now."""

from datetime import datetime, timedelta
from uuid import UUID

from models import Calendar, CalendarEvent, Connection
from services import audit
from services.calendar import reading_repository, repository
from services.calendar.days import dates_between, day_around, zone_of
from services.calendar.views import AttendeeView, CalendarCardView, CalendarView, EventView
from services.calendar.wording import describe_watch
from services.connections import WORKING
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, InvalidInput, NotFound, RetryLater
from services.kernel.kernel import Kernel
from services.provider_kit import registry
from services.tenants import Actor, Permission, read_time_zone, require

LONGEST = timedelta(days=400)
"""Of what can be listed at once."""
PAUSE_BETWEEN = timedelta(seconds=10)
"""How long after a sync the next one may be asked for."""


def list_calendars(kernel: Kernel, *, actor: Actor, agent_id: UUID) -> tuple[CalendarView, ...]:
    """Return an agent's connected calendars, the oldest first.

    Raises:
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        return tuple(_calendar_view(*row) for row in _rows_of_agent(work, agent_id))


def list_events(
    kernel: Kernel, *, actor: Actor, agent_id: UUID, begins_at: datetime, ends_at: datetime
) -> tuple[EventView, ...]:
    """Return an agent's meetings of which any part lies between two times, the earliest first.

    Dates of a series that do not take place are among them, as ``cancelled``, while the provider tells us of them.

    Raises:
        InvalidInput: a time has no zone, or the end is not after the beginning, or too far from it.
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    _require_span(begins_at, ends_at)
    with kernel.unit_of_work(actor.tenant_id) as work:
        zones = {calendar.id: calendar.time_zone for calendar, _ in _rows_of_agent(work, agent_id)}
        rows = reading_repository.list_events(work, list(zones), begins_at=begins_at, ends_at=ends_at)
    return tuple(_event_view(row, calendar_zone=zones[row.calendar_id]) for row in rows)


def get_card(kernel: Kernel, *, actor: Actor, connection_id: UUID) -> CalendarCardView:
    """Return a connection's calendar in short.

    Raises:
        NotFound: there is no such connection, or it has no calendar.
        Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        rows = reading_repository.list_calendars(work, connection_id=connection_id)
        if not rows:
            raise NotFound("There is no calendar behind this connection.", code="unknown_calendar")
        return _card(kernel, work, *rows[0])


def request_sync(kernel: Kernel, *, actor: Actor, calendar_id: UUID) -> CalendarCardView:
    """Have a calendar read now; a worker does it.

    Raises:
        RetryLater: it was read a moment ago; ``too_many_syncs``.
        Conflict: its connection is out of use.
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        rows = reading_repository.list_calendars(work, calendar_id=calendar_id)
        if not rows:
            raise NotFound("There is no such calendar.", code="unknown_calendar")
        calendar, connection = rows[0]
        if connection.status not in WORKING:
            raise Conflict("Repair or resume the connection first; then its calendar is read.", code="out_of_use")
        _require_rest(calendar, now=kernel.clock.now())
        repository.ask_for_sync(work, calendar_id, now=kernel.clock.now())
        work.wake("sync_calendar", calendar_id)
        audit.record(
            work,
            actor=actor,
            action="calendar.sync_requested",
            object_kind="connection",
            object_id=connection.id,
        )
        return _card(kernel, work, calendar, connection)


def _rows_of_agent(work: UnitOfWork, agent_id: UUID) -> list[tuple[Calendar, Connection]]:
    if not reading_repository.has_agent(work, agent_id):
        raise NotFound("There is no such agent.", code="unknown_agent")
    return list(reading_repository.list_calendars(work, agent_id=agent_id))


def _require_span(begins_at: datetime, ends_at: datetime) -> None:
    for field, at in (("from", begins_at), ("to", ends_at)):
        if at.tzinfo is None:
            raise InvalidInput("Give the time with its zone, such as 2026-01-31T09:00:00Z.", field=field)
    if not begins_at < ends_at <= begins_at + LONGEST:
        raise InvalidInput(f"Choose an end after the beginning, at most {LONGEST.days} days later.", field="to")


def _require_rest(calendar: Calendar, *, now: datetime) -> None:
    wait = calendar.updated_at + PAUSE_BETWEEN - now
    if wait > timedelta():
        seconds = max(1, round(wait.total_seconds()))
        raise RetryLater(
            f"This calendar was read a moment ago. Read it again in {seconds} s.", code="too_many_syncs", after=wait
        )


def _card(kernel: Kernel, work: UnitOfWork, calendar: Calendar, connection: Connection) -> CalendarCardView:
    now, time_zone = kernel.clock.now(), read_time_zone(work)
    begins_at, ends_at = day_around(now, zone=zone_of(time_zone))
    following = reading_repository.find_next_meeting(work, calendar.id, now=now)
    return CalendarCardView(
        calendar=_calendar_view(calendar, connection),
        watch=describe_watch(
            calendar,
            repository.list_subscriptions(work, calendar.id),
            provider=registry.get_manifest(connection.provider).name,
            status=connection.status,
            now=now,
        ),
        is_failing=calendar.attempt > 0 and calendar.lease_token is None,
        next_sync_at=max(calendar.next_attempt_at, now) if connection.status in WORKING else None,
        time_zone=time_zone,
        meetings_today=reading_repository.count_meetings(work, calendar.id, begins_at=begins_at, ends_at=ends_at),
        next_meeting=_event_view(following, calendar_zone=calendar.time_zone) if following else None,
    )


def _calendar_view(calendar: Calendar, connection: Connection) -> CalendarView:
    return CalendarView(
        id=calendar.id,
        connection_id=connection.id,
        provider=connection.provider,
        account=connection.name or connection.external_account_name,
        name=calendar.name,
        time_zone=calendar.time_zone,
        synced_at=calendar.synced_at,
        sync_note=calendar.sync_note,
    )


def _event_view(row: CalendarEvent, *, calendar_zone: str) -> EventView:
    dates = dates_between(row.starts_at, row.ends_at, zone=zone_of(calendar_zone)) if row.is_all_day else None
    return EventView(
        id=row.id,
        connection_id=row.connection_id,
        calendar_id=row.calendar_id,
        external_id=row.external_id,
        series_id=row.series_id,
        title=row.title,
        description=row.description,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        is_all_day=row.is_all_day,
        starts_on=dates[0] if dates else None,
        ends_on=dates[1] if dates else None,
        time_zone=row.time_zone or calendar_zone,
        location=row.location,
        meet_url=row.meet_url,
        conference_type=row.conference_type,
        html_url=row.html_url,
        organizer_email=row.organizer_email,
        attendees=tuple(AttendeeView(email=item["email"], response=item["response"]) for item in row.attendees),
        status=row.status.value,
        is_agent_invited=row.is_agent_invited,
        is_agent_booking=row.is_agent_booking,
        synced_at=row.synced_at,
    )
