"""The limit of all agents together, as last loaded or saved."""

from collections.abc import Callable

import reflex as rx

from app.pages.tenant.limit import Gauge, field_of, gauges, read_draft, shown_values
from app.session.form import StoredForm
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.live_page import LivePage
from app.session.state import Steps
from services.kernel.errors import PatchbayError
from services.limits import LimitDraft, LimitView, get_company_limit, set_company_limit
from services.tenants import Permission


class CompanyLimitState(StoredForm, LivePage, rx.State):
    """The form, and what is used; what is typed stays in the browser until it is submitted."""

    values: dict[str, str] = {}  # noqa: RUF012 (Reflex copies it for each session)
    gauges: rx.Field[list[Gauge]] = rx.field(default_factory=list)
    is_default: bool = True

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def load(self) -> None:
        """Read the limit and what is used of it."""
        await self._begin()
        await self._read_again()

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def refresh(self) -> None:
        """Read what is used again; the form stays as it is."""
        if self.phase != "ready":
            return
        try:
            view = await in_thread(get_company_limit, get_kernel(), actor=current_actor())
        except PatchbayError as error:
            self.phase, self.trouble = "failed", error.message
        else:
            self.gauges = list(gauges(view))

    @rx.event
    @guarded(Permission.AGENTS_EDIT)
    async def save(self, form: dict[str, str]) -> Steps:
        """Set what was typed; it holds from the next message on."""
        async for step in self._set(lambda: read_draft(form)):
            yield step

    @rx.event
    @guarded(Permission.AGENTS_EDIT)
    async def use_default(self) -> Steps:
        """Let the default hold again."""
        async for step in self._set(lambda: None):
            yield step

    async def _set(self, draft: Callable[[], LimitDraft | None]) -> Steps:
        kernel, actor = get_kernel(), current_actor()

        def save() -> LimitView:
            return set_company_limit(kernel, actor=actor, draft=draft())

        async for step in self._save(save, self._show, field_of=field_of):
            yield step

    async def _read(self) -> None:
        self._show(await in_thread(get_company_limit, get_kernel(), actor=current_actor()))

    def _show(self, view: LimitView) -> None:
        self.values, self.gauges, self.is_default = shown_values(view), list(gauges(view)), view.is_default
        self._draw(self.values)
        self.phase = "ready"
