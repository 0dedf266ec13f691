"""The company's keys: status, rotation with a dry run, progress, and the way back."""

from collections.abc import Callable

import reflex as rx

from app.pages.keys.view import (
    NO_ROTATION,
    Key,
    Rotation,
    alarm_words,
    dry_run,
    kek_words,
    key_of,
    openings_words,
    process_kinds,
    rotation_of,
)
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import Steps, complain
from app.session.visits import Visited
from services.kernel.errors import PatchbayError
from services.tenants import Permission
from services.vault import KeyStatusView, list_key_status, revert_rotation, start_rotation


class KeysState(Visited, rx.State):
    """What owners see of their keys."""

    keys: rx.Field[list[Key]] = rx.field(default_factory=list)
    rotation: Rotation = NO_ROTATION
    plan: rx.Field[list[str]] = rx.field(default_factory=list)
    """What a rotation would do."""
    processes: rx.Field[list[str]] = rx.field(default_factory=list)
    kek: str = ""
    secret_count: int = 0
    opened: str = ""
    alarm: str = ""
    """That far more secrets are opened than usual; empty if not."""
    is_due: bool = False
    can_start: bool = False
    phase: str = "loading"
    trouble: str = ""
    dialog: str = ""
    """``rotate``, ``revert`` or empty."""
    is_busy: bool = False

    @rx.event
    @guarded(Permission.KEYS_EDIT)
    async def load(self) -> None:
        """Read where the keys stand."""
        self.is_busy = False
        if await self._is_new_visit():
            self.dialog = ""
        await self._read()

    @rx.event
    @guarded(Permission.KEYS_EDIT)
    async def refresh(self) -> None:
        """Read again while a rotation is under way."""
        if self.phase == "ready":
            await self._read()

    @rx.event
    @guarded(Permission.KEYS_EDIT)
    async def ask(self, what: str) -> None:
        """Show what a rotation, or the way back, would do."""
        await self._note_visit()
        await self._read()
        self.dialog = what if what in {"rotate", "revert"} else ""

    @rx.event
    @guarded(Permission.KEYS_EDIT)
    async def rotate(self) -> Steps:
        """Begin to replace the data key."""
        async for event in self._change(start_rotation):
            yield event

    @rx.event
    @guarded(Permission.KEYS_EDIT)
    async def revert(self) -> Steps:
        """Take the way back to the key before."""
        async for event in self._change(revert_rotation):
            yield event

    @rx.event
    @guarded(Permission.KEYS_EDIT)
    async def close(self) -> None:
        """Put the dialog away."""
        self.dialog = ""

    async def _change(self, change: Callable[..., KeyStatusView]) -> Steps:
        self.is_busy = True
        yield
        try:
            self._show(await in_thread(change, get_kernel(), actor=current_actor()))
            self.dialog = ""
        except PatchbayError as error:
            yield complain(error)
        finally:
            self.is_busy = False

    async def _read(self) -> None:
        try:
            self._show(await in_thread(list_key_status, get_kernel(), actor=current_actor()))
        except PatchbayError as error:
            self.phase, self.trouble = "failed", error.message

    def _show(self, status: KeyStatusView) -> None:
        self.keys = [key_of(key) for key in status.keys]
        self.rotation, self.plan = rotation_of(status.rotation), list(dry_run(status))
        self.processes = process_kinds(status)
        self.kek, self.secret_count = kek_words(status), status.secret_count
        self.opened, self.alarm = openings_words(status.openings), alarm_words(status.openings)
        self.is_due, self.can_start, self.phase = status.is_due, status.can_start, "ready"
