"""A connection's name, its agent, and its end for good."""

from uuid import UUID

import reflex as rx

from app.desk.readings import Reading, readings_of
from app.desk.state import Choice
from app.desk.upkeep.view import NOTHING, Kept, changed_words, deletion_effects, kept_of
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import SessionState, Steps, complain, parse_id
from app.session.visits import Visited
from services.agents import list_agents
from services.connections import (
    AgentChoice,
    ConnectionChanges,
    ConnectionView,
    delete_connection,
    get_connection,
    preview_disconnect,
    update_settings,
)
from services.kernel.errors import Conflict, InvalidInput, NotFound, PatchbayError
from services.kernel.kernel import Kernel
from services.tenants import Actor, Permission


class UpkeepState(Visited, rx.State):
    """The connection that is looked at, and which of the two dialogs is open."""

    item: Kept = NOTHING
    agents: rx.Field[list[Choice]] = rx.field(default_factory=list)
    effects: rx.Field[list[str]] = rx.field(default_factory=list)
    dialog: str = ""
    """``settings``, ``delete`` or empty."""
    is_busy: bool = False
    wrong_field: str = ""
    wrong_text: str = ""

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def load(self) -> None:
        """Close what another visit left open, and what was about something that is gone."""
        self.is_busy = False
        if await self._is_new_visit():
            self._put_away()
        if self.dialog:
            try:
                self.item = kept_of(await self._lay_down(self.item.id))
            except NotFound:
                self._put_away()

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def close(self) -> None:
        """Put the dialog away."""
        self._put_away()

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def open_settings(self, connection_id: str) -> rx.event.EventSpec | None:
        """Show what a connection is called and whose it is."""
        try:
            connection = await self._lay_down(connection_id)
        except PatchbayError as error:
            return complain(error)
        self.item, self.dialog = kept_of(connection), "settings"
        return None

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def save(self, form: dict[str, str]) -> Steps:
        """Rename the connection, or give it to another agent or to the whole company."""
        self.is_busy, self.wrong_field, self.wrong_text = True, "", ""
        yield
        try:
            agent_id = str(form.get("agent_id", ""))
            connection = await in_thread(
                update_settings,
                get_kernel(),
                actor=current_actor(),
                connection_id=parse_id(self.item.id),
                changes=ConnectionChanges(
                    name=str(form.get("name", "")), agent=AgentChoice(parse_id(agent_id) if agent_id else None)
                ),
            )
        except InvalidInput as error:
            self.wrong_field, self.wrong_text = error.field, error.message
        except Conflict as error:
            # The account is there already: another agent is what has to be chosen.
            self.wrong_field, self.wrong_text = "agent_id", error.message
        except PatchbayError as error:
            yield complain(error)
        else:
            yield rx.toast.success(changed_words(self.item, connection))
            self._put_away()
            for event in self._show_again():
                yield event
        finally:
            self.is_busy = False

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def ask_delete(self, connection_id: str) -> rx.event.EventSpec | None:
        """Ask before a disconnected connection is deleted, with the counted consequences."""
        try:
            connection = await self._lay_down(connection_id)
            found = await in_thread(
                preview_disconnect, get_kernel(), actor=current_actor(), connection_id=connection.id
            )
        except PatchbayError as error:
            return complain(error)
        self.item, self.effects = kept_of(connection), list(deletion_effects(connection, found))
        self.dialog = "delete"
        return None

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def delete(self, form: dict[str, str]) -> Steps:
        """Delete a disconnected connection for good, with all that belongs to it, if that is meant."""
        if not form.get("sure"):
            self.wrong_field, self.wrong_text = "sure", "Tick this first."
            return
        self.is_busy, self.wrong_field, self.wrong_text = True, "", ""
        yield
        try:
            await in_thread(_delete, get_kernel(), current_actor(), parse_id(self.item.id))
        except PatchbayError as error:
            yield complain(error)
        else:
            yield rx.toast.success(f"{self.item.title} ({self.item.account}) is deleted for good.")
            self._put_away()
            for event in self._show_again():
                yield event
        finally:
            self.is_busy = False

    async def _lay_down(self, connection_id: str) -> ConnectionView:
        kernel, actor = get_kernel(), current_actor()
        await self._note_visit()
        connection = await in_thread(get_connection, kernel, actor=actor, connection_id=parse_id(connection_id))
        agents = await in_thread(list_agents, kernel, actor=actor)
        self.agents = [Choice(id=str(agent.id), name=agent.name) for agent in agents]
        self.wrong_field = self.wrong_text = ""
        return connection

    def _put_away(self) -> None:
        self.dialog = self.wrong_field = self.wrong_text = ""
        self.is_busy = False

    def _show_again(self) -> list[Reading]:
        return [*readings_of(self.router.route_id), SessionState.load()]


def _delete(kernel: Kernel, actor: Actor, connection_id: UUID) -> None:
    """Delete a connection that is out of use; one that somebody connected again meanwhile stays."""
    if get_connection(kernel, actor=actor, connection_id=connection_id).status != "disconnected":
        raise Conflict("This connection is in use. Disconnect it first.", code="in_use")
    delete_connection(kernel, actor=actor, connection_id=connection_id)
