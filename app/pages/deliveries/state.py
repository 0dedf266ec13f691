"""The delivery log: filters and the open delivery, all of it in the address; read again as deliveries arrive."""

from dataclasses import dataclass, replace

import reflex as rx

from app.pages.deliveries.shapes import Cause, Detail, Pill, Row
from app.pages.deliveries.view import (
    Search,
    cause_of,
    detail_of,
    filter_of,
    narrowing,
    refused_words,
    row_of,
    state_pills,
)
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import complain, parse_id, query_value
from services import webhooks
from services.kernel.errors import NotFound, PatchbayError
from services.tenants import Actor, Permission

NONE_OPEN = Detail()
_PAGE = 50
_LONGEST = 200
_FIELDS = (
    *("state", "provider", "connection", "event", "cause", "span", "since", "until", "q"),
    *("outcome", "agent", "channel"),
)


class DeliveriesState(rx.State):
    """What fits the filters, the groups of failures, and the open delivery."""

    rows: rx.Field[list[Row]] = rx.field(default_factory=list)
    causes: rx.Field[list[Cause]] = rx.field(default_factory=list)
    states: rx.Field[list[Pill]] = rx.field(default_factory=list)
    narrowed: rx.Field[list[Pill]] = rx.field(default_factory=list)
    search: Search = Search()
    is_narrowed: bool = False
    refused: str = ""
    next_cursor: str = ""
    has_more_shown: bool = False
    """Earlier pages are shown: what arrives is counted on top, and the list stays where it is."""
    is_live: bool = True
    revision: int = 0
    """Grows when the address brings another search than the one that was typed."""
    detail: Detail = NONE_OPEN
    revealed: str = ""
    """The whole body of the open delivery, once somebody asked for it."""
    unknown: bool = False
    """The address names a delivery that there is not."""
    phase: str = "loading"
    trouble: str = ""

    @rx.event
    @guarded(Permission.DELIVERIES_VIEW)
    async def load(self) -> None:
        """Read what the address asks for."""
        search = Search(**{name: query_value(self, name)[:_LONGEST] for name in _FIELDS})
        if search.q != self.search.q:
            self.revision += 1
        self.search, self.has_more_shown = search, False
        await self._read(query_value(self, "d"))

    @rx.event
    @guarded(Permission.DELIVERIES_VIEW)
    async def on_live(self, row_id: str) -> None:
        """Read again: a delivery has moved."""
        if self.phase == "ready" and self.is_live and not self.has_more_shown and row_id:
            await self._read(self.detail.id)

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
            self.has_more_shown = False
            await self._read(self.detail.id)

    @rx.event
    @guarded(Permission.DELIVERIES_VIEW)
    async def type_search(self, text: str) -> rx.event.EventSpec:
        """Put what was typed into the address, which then is read."""
        self.search = replace(self.search, q=text.strip()[:_LONGEST])
        return rx.redirect(self.search.path(), replace=True)

    @rx.event
    @guarded(Permission.DELIVERIES_VIEW)
    async def choose_range(self, value: str) -> rx.event.EventSpec:
        """Show only what came within a span of time."""
        return rx.redirect(replace(self.search, span=value[:10], since="", until="").path())

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
        self.next_cursor, self.has_more_shown = page.next_cursor, True
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
        self.states, self.narrowed = state_pills(self.search), narrowing(self.search)
        self.is_narrowed, self.phase = self.search.is_narrowed, "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """What one look at the database found."""

    rows: tuple[Row, ...]
    causes: tuple[Cause, ...]
    next_cursor: str
    refused: str
    detail: Detail


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
        detail=detail,
    )


def _find(actor: Actor, opened: str) -> Detail:
    try:
        return detail_of(webhooks.get_delivery(get_kernel(), actor=actor, delivery_id=parse_id(opened)))
    except NotFound:
        return NONE_OPEN
