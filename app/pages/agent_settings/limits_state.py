"""How much an agent may send and do, as last loaded or saved."""

import reflex as rx

from app.pages.agent_settings.limits import company_words, field_of, read_drafts, shown_values, used_words
from app.session.form import StoredForm
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import Steps, complain, parse_id, route_id
from services.kernel.errors import PatchbayError
from services.limits import AgentLimitsView, get_agent_limits, set_agent_limits
from services.tenants import Permission


class LimitsState(StoredForm, rx.State):
    """The form; what is typed stays in the browser until it is submitted."""

    values: dict[str, str] = {}  # noqa: RUF012 (Reflex copies it for each session)
    used: dict[str, str] = {}  # noqa: RUF012
    company: str = ""
    is_loaded: bool = False
    _agent_id: str = ""

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def load(self) -> Steps:
        """Read the limits and what is used of them."""
        await self._begin()
        try:
            agent_id = route_id(self, "agent_id")
            if str(agent_id) != self._agent_id:
                self.is_loaded, self._agent_id = False, str(agent_id)
            view = await in_thread(get_agent_limits, get_kernel(), actor=current_actor(), agent_id=agent_id)
        except PatchbayError as error:
            yield complain(error)
        else:
            self._show(view)

    @rx.event
    @guarded(Permission.AGENTS_EDIT)
    async def save(self, form: dict[str, str]) -> Steps:
        """Save what was typed; it holds from the next message on."""
        kernel, actor = get_kernel(), current_actor()

        def save() -> AgentLimitsView:
            agent_id = parse_id(self._agent_id)
            return set_agent_limits(kernel, actor=actor, agent_id=agent_id, drafts=read_drafts(form))

        async for step in self._save(save, self._show, field_of=field_of):
            yield step

    def _show(self, view: AgentLimitsView) -> None:
        self.values, self.used = shown_values(view), used_words(view)
        self.company = company_words(view.company)
        self._draw(self._agent_id, self.values)
        self.is_loaded = True
