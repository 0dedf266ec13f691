"""An app of one's own: the dialog that registers it, and what is here already."""

from dataclasses import dataclass

import reflex as rx

from app.desk.own_app.view import NO_GUIDE, App, Guide, app_of, guide_of
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import Steps, complain, parse_id
from app.session.visits import Visited
from services.connections import delete_app, describe_app, list_apps
from services.kernel.errors import PatchbayError
from services.kernel.kernel import Kernel
from services.tenants import Actor, Permission


class OwnAppState(Visited, rx.State):
    """The provider whose app is looked at."""

    guide: Guide = NO_GUIDE
    apps: rx.Field[list[App]] = rx.field(default_factory=list)
    agent_id: str = ""
    is_open: bool = False

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def open_apps(self, provider: str, agent_id: str) -> rx.event.EventSpec | None:
        """Show how to register an app at a provider, and the apps that are here."""
        await self._note_visit()
        self.agent_id = agent_id
        try:
            await self._read(provider)
        except PatchbayError as error:
            return complain(error)
        self.is_open = True
        return None

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def on_created(self, app_id: str) -> Steps:
        """Go on after the server took the app's keys: connecting through it is the next step."""
        try:
            await self._read(self.guide.provider)
        except PatchbayError as error:
            yield complain(error)
            return
        if any(app.id == app_id for app in self.apps):
            yield rx.toast.success("The app is kept. Connect through it now.")

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def on_replaced(self, app_id: str) -> Steps:
        """Say that the server took an app's new secrets."""
        try:
            await self._read(self.guide.provider)
        except PatchbayError as error:
            yield complain(error)
            return
        found = next((app for app in self.apps if app.id == app_id), None)
        if found:
            yield rx.toast.success(f"{found.name} works with the new secrets from now on. The old ones are forgotten.")

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def delete(self, app_id: str) -> Steps:
        """Forget an app that no connection uses; at the provider it stays."""
        try:
            await in_thread(delete_app, get_kernel(), actor=current_actor(), app_id=parse_id(app_id))
            await self._read(self.guide.provider)
        except PatchbayError as error:
            yield complain(error)

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def close(self) -> None:
        """Put the dialog away."""
        self.is_open = False

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def load(self) -> None:
        """Close what another visit left open: a walk that began in the dialog ends on the page."""
        if await self._is_new_visit():
            self.is_open = False

    async def _read(self, provider: str) -> None:
        found = await in_thread(_load, get_kernel(), current_actor(), provider, self.agent_id)
        self.guide, self.apps = found.guide, list(found.apps)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    guide: Guide
    apps: tuple[App, ...]


def _load(kernel: Kernel, actor: Actor, provider: str, agent_id: str) -> _Loaded:
    described = describe_app(kernel, actor=actor, provider=provider)
    apps = list_apps(kernel, actor=actor, provider=provider)
    return _Loaded(
        guide=guide_of(described),
        apps=tuple(app_of(view, agent_id=agent_id, fields=described.fields) for view in apps),
    )
