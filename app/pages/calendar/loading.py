"""What one look at the services finds for the calendar page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from app import routes
from app.pages.calendar import layout, shapes, view, words
from app.pages.calendar.agenda import agenda_of
from app.pages.calendar.meetings import is_within
from app.pages.calendar.week import first_hour, week_of
from services.agents import get_agent
from services.calendar import CalendarView, EventView, get_card, list_calendars, list_events
from services.calendar.days import zone_of
from services.kernel.kernel import Kernel
from services.provider_kit import registry
from services.provider_kit.contract import Capability
from services.tenants import Actor, get_time_zone

MOST_SHOWN = 500
"""Meetings of one week that are drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the address asks for, in its own words, and what is waited for."""

    agent_id: UUID
    week: str
    view: str
    calendar: str
    event_id: str
    """The meeting whose details are open."""
    syncs: Mapping[str, datetime]
    """When a sync of which calendar was asked for."""
    told: str = ""
    """The connection of whose calendar we were told something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Everything the page shows."""

    asked: view.Asked
    title: str
    zone: str
    zone_note: str
    paths: shapes.Paths
    choices: tuple[shapes.Choice, ...]
    sources: tuple[shapes.Source, ...]
    days: tuple[shapes.Day, ...]
    bars: tuple[shapes.Bar, ...]
    agenda: tuple[shapes.AgendaDay, ...]
    detail: shapes.Detail
    first_hour: int
    count: int
    is_cut: bool
    connect_path: str


def load(kernel: Kernel, actor: Actor, wish: Wish) -> Found:
    """Read an agent's calendars and the week that is asked for."""
    agent = get_agent(kernel, actor=actor, agent_id=wish.agent_id)
    zone, now = zone_of(get_time_zone(kernel, actor=actor)), kernel.clock.now()
    today, _ = layout.now_at(now, zone=zone)
    calendars = list_calendars(kernel, actor=actor, agent_id=wish.agent_id)
    asked = view.Asked(
        agent_id=str(wish.agent_id),
        monday=layout.week_of(wish.week, today=today),
        view=wish.view if wish.view in view.VIEWS else "",
        calendar_id=wish.calendar if wish.calendar in {str(item.id) for item in calendars} else "",
    )
    meetings = _meetings(kernel, actor, asked, zone=zone)
    shown = meetings[:MOST_SHOWN]
    days, bars = week_of(shown, monday=asked.monday, zone=zone, now=now, agent_name=agent.name)
    agenda = agenda_of(shown, monday=asked.monday, zone=zone, now=now, agent_name=agent.name)
    return Found(
        asked=asked,
        title=words.week_words(asked.monday),
        zone=zone.key,
        zone_note=words.zone_words(zone, now=now),
        paths=view.paths_of(asked, today=today),
        choices=view.choices_of(calendars, asked),
        sources=_sources(kernel, actor, calendars, wish, now=now),
        # What is certainly not looked at need not travel.
        days=() if asked.view == view.AGENDA else days,
        bars=() if asked.view == view.AGENDA else bars,
        agenda=() if asked.view == view.WEEK else agenda,
        detail=_detail(meetings, wish.event_id, zone=zone, agent_name=agent.name, calendars=calendars),
        first_hour=first_hour(days),
        count=len(shown),
        is_cut=len(meetings) > len(shown),
        connect_path=routes.agent_integrations(wish.agent_id, service=_first_service()),
    )


def _meetings(kernel: Kernel, actor: Actor, asked: view.Asked, *, zone: ZoneInfo) -> tuple[EventView, ...]:
    begins_at, ends_at = layout.reach_of(asked.monday, zone=zone)
    agent_id = UUID(asked.agent_id)
    listed = list_events(kernel, actor=actor, agent_id=agent_id, begins_at=begins_at, ends_at=ends_at)
    return tuple(
        event
        for event in listed
        if asked.calendar_id in ("", str(event.calendar_id)) and is_within(event, asked.monday, zone=zone)
    )


def _sources(
    kernel: Kernel, actor: Actor, calendars: tuple[CalendarView, ...], wish: Wish, *, now: datetime
) -> tuple[shapes.Source, ...]:
    found: list[shapes.Source] = []
    for calendar in calendars:
        card = get_card(kernel, actor=actor, connection_id=calendar.connection_id)
        since = wish.syncs.get(str(calendar.id))
        was_told = wish.told == str(calendar.connection_id)
        is_reading = since is not None and not view.has_ended(card, asked_at=since, now=now, was_told=was_told)
        found.append(view.source_of(card, is_reading=is_reading))
    return tuple(found)


def _detail(
    meetings: tuple[EventView, ...],
    event_id: str,
    *,
    zone: ZoneInfo,
    agent_name: str,
    calendars: tuple[CalendarView, ...],
) -> shapes.Detail:
    event = next((item for item in meetings if str(item.id) == event_id), None)
    if event is None:
        return shapes.Detail()
    accounts = {item.id: item.account for item in calendars}
    return view.detail_of(event, zone=zone, its_zone=zone_of(event.time_zone), agent_name=agent_name, accounts=accounts)


def _first_service() -> str:
    """Return the slug of a service that has calendars; empty if this Patchbay knows none."""
    return next((item.slug for item in registry.list_manifests() if Capability.CALENDAR in item.capabilities), "")
