"""Agents' calendars over REST: meetings, how changes reach us, and reading one now."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from app.http.deps import BearerActor, KernelDep
from app.http.rest.openapi import needs
from services import calendar
from services.calendar import CalendarCardView, EventView
from services.kernel.paging import Page
from services.tenants import Permission, require

router = APIRouter(tags=["calendar"])

_VIEW = needs(Permission.CONNECTIONS_VIEW)
_EDIT = needs(Permission.CONNECTIONS_EDIT)
_SHOWN = timedelta(days=7)


@router.get("/agents/{agent_id}/calendar/events", openapi_extra=_VIEW)
def list_calendar_events(
    kernel: KernelDep,
    actor: BearerActor,
    agent_id: UUID,
    begins_at: Annotated[
        AwareDatetime | None, Query(alias="from", description="With its zone; now if left out.")
    ] = None,
    ends_at: Annotated[
        AwareDatetime | None, Query(alias="to", description="At most 400 days later; seven if left out.")
    ] = None,
) -> Page[EventView]:
    """List an agent's meetings of which any part lies between two times, earliest first; all on one page."""
    begin = begins_at or kernel.clock.now()
    found = calendar.list_events(
        kernel, actor=actor, agent_id=agent_id, begins_at=begin, ends_at=ends_at or begin + _SHOWN
    )
    return Page(found)


@router.get("/connections/{connection_id}/calendar", openapi_extra=_VIEW)
def get_calendar(kernel: KernelDep, actor: BearerActor, connection_id: UUID) -> CalendarCardView:
    """Return a connection's calendar in short: how changes reach us, today's meetings, the next one."""
    return calendar.get_card(kernel, actor=actor, connection_id=connection_id)


@router.post("/connections/{connection_id}/calendar/sync", openapi_extra=_EDIT)
def sync_calendar(kernel: KernelDep, actor: BearerActor, connection_id: UUID) -> CalendarCardView:
    """Have a calendar read now; what it brings shows a moment later."""
    require(actor, Permission.CONNECTIONS_EDIT)  # finding the calendar comes first, and must not be what refuses
    card = calendar.get_card(kernel, actor=actor, connection_id=connection_id)
    return calendar.request_sync(kernel, actor=actor, calendar_id=card.calendar.id)
