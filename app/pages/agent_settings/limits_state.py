"""How much an agent may send and do, as last loaded or saved."""

import reflex as rx

from app.pages.agent_settings.limits import company_words, field_of, read_drafts, shown_values, used_words
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import Steps, complain, route_id
from services.kernel.errors import InvalidInput, PatchbayError
from services.limits import AgentLimitsView, get_agent_limits, set_agent_limits
from services.tenants import Permission


class LimitsState(rx.State):
    """The form; what is typed stays in the browser until it is submitted."""

    values: dict[str, str] = {}  # noqa: RUF012 (Reflex copies it for each session)
    used: dict[str, str] = {}  # noqa: RUF012
    company: str = ""
    revision: int = 0
    is_loaded: bool = False
    is_saving: bool = False
    wrong_field: str = ""
    wrong_text: str = ""

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def load(self) -> Steps:
        """Read the limits and what is used of them."""
        self.wrong_field = self.wrong_text = ""
        self.is_loaded = False
        try:
            view = await in_thread(
                get_agent_limits, get_kernel(), actor=current_actor(), agent_id=route_id(self, "agent_id")
            )
        except PatchbayError as error:
            yield complain(error)
        else:
            self._show(view)

    @rx.event
    @guarded(Permission.AGENTS_EDIT)
    async def save(self, form: dict[str, str]) -> Steps:
        """Save what was typed; it holds from the next message on."""
        self.is_saving, self.wrong_field, self.wrong_text = True, "", ""
        yield
        try:
            view = await in_thread(
                set_agent_limits,
                get_kernel(),
                actor=current_actor(),
                agent_id=route_id(self, "agent_id"),
                drafts=read_drafts(form),
            )
        except InvalidInput as error:
            self.wrong_field, self.wrong_text = field_of(error), error.message
        except PatchbayError as error:
            yield complain(error)
        else:
            self._show(view)
            yield rx.toast.success("Saved.")
        finally:
            self.is_saving = False

    def _show(self, view: AgentLimitsView) -> None:
        self.values, self.used = shown_values(view), used_words(view)
        self.company = company_words(view.company)
        self.revision += 1
        self.is_loaded = True
