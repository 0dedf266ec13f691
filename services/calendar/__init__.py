"""Calendars: kept equal to their source by notifications and by asking, and shown as meetings."""

from services.calendar.changes import note_change
from services.calendar.service import get_card, list_calendars, list_events, request_sync
from services.calendar.subscribing import renew_subscription
from services.calendar.syncing import sync_calendar
from services.calendar.views import AttendeeView, CalendarCardView, CalendarView, EventView, WatchView

__all__ = [
    "AttendeeView",
    "CalendarCardView",
    "CalendarView",
    "EventView",
    "WatchView",
    "get_card",
    "list_calendars",
    "list_events",
    "note_change",
    "renew_subscription",
    "request_sync",
    "sync_calendar",
]
