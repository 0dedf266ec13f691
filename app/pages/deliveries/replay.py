"""The question before a replay: what it means, how many it is of, and why."""

from dataclasses import replace
from uuid import uuid4

import reflex as rx

from app.components.words import counted
from app.pages.deliveries.state import DeliveriesState
from app.pages.deliveries.view import KINDS, filter_of
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import Steps, complain, parse_id
from app.session.visits import Visited
from services import webhooks
from services.kernel.errors import InvalidInput, PatchbayError
from services.tenants import Permission
from services.webhooks import DeliveryFilter, ReplayView

_THINGS = {"process": "delivery", "rehearse": "answer", "send": "answer"}


class ReplayState(Visited, rx.State):
    """The replay that somebody is asked about."""

    kind: str = ""
    """``process``, ``rehearse`` or ``send``; empty while nobody is asked."""
    title: str = ""
    meaning: str = ""
    count: str = ""
    """What the dry run found, in words."""
    is_empty: bool = False
    may_double: bool = False
    """Some of it may have arrived already: to send it again must be said."""
    wrong: str = ""
    is_busy: bool = False
    _asked_at: str = ""
    """The address, which says what is listed and which delivery is open."""
    _asked: DeliveryFilter = DeliveryFilter()
    """Which deliveries it is about."""
    _key: str = ""
    """Makes all clicks on one question the same act."""

    @rx.event
    @guarded(Permission.DELIVERIES_VIEW)
    async def load(self) -> None:
        """Forget what was asked on another visit, or about what is looked at no longer."""
        if self._asked_at != str(self.router.url) or await self._is_new_visit():
            self.kind, self.wrong = "", ""

    @rx.event
    @guarded(Permission.DELIVERIES_REPLAY)
    async def ask_one(self, delivery_id: str, kind: str) -> rx.event.EventSpec | None:
        """Ask about a replay of one delivery."""
        return await self._ask(kind, DeliveryFilter(delivery_id=parse_id(delivery_id)))

    @rx.event
    @guarded(Permission.DELIVERIES_REPLAY)
    async def ask_group(self, provider: str, cause: str) -> rx.event.EventSpec | None:
        """Ask about processing all deliveries again that failed of one cause."""
        if not cause:
            return None  # without a cause it would be about everything of the provider
        return await self._ask("process", DeliveryFilter(provider=provider, cause=cause))

    @rx.event
    @guarded(Permission.DELIVERIES_REPLAY)
    async def ask_all(self, kind: str) -> rx.event.EventSpec | None:
        """Ask about a replay of all that the list's filters mean, as of now."""
        now = get_kernel().clock.now()
        log = await self.get_state(DeliveriesState)
        wanted = filter_of(log.search, now)
        if wanted.is_empty:
            return None  # what is asked about must be looked for first
        return await self._ask(kind, replace(wanted, until=wanted.until or now))

    @rx.event
    @guarded(Permission.DELIVERIES_REPLAY)
    async def carry_out(self, form: dict[str, object]) -> Steps:
        """Replay what was asked about."""
        if self.is_busy or not self.kind:
            return
        self.is_busy, self.wrong = True, ""
        yield
        try:
            done = await in_thread(
                webhooks.replay,
                get_kernel(),
                actor=current_actor(),
                wanted=self._asked,
                kind=self.kind,
                reason=str(form.get("reason", "")),
                may_double=self.may_double and form.get("may_double") in (True, "on", "true"),
                idempotency_key=self._key,
            )
        except InvalidInput as error:
            self.wrong = error.message
        except PatchbayError as error:
            self.kind = ""
            yield complain(error)
        else:
            self.kind = ""
            yield rx.toast.success(said(done))
            yield DeliveriesState.look_again
        finally:
            self.is_busy = False

    @rx.event
    @guarded(Permission.DELIVERIES_VIEW)
    async def close(self) -> None:
        """Put the question away."""
        self.kind = ""

    async def _ask(self, kind: str, wanted: DeliveryFilter) -> rx.event.EventSpec | None:
        self._asked, self._key, self.wrong = wanted, uuid4().hex, ""
        self._asked_at = str(self.router.url)
        await self._note_visit()
        try:
            planned = await in_thread(
                webhooks.replay,
                get_kernel(),
                actor=current_actor(),
                wanted=wanted,
                kind=kind,
                dry_run=True,
            )
        except PatchbayError as error:
            return complain(error)
        self.kind, (self.title, self.meaning) = planned.kind, KINDS[planned.kind]
        self.may_double = planned.left_out > 0
        self.count = planned_words(planned)
        self.is_empty = planned.replayed + planned.left_out == 0
        return None


def planned_words(planned: ReplayView) -> str:
    """Return what a dry run found."""
    one = _THINGS[planned.kind]
    words = f"This is about {counted(planned.replayed, one, _many(one))}."
    if planned.left_out:
        words += f" {counted(planned.left_out, one, _many(one)).capitalize()} may have arrived already."
    if planned.remaining:
        words += f" {planned.remaining} more are left for the next time."
    return words


def said(done: ReplayView) -> str:
    """Return what a replay came to."""
    one = _THINGS[done.kind]
    many = counted(done.replayed, one, _many(one))
    return {
        "process": f"{many} on the way again.",
        "rehearse": f"{many} drafted again; see the trace.",
        "send": f"{many} on the way to the contact.",
    }[done.kind].capitalize()


def _many(one: str) -> str:
    return "deliveries" if one == "delivery" else ""
