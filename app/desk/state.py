"""What one does to a connection: connect and replace keys, test, pause, assign numbers, look at it, disconnect."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import reflex as rx

from app import routes
from app.desk.readings import Reading, readings_of
from app.desk.view import (
    NO_FORM,
    NO_ITEM,
    Item,
    KeysForm,
    LogLine,
    build_item,
    counted_consequences,
    ending_words,
    form_again,
    form_for,
    log_lines,
)
from app.desk.words import Event, history
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import SessionState, Steps, complain, parse_id, query_value
from app.session.visits import Visited
from services.agents import list_agents
from services.connections import (
    ConnectionView,
    ProviderCardView,
    assign_number,
    available_providers,
    disconnect,
    get_connection,
    list_transitions,
    pause,
    preview_disconnect,
    resume,
    sync_numbers,
    test_connection,
)
from services.kernel.errors import NotFound, PatchbayError
from services.tenants import Actor, Permission
from services.webhooks import list_deliveries

EVENTS_SHOWN = 30
DELIVERIES_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An agent to choose from."""

    id: str
    name: str


class DeskState(Visited, rx.State):
    """The connection one works on, and the dialog that is open."""

    item: Item = NO_ITEM
    form: KeysForm = NO_FORM
    dialog: str = ""
    """``keys``, ``paste``, ``numbers``, ``disconnect``, ``history``, ``log``, ``repair`` or empty."""
    act: str = ""
    """What the dialog ``repair`` offers: ``reconnect``, ``test`` or ``resume``."""
    busy: str = ""
    """Id of the connection or number that is being worked on."""
    error: str = ""
    agents: rx.Field[list[Choice]] = rx.field(default_factory=list)
    events: rx.Field[list[Event]] = rx.field(default_factory=list)
    lines: rx.Field[list[LogLine]] = rx.field(default_factory=list)
    consequences: rx.Field[list[str]] = rx.field(default_factory=list)
    keep_history: bool = True
    said: str = ""
    """What came of the last act that ended on the page itself, such as a disconnect."""
    said_kind: str = ""

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def load(self) -> Steps:
        """Clear the desk of what another visit left there; a notice's link names what to repair."""
        self.busy = ""
        if await self._is_new_visit():
            self.dialog = self.act = self.error = self.said = self.said_kind = ""
        else:
            await self._look_at_it_again()
        connection_id, act = query_value(self, "connection"), query_value(self, "act")
        if self.router.route_id == routes.ALL_INTEGRATIONS and connection_id and act:
            async for event in self._open_repair(connection_id, act):
                yield event

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def open_keys(self, provider: str, scheme_id: str, agent_id: str) -> rx.event.EventSpec | None:
        """Show the form that connects an account by keys."""
        providers = await in_thread(available_providers, get_kernel(), actor=current_actor())
        found = next((item for item in providers if item.slug == provider), None)
        form = form_for(found, scheme_id, agent_id=agent_id) if found else None
        if form is None:
            return rx.toast.error("There is no way to connect this service on this server.")
        await self._note_visit()
        self.item, self.form, self.dialog, self.error = NO_ITEM, form, "keys", ""
        return None

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def on_keys(self, connection_id: str) -> Steps:
        """Go on after the server accepted the keys: addresses to paste, or numbers to assign."""
        is_new, self.dialog = not self.item.id, ""
        try:
            view = await self._lay_down(connection_id)
        except PatchbayError as error:
            yield complain(error)
            return
        if view.category == "phone" and not any(number.agent_id for number in view.numbers):
            self.dialog = "numbers"
        elif is_new and self.item.addresses:
            self.dialog = "paste"
        yield rx.toast.success(f"{self.item.title} is connected: {self.item.account}.")
        for event in self._show_again():
            yield event

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def repair(self, connection_id: str, act: str) -> Steps:
        """Open what repairs a finding: the form for keys, the numbers, the log, or one button with its reason."""
        async for event in self._open_repair(connection_id, act):
            yield event

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def open_numbers(self, connection_id: str) -> Steps:
        """Show the account's numbers; fetch them if there are none yet."""
        try:
            await self._lay_down(connection_id)
        except PatchbayError as error:
            yield complain(error)
            return
        self.dialog = "numbers"
        async for event in self._fetch_if_empty():
            yield event

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def fetch_numbers(self) -> Steps:
        """Ask the provider for the account's numbers again."""
        async for event in self._fetch_numbers():
            yield event

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def assign(self, number_id: str, agent_id: str) -> Steps:
        """Let an agent, or nobody, answer on a number."""
        self.busy, self.error = number_id, ""
        yield
        try:
            await in_thread(
                assign_number,
                get_kernel(),
                actor=current_actor(),
                connection_id=parse_id(self.item.id),
                number_id=parse_id(number_id),
                agent_id=parse_id(agent_id) if agent_id else None,
            )
            await self._lay_down(self.item.id)
            for event in self._show_again():
                yield event
        except PatchbayError as error:
            self.error = error.message
        finally:
            self.busy = ""

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def test(self, connection_id: str) -> Steps:
        """Make the cheapest call that proves the credential; the result is said, and stands on the card."""
        self.busy = connection_id
        yield
        try:
            check = await in_thread(
                test_connection, get_kernel(), actor=current_actor(), connection_id=parse_id(connection_id)
            )
            said = f"{check.summary} ({check.duration_ms} ms)"
            yield rx.toast.success(said) if check.succeeded else rx.toast.error(said, duration=8000)
            self.dialog = "" if self.dialog == "repair" else self.dialog
            for event in self._show_again():
                yield event
        except PatchbayError as error:
            yield complain(error)
        finally:
            self.busy = ""

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def pause(self, connection_id: str) -> Steps:
        """Let nothing in and nothing out until it is resumed."""
        async for event in self._change(pause, connection_id):
            yield event

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def resume(self, connection_id: str) -> Steps:
        """Let a paused connection go on; what waited is sent."""
        async for event in self._change(resume, connection_id):
            yield event

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def ask_disconnect(self, connection_id: str) -> rx.event.EventSpec | None:
        """Ask before disconnecting, with the counted consequences."""
        try:
            await self._lay_down(connection_id)
            found = await in_thread(
                preview_disconnect, get_kernel(), actor=current_actor(), connection_id=parse_id(connection_id)
            )
        except PatchbayError as error:
            return complain(error)
        self.consequences, self.keep_history, self.dialog = counted_consequences(found), True, "disconnect"
        return None

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def choose_history(self, choice: str) -> None:
        """Keep the history, or have it deleted with the connection."""
        self.keep_history = choice != "delete"

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def disconnect(self) -> Steps:
        """Give the access back at the provider, forget the secrets, and say what the provider answered."""
        self.busy = self.item.id
        yield
        try:
            done = await in_thread(
                disconnect,
                get_kernel(),
                actor=current_actor(),
                connection_id=parse_id(self.item.id),
                keep_history=self.keep_history,
            )
            self.dialog = ""
            self.said, self.said_kind = ending_words(self.item.title, done.revocation)
            for event in self._show_again():
                yield event
        except PatchbayError as error:
            yield complain(error)
        finally:
            self.busy = ""

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def open_history(self, connection_id: str) -> rx.event.EventSpec | None:
        """Show how the connection came to where it stands."""
        try:
            await self._lay_down(connection_id)
            page = await in_thread(
                list_transitions,
                get_kernel(),
                actor=current_actor(),
                connection_id=parse_id(connection_id),
                limit=EVENTS_SHOWN,
            )
        except PatchbayError as error:
            return complain(error)
        self.events, self.dialog = list(history(page.items)), "history"
        return None

    @rx.event
    @guarded(Permission.DELIVERIES_VIEW)
    async def open_log(self, connection_id: str) -> rx.event.EventSpec | None:
        """Show what came in last, and what was refused."""
        try:
            await self._read_log(await self._lay_down(connection_id))
        except PatchbayError as error:
            return complain(error)
        return None

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def close(self) -> None:
        """Put the dialog away."""
        self.dialog, self.error = "", ""

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def dismiss_banner(self) -> None:
        """Put away what was said last."""
        self.said = self.said_kind = ""

    async def _lay_down(self, connection_id: str) -> ConnectionView:
        await self._note_visit()
        found = await in_thread(_load, current_actor(), parse_id(connection_id))
        self.item, self.agents, self.error = build_item(found.connection, found.providers), list(found.agents), ""
        return found.connection

    async def _look_at_it_again(self) -> None:
        """Bring the connection of the open dialog up to date; without it there is nothing to be asked about."""
        if not (self.dialog and self.item.id):
            return
        try:
            await self._lay_down(self.item.id)
        except NotFound:
            self.dialog = ""

    async def _open_repair(self, connection_id: str, act: str) -> Steps:
        may_edit = current_actor().may(Permission.CONNECTIONS_EDIT)
        try:
            view = await self._lay_down(connection_id)
            if act == "open_log":
                await self._read_log(view)
            elif act == "change_limit":
                yield rx.redirect(routes.agent_settings(view.agent_id) if view.agent_id else routes.TEAM)
            elif not may_edit:
                return
            elif act == "assign_number":
                self.dialog = "numbers"
                async for event in self._fetch_if_empty():
                    yield event
            elif act == "reconnect" and not self.item.consent:
                await self._ask_for_keys(view)
            elif act in {"reconnect", "test", "resume"}:
                self.dialog, self.act = "repair", act
        except PatchbayError as error:
            yield complain(error)

    async def _read_log(self, view: ConnectionView) -> None:
        page = await in_thread(
            list_deliveries, get_kernel(), actor=current_actor(), connection_id=view.id, limit=DELIVERIES_SHOWN
        )
        self.lines, self.dialog = list(log_lines(view, page.items)), "log"

    async def _ask_for_keys(self, view: ConnectionView) -> None:
        providers = await in_thread(available_providers, get_kernel(), actor=current_actor())
        form = form_again(view, providers)
        if form:
            self.form, self.dialog = form, "keys"

    async def _change(self, change: Callable[..., ConnectionView], connection_id: str) -> Steps:
        self.busy = connection_id
        yield
        try:
            await in_thread(change, get_kernel(), actor=current_actor(), connection_id=parse_id(connection_id))
            self.dialog = "" if self.dialog == "repair" else self.dialog
            for event in self._show_again():
                yield event
        except PatchbayError as error:
            yield complain(error)
        finally:
            self.busy = ""

    async def _fetch_if_empty(self) -> Steps:
        if self.item.id and not self.item.numbers:
            async for event in self._fetch_numbers():
                yield event

    async def _fetch_numbers(self) -> Steps:
        self.busy, self.error = self.item.id, ""
        yield
        try:
            await in_thread(sync_numbers, get_kernel(), actor=current_actor(), connection_id=parse_id(self.item.id))
            await self._lay_down(self.item.id)
        except PatchbayError as error:
            self.error = error.message
        finally:
            self.busy = ""

    def _show_again(self) -> list[Reading]:
        """Return what lets the page that is open read again; a live notice may come late, or not at all."""
        return [*readings_of(self.router.route_id), SessionState.load()]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    connection: ConnectionView
    providers: tuple[ProviderCardView, ...]
    agents: tuple[Choice, ...]


def _load(actor: Actor, connection_id: UUID) -> _Loaded:
    kernel = get_kernel()
    return _Loaded(
        connection=get_connection(kernel, actor=actor, connection_id=connection_id),
        providers=available_providers(kernel, actor=actor),
        agents=tuple(Choice(id=str(item.id), name=item.name) for item in list_agents(kernel, actor=actor)),
    )
