"""The delivery log: filters and the open delivery, all of it in the address; read again as deliveries arrive."""

from dataclasses import dataclass, replace
from uuid import UUID

import reflex as rx

from app.pages.deliveries.opened import detail_of
from app.pages.deliveries.shapes import Cause, Detail, Option, Pill, Row
from app.pages.deliveries.view import (
    Search,
    cause_of,
    filter_of,
    fresh_words,
    narrowing,
    options_of,
    refused_words,
    row_of,
    state_pills,
)
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import complain, parse_id, query_value
from services import webhooks
from services.connections import list_connections
from services.kernel.errors import NotFound, PatchbayError
from services.tenants import Actor, Permission

NONE_OPEN = Detail()
_PAGE = 50
_LONGEST = 200
_MOST_REFRESHED = 100
"""Rows of a longer list stay as they were read."""
_FIELDS = (
    "state",
    "provider",
    "connection",
    "event",
    "cause",
    "span",
    "since",
    "until",
    "q",
    "outcome",
    "agent",
    "channel",
)


class DeliveriesState(rx.State):
    """What fits the filters, the groups of failures, and the open delivery."""

    rows: rx.Field[list[Row]] = rx.field(default_factory=list)
    causes: rx.Field[list[Cause]] = rx.field(default_factory=list)
    states: rx.Field[list[Pill]] = rx.field(default_factory=list)
    services: rx.Field[list[Option]] = rx.field(default_factory=list)
    narrowed: rx.Field[list[Pill]] = rx.field(default_factory=list)
    search: Search = Search()
    is_narrowed: bool = False
    refused: str = ""
    next_cursor: str = ""
    is_live: bool = True
    fresh: str = ""
    """How many deliveries came that the list does not show yet, in words; empty for none."""
    detail: Detail = NONE_OPEN
    revealed: str = ""
    """The whole body of the open delivery, once somebody asked for it."""
    unknown: bool = False
    """The address names a delivery that there is not."""
    phase: str = "loading"
    trouble: str = ""
    _has_more_shown: bool = False
    """Earlier pages are shown."""
    _is_past_top: bool = False
    """Somebody has scrolled down."""

    @rx.event
    @guarded(Permission.DELIVERIES_VIEW)
    async def load(self) -> None:
        """Read what the address asks for."""
        search = Search(**{name: query_value(self, name)[:_LONGEST] for name in _FIELDS})
        self.search = search
        await self._read(query_value(self, "d"))

    @rx.event
    @guarded(Permission.DELIVERIES_VIEW)
    async def on_live(self, row_id: str) -> None:
        """Look again: a delivery has arrived or moved. What somebody is reading stays where it is."""
        if self.phase != "ready" or not row_id:
            return
        if self._follows():
            await self._read(self.detail.id)
        else:
            await self._count_fresh()

    @rx.event
    @guarded(Permission.DELIVERIES_VIEW)
    async def pass_top(self, is_past: bool) -> None:
        """Note whether somebody has scrolled down; back at the top, the list follows again."""
        self._is_past_top = bool(is_past)
        if self.fresh and self._follows():
            await self._read(self.detail.id)

    @rx.event
    @guarded(Permission.DELIVERIES_VIEW)
    async def show_fresh(self) -> rx.event.EventSpec:
        """Show what came meanwhile, and go to it."""
        self._has_more_shown = self._is_past_top = False
        await self._read(self.detail.id)
        return rx.scroll_to("latest-deliveries")

    @rx.event
    @guarded(Permission.DELIVERIES_VIEW)
    async def look_again(self) -> None:
        """Read again, whatever is shown."""
        await self._read(self.detail.id)

    @rx.event
    @guarded(Permission.DELIVERIES_VIEW)
    async def toggle_live(self) -> None:
        """Hold the list still, or let it follow what arrives."""
        self.is_live = not self.is_live
        if self.is_live:
            self._has_more_shown = False
            await self._read(self.detail.id)

    @rx.event
    @guarded(Permission.DELIVERIES_VIEW)
    async def choose_range(self, value: str) -> rx.event.EventSpec:
        """Show only what came within a span of time."""
        return rx.redirect(replace(self.search, span=value[:10], since="", until="").path())

    @rx.event
    @guarded(Permission.DELIVERIES_VIEW)
    async def choose_connection(self, value: str) -> rx.event.EventSpec:
        """Show only what came through one connection."""
        return rx.redirect(replace(self.search, connection=value[:_LONGEST]).path())

    @rx.event
    @guarded(Permission.DELIVERIES_VIEW)
    async def show_more(self) -> rx.event.EventSpec | None:
        """Show earlier deliveries."""
        kernel = get_kernel()
        wanted = filter_of(self.search, kernel.clock.now())
        try:
            page = await in_thread(
                webhooks.list_deliveries,
                kernel,
                actor=current_actor(),
                wanted=wanted,
                cursor=self.next_cursor,
                limit=_PAGE,
            )
        except PatchbayError as error:
            return complain(error)
        self.rows = [*self.rows, *(row_of(view, self.search, opened=self.detail.id) for view in page.items)]
        self.next_cursor, self._has_more_shown = page.next_cursor, True
        return None

    @rx.event
    @guarded(Permission.DELIVERIES_VIEW)
    async def close(self) -> rx.event.EventSpec:
        """Put the open delivery away."""
        self.detail, self.revealed, self.unknown = NONE_OPEN, "", False
        return rx.redirect(self.search.path())

    @rx.event
    @guarded(Permission.DELIVERIES_REVEAL)
    async def reveal(self) -> rx.event.EventSpec | None:
        """Show the whole body; that somebody looked is in the audit log."""
        try:
            body = await in_thread(
                webhooks.reveal_body, get_kernel(), actor=current_actor(), delivery_id=parse_id(self.detail.id)
            )
        except PatchbayError as error:
            return complain(error)
        self.revealed = body.text or "(empty)"
        return None

    def _follows(self) -> bool:
        """Whether the list may move: somebody who filters or has scrolled is looking for something in it."""
        is_at_rest = not (self.is_narrowed or self._is_past_top or self._has_more_shown)
        return self.is_live and (is_at_rest or not self.rows)

    async def _count_fresh(self) -> None:
        """Say how many came meanwhile; the rows that are shown, and the open delivery, are brought up to date."""
        search = replace(self.search)
        shown = [row.id for row in self.rows]
        try:
            fresh = await in_thread(
                _look_behind, current_actor(), search, shown, self.detail.id, is_held=not self.is_live
            )
        except PatchbayError as error:
            self.phase, self.trouble = "failed", error.message
            return
        if search != self.search:
            return
        self.fresh = fresh_words(fresh.count)
        if fresh.rows is not None:
            self.rows, self.next_cursor, self.detail = list(fresh.rows), fresh.next_cursor, fresh.detail

    async def _read(self, opened: str) -> None:
        search = replace(self.search)
        try:
            found = await in_thread(_load, current_actor(), search, opened)
        except PatchbayError as error:
            self.phase, self.trouble = "failed", error.message
            return
        if search != self.search:
            return  # the address has moved on; what it asks for now is read by the event that moved it
        if found.detail.id != self.detail.id:
            self.revealed = ""
        self.rows, self.causes, self.next_cursor = list(found.rows), list(found.causes), found.next_cursor
        self.detail, self.unknown, self.refused = found.detail, bool(opened and not found.detail.id), found.refused
        self.fresh, self._has_more_shown = "", False
        self.services = list(found.services)
        self.states, self.narrowed = state_pills(self.search), narrowing(self.search)
        self.is_narrowed, self.phase = self.search.is_narrowed, "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """What one look at the database found."""

    rows: tuple[Row, ...]
    causes: tuple[Cause, ...]
    next_cursor: str
    refused: str
    services: tuple[Option, ...]
    detail: Detail


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fresh:
    """What has changed behind a list that stays where it is."""

    count: int
    rows: tuple[Row, ...] | None
    """The same rows as they stand now; None if they are to be left alone."""
    next_cursor: str = ""
    detail: Detail = NONE_OPEN


def _look_behind(actor: Actor, search: Search, shown: list[str], opened: str, *, is_held: bool) -> _Fresh:
    kernel = get_kernel()
    wanted = filter_of(search, kernel.clock.now())
    newest = parse_id(shown[0]) if shown else None
    count = webhooks.count_newer(kernel, actor=actor, wanted=wanted, than=newest)
    if is_held or newest is None or len(shown) > _MOST_REFRESHED:
        return _Fresh(count=count, rows=None)
    just_above = str(UUID(int=newest.int + 1))
    page = webhooks.list_deliveries(kernel, actor=actor, wanted=wanted, cursor=just_above, limit=len(shown))
    detail = _find(actor, opened) if opened else NONE_OPEN
    return _Fresh(count=count, rows=tuple(row_of(view, search, opened=detail.id) for view in page.items), detail=detail)


def _load(actor: Actor, search: Search, opened: str) -> _Loaded:
    kernel = get_kernel()
    wanted = filter_of(search, kernel.clock.now())
    page = webhooks.list_deliveries(kernel, actor=actor, wanted=wanted, limit=_PAGE)
    groups = webhooks.list_groups(kernel, actor=actor, wanted=wanted)
    detail = _find(actor, opened) if opened else NONE_OPEN
    return _Loaded(
        rows=tuple(row_of(view, search, opened=detail.id) for view in page.items),
        causes=tuple(cause_of(group, search) for group in groups),
        next_cursor=page.next_cursor,
        refused=refused_words(webhooks.list_refused(kernel, actor=actor)),
        services=tuple(options_of(list_connections(kernel, actor=actor))),
        detail=detail,
    )


def _find(actor: Actor, opened: str) -> Detail:
    try:
        return detail_of(webhooks.get_delivery(get_kernel(), actor=actor, delivery_id=parse_id(opened)))
    except NotFound:
        return NONE_OPEN
