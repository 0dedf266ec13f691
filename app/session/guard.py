"""The guard in front of every event: deny by default.

Every public method of a State can be called by anyone with a websocket, on any page, with any arguments. So each
handler of ours declares the right it needs with :func:`guarded`, and :class:`Guard` refuses what declares none.
Services check the right again.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

import reflex as rx
from reflex.event import Event
from reflex.state import BaseState, StateUpdate
from reflex_base.registry import RegistrationContext

from app import routes
from app.session.kernel import get_kernel, in_thread
from services.kernel.errors import Unauthenticated
from services.tenants import Actor, Permission, find_actor_by_session, read_session_token

Handler = TypeVar("Handler", bound=Callable[..., Any])

_PERMISSION = "__patchbay_permission__"
_STATE = "reflex___state____state."
FRAMEWORK = frozenset(
    _STATE + name
    for name in (
        "hydrate",
        "hydrate_and_load",
        "set_is_hydrated",
        "reflex___state____on_load_internal_state.on_load_internal",
        "reflex___state____on_load_internal_state.set_is_hydrated",
        "reflex___state____update_vars_internal_state.update_vars_internal",
        "reflex___state____frontend_event_exception_state.handle_frontend_exception",
    )
)
"""What Reflex itself needs before anyone is signed in. An exact set: ``setvar`` and its kin are not in it."""

_actor: ContextVar[Actor] = ContextVar("patchbay_page_actor")


def guarded(permission: Permission) -> Callable[[Handler], Handler]:
    """Declare the right an event handler needs; goes below ``@rx.event``."""

    def declare(handler: Handler) -> Handler:
        setattr(handler, _PERMISSION, permission)
        return handler

    return declare


def declared_permission(event_name: str) -> Permission | None:
    """Return the right that the handler of an event declares; None for unknown and undeclared handlers."""
    registered = RegistrationContext.get().event_handlers.get(event_name)
    found = getattr(registered.handler.fn, _PERMISSION, None) if registered else None
    return found if isinstance(found, Permission) else None


def current_actor() -> Actor:
    """Return who sent the event that is being handled; never kept in state.

    Raises:
        Unauthenticated: called outside an event that passed the guard.
    """
    try:
        return _actor.get()
    except LookupError as missing:
        raise Unauthenticated("Sign in first.") from missing


async def find_actor(state: BaseState) -> Actor | None:
    """Look up who is behind the cookie that came with the tab's websocket."""
    kernel = get_kernel()
    token = read_session_token(kernel.settings, state.router.headers.cookie)
    return await in_thread(find_actor_by_session, kernel, token) if token else None


class OwnerState(rx.State):
    """Remembers on the server which sign-in a tab's state belongs to."""

    _session_id: str = ""

    def _belongs_to_another(self, actor: Actor | None) -> bool:
        return bool(self._session_id) and (actor is None or str(actor.session_id) != self._session_id)

    def _claim(self, actor: Actor) -> None:
        self._session_id = str(actor.session_id)


class Guard(rx.Middleware):
    """Looks up the actor for every event and refuses what the role does not grant."""

    async def preprocess(self, app: rx.App, state: BaseState, event: Event) -> StateUpdate | None:
        """Let the event pass, or answer in its handler's place."""
        actor = await find_actor(state)
        owner = await state.get_state(OwnerState)
        if owner._belongs_to_another(actor):  # pyright: ignore[reportPrivateUsage]
            return _answer(_fresh_tab(signed_in=actor is not None))
        if event.name in FRAMEWORK:
            return None
        permission = declared_permission(event.name)
        if actor is None:
            return _answer(_fresh_tab(signed_in=False))
        if permission is None or not actor.may(permission):
            return _answer(rx.toast.error(f"Your role “{actor.role.value}” may not do this. Ask an owner."))
        owner._claim(actor)  # pyright: ignore[reportPrivateUsage]
        _actor.set(actor)
        return None


def _fresh_tab(*, signed_in: bool) -> rx.event.EventSpec:
    """Drop the tab's state: it belongs to another sign-in, or to nobody any more."""
    target = "window.location.href" if signed_in else f"'{routes.LOGIN}'"
    return rx.call_script(f"sessionStorage.removeItem('token'); window.location.assign({target})")


def _answer(event: rx.event.EventSpec) -> StateUpdate:
    return StateUpdate(events=Event.from_event_type(event))
