"""The dialog about shared channels: searched in what was listed, and saved as soon as something is chosen."""

from dataclasses import dataclass, replace
from uuid import UUID

import reflex as rx

from app.desk.shared.view import NOTHING, Rows, rows_of
from app.desk.state import Choice
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import Steps, complain, parse_id
from app.session.visits import Visited
from services import channels
from services.agents import list_agents
from services.kernel.errors import InvalidInput, NotFound, PatchbayError
from services.kernel.kernel import Kernel
from services.tenants import Actor, Permission


class ChannelsState(Visited, rx.State):
    """The connection whose channels are looked at."""

    connection_id: str = ""
    data: Rows = NOTHING
    agents: rx.Field[list[Choice]] = rx.field(default_factory=list)
    query: str = ""
    is_open: bool = False
    is_busy: bool = False
    saved: str = ""
    """What was saved last, in words, for the status line."""
    wrong: str = ""
    """What is wrong with the pasted id."""

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def open_channels(self, connection_id: str) -> rx.event.EventSpec | None:
        """Show a connection's channels."""
        self.connection_id, self.query, self.saved, self.wrong = connection_id, "", "", ""
        await self._note_visit()
        try:
            found = await in_thread(_open, get_kernel(), current_actor(), parse_id(connection_id))
        except PatchbayError as error:
            return complain(error)
        self.data, self.agents, self.is_open = found.data, list(found.agents), True
        return None

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def search(self, query: str) -> rx.event.EventSpec | None:
        """Look for channels by name or id."""
        self.query = query[:80]
        return await self._read()

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def show_more(self) -> rx.event.EventSpec | None:
        """Show further channels."""
        shown = self.data.rows
        if not self.data.next_cursor:
            return None
        try:
            page = await self._page(cursor=self.data.next_cursor)
        except PatchbayError as error:
            return complain(error)
        self.data = replace(page, rows=(*shown, *page.rows))
        return None

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def set_mode(self, channel_id: str, mode: str) -> rx.event.EventSpec | None:
        """Say what is answered in a channel."""
        row = next((row for row in self.data.rows if row.id == channel_id), None)
        return await self._save(channel_id, mode, row.agent_id if row else "")

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def set_agent(self, channel_id: str, agent_id: str) -> rx.event.EventSpec | None:
        """Say who answers in a channel."""
        row = next((row for row in self.data.rows if row.id == channel_id), None)
        return await self._save(channel_id, row.mode if row else "", agent_id)

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def set_default_mode(self, mode: str) -> rx.event.EventSpec | None:
        """Say what is answered in all other channels."""
        return await self._save_default(mode, self.data.default_agent_id)

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def set_default_agent(self, agent_id: str) -> rx.event.EventSpec | None:
        """Say who answers in all other channels."""
        return await self._save_default(self.data.default_mode, agent_id)

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def refresh(self) -> rx.event.EventSpec | None:
        """Have the channels read from the provider again."""
        try:
            await in_thread(
                channels.request_listing,
                get_kernel(),
                actor=current_actor(),
                connection_id=parse_id(self.connection_id),
            )
        except PatchbayError as error:
            return complain(error)
        return await self._read()

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def add(self, form: dict[str, str]) -> Steps:
        """Take in a channel by its pasted id."""
        self.is_busy, self.wrong = True, ""
        yield
        try:
            found = await in_thread(
                channels.add_channel,
                get_kernel(),
                actor=current_actor(),
                connection_id=parse_id(self.connection_id),
                external_id=str(form.get("external_id", "")),
            )
            self.query = found.external_id
            self.data = await self._page()
            self.saved = f"#{found.name} is in the list."
        except InvalidInput as error:
            self.wrong = error.message
        except PatchbayError as error:
            self.wrong = error.message
        finally:
            self.is_busy = False

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def on_live(self, row_id: str) -> rx.event.EventSpec | None:
        """Read again while the dialog is open: the list grows, or a rule was changed elsewhere."""
        if not self.is_open or row_id != self.connection_id:
            return None
        return await self._read()

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def close(self) -> None:
        """Put the dialog away."""
        self.is_open = False

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def load(self) -> None:
        """Close what another visit left open, and what was about something that is gone."""
        if await self._is_new_visit():
            self.is_open = False
        if self.is_open:
            try:
                self.data = await self._page()
            except NotFound:
                self.is_open = False

    async def _save(self, channel_id: str, mode: str, agent_id: str) -> rx.event.EventSpec | None:
        try:
            found = await in_thread(
                channels.set_policy,
                get_kernel(),
                actor=current_actor(),
                connection_id=parse_id(self.connection_id),
                channel_id=parse_id(channel_id),
                mode=mode,
                agent_id=parse_id(agent_id) if agent_id else None,
            )
        except PatchbayError as error:
            return complain(error)
        self.saved = f"Saved: #{found.name} holds from the next message on."
        rows = tuple(
            replace(row, mode=mode, agent_id=agent_id) if row.id == channel_id else row for row in self.data.rows
        )
        self.data = replace(self.data, rows=rows)
        return None

    async def _save_default(self, mode: str, agent_id: str) -> rx.event.EventSpec | None:
        try:
            await in_thread(
                channels.set_default,
                get_kernel(),
                actor=current_actor(),
                connection_id=parse_id(self.connection_id),
                mode=mode,
                agent_id=parse_id(agent_id) if agent_id else None,
            )
        except PatchbayError as error:
            return complain(error)
        self.saved = "Saved: the default holds from the next message on."
        return await self._read()

    async def _read(self) -> rx.event.EventSpec | None:
        try:
            self.data = await self._page()
        except PatchbayError as error:
            return complain(error)
        return None

    async def _page(self, *, cursor: str = "") -> Rows:
        return await in_thread(
            _read_rows, get_kernel(), current_actor(), parse_id(self.connection_id), self.query, cursor
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """What the dialog begins with."""

    data: Rows
    agents: tuple[Choice, ...]


def _open(kernel: Kernel, actor: Actor, connection_id: UUID) -> _Opened:
    agents = tuple(Choice(id=str(agent.id), name=agent.name) for agent in list_agents(kernel, actor=actor))
    return _Opened(data=_read_rows(kernel, actor, connection_id, "", ""), agents=agents)


def _read_rows(kernel: Kernel, actor: Actor, connection_id: UUID, query: str, cursor: str) -> Rows:
    return rows_of(channels.list_channels(kernel, actor=actor, connection_id=connection_id, query=query, cursor=cursor))
