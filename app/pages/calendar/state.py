"""An agent's calendar: the week in the address, kept live, read anew on request, in the company's zone."""

from datetime import datetime

import reflex as rx

from app.pages.calendar.loading import Found, Wish, load
from app.pages.calendar.shapes import AgendaDay, Bar, Choice, Day, Detail, Paths, Source
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import Steps, complain, parse_id, query_value, route_id
from app.session.visits import Visited
from services.calendar import request_sync
from services.kernel.errors import InvalidInput, PatchbayError
from services.tenants import Permission, list_time_zones, set_time_zone

NO_DETAIL = Detail()
NO_PATHS = Paths()


class CalendarState(Visited, rx.State):
    """What is shown of one week."""

    agent_id: str = ""
    title: str = ""
    view: str = ""
    """``week``, ``agenda``, or empty: then the width of the window decides."""
    week: str = ""
    """The Monday of the week that is shown."""
    zone: str = ""
    zone_note: str = ""
    paths: Paths = NO_PATHS
    choices: rx.Field[list[Choice]] = rx.field(default_factory=list)
    sources: rx.Field[list[Source]] = rx.field(default_factory=list)
    days: rx.Field[list[Day]] = rx.field(default_factory=list)
    bars: rx.Field[list[Bar]] = rx.field(default_factory=list)
    agenda: rx.Field[list[AgendaDay]] = rx.field(default_factory=list)
    detail: Detail = NO_DETAIL
    first_hour: int = 7
    count: int = 0
    is_cut: bool = False
    is_reading: bool = False
    """Whether a sync is waited for."""
    connect_path: str = ""
    phase: str = "loading"
    trouble: str = ""
    is_choosing_zone: bool = False
    zones: rx.Field[list[str]] = rx.field(default_factory=list)
    is_busy: bool = False
    wrong_text: str = ""
    _calendar: str = ""
    _open_id: str = ""
    _syncs: rx.Field[dict[str, datetime]] = rx.field(default_factory=dict)

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def load(self) -> None:
        """Read what the address asks for."""
        self.is_busy = False
        if await self._is_new_visit():
            self.is_choosing_zone, self.detail, self._open_id = False, NO_DETAIL, ""
        try:
            agent_id = str(route_id(self, "agent_id"))
            if agent_id != self.agent_id:
                self.phase, self.days, self.bars, self.agenda, self.sources = "loading", [], [], [], []
                self.detail, self._open_id, self._syncs = NO_DETAIL, "", {}
            self.agent_id = agent_id
            self.week, self.view = query_value(self, "week"), query_value(self, "view")
            self._calendar = query_value(self, "calendar")
            await self._read()
        except PatchbayError as error:
            self.phase, self.trouble = "failed", error.message

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def on_live(self, row_id: str) -> None:
        """Read again: a calendar or a connection of the tenant has changed."""
        if self.phase == "ready" and row_id:
            await self._read_again(told=row_id)

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def refresh(self) -> None:
        """Read again: time has passed, or a sync is waited for."""
        if self.phase == "ready":
            await self._read_again()

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def open_meeting(self, event_id: str) -> None:
        """Show everything about a meeting."""
        self._open_id = event_id
        await self._note_visit()
        await self._read_again()

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def close(self) -> None:
        """Put the open dialog away: a meeting's details, or the choice of a zone."""
        self.detail, self._open_id = NO_DETAIL, ""
        self.is_choosing_zone, self.zones, self.wrong_text = False, [], ""

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def sync(self, calendar_id: str) -> rx.event.EventSpec | None:
        """Have a calendar read now."""
        kernel = get_kernel()
        begun_at = kernel.clock.now()
        try:
            await in_thread(request_sync, kernel, actor=current_actor(), calendar_id=parse_id(calendar_id))
        except PatchbayError as error:
            return complain(error)
        self._syncs = {**self._syncs, calendar_id: begun_at}
        await self._read_again()
        return None

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def ask_zone(self) -> None:
        """Offer the zones in which the company's days may begin and end."""
        await self._note_visit()
        self.zones, self.wrong_text = list(list_time_zones()), ""
        self.is_choosing_zone = True

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def choose_zone(self, form: dict[str, str]) -> Steps:
        """Let the company's days begin and end in another zone."""
        self.is_busy, self.wrong_text = True, ""
        yield
        try:
            wanted = str(form.get("time_zone", ""))
            await in_thread(set_time_zone, get_kernel(), actor=current_actor(), time_zone=wanted)
        except InvalidInput as error:
            self.wrong_text = error.message
        except PatchbayError as error:
            yield complain(error)
        else:
            self.is_choosing_zone, self.zones = False, []
            await self._read_again()
        finally:
            self.is_busy = False

    async def _read_again(self, *, told: str = "") -> None:
        """Read after the page has loaded; what it is about may be gone meanwhile, or never have been there."""
        try:
            await self._read(told=told)
        except PatchbayError as error:
            self.phase, self.trouble = "failed", error.message

    async def _read(self, *, told: str = "") -> None:
        wish = Wish(
            agent_id=parse_id(self.agent_id),
            week=self.week,
            view=self.view,
            calendar=self._calendar,
            event_id=self._open_id,
            syncs=dict(self._syncs),
            told=told,
        )
        self._show(await in_thread(load, get_kernel(), current_actor(), wish))

    def _show(self, found: Found) -> None:
        self.title, self.week, self.view = found.title, found.asked.monday.isoformat(), found.asked.view
        self.zone, self.zone_note, self.paths = found.zone, found.zone_note, found.paths
        self.choices, self.sources = list(found.choices), list(found.sources)
        self.days, self.bars, self.agenda = list(found.days), list(found.bars), list(found.agenda)
        self.detail, self.first_hour = found.detail, found.first_hour
        self.count, self.is_cut, self.connect_path = found.count, found.is_cut, found.connect_path
        self._open_id = found.detail.id
        reading = {source.id for source in found.sources if source.is_reading}
        self._syncs = {key: at for key, at in self._syncs.items() if key in reading}
        self.is_reading = bool(reading)
        self.phase = "ready"
