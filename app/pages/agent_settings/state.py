"""An agent's name, purpose and instructions, and whether it answers."""

import reflex as rx

from app import routes
from app.session.form import StoredForm
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import AgentState, Steps, complain, route_id
from models import AgentStatus
from services.agents import AgentForm, AgentView, delete_agent, get_agent, set_status, update_agent
from services.kernel.errors import InvalidInput, PatchbayError
from services.tenants import Permission


class AgentSettingsState(StoredForm, rx.State):
    """The form as last loaded or saved; what is typed stays in the browser until it is submitted."""

    name: str = ""
    purpose: str = ""
    instructions: str = ""
    model: str = ""
    phase: str = "loading"
    is_deleting: bool = False

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def load(self) -> None:
        """Read the agent."""
        if await self._is_new_visit():
            self.is_deleting, self.wrong_field, self.wrong_text = False, "", ""
        try:
            agent = await in_thread(get_agent, get_kernel(), actor=current_actor(), agent_id=route_id(self, "agent_id"))
        except PatchbayError:
            self.phase = "failed"
            return
        self._show(agent)
        self.phase = "ready"

    @rx.event
    @guarded(Permission.AGENTS_EDIT)
    async def save(self, form: dict[str, str]) -> Steps:
        """Save what was typed."""
        self.is_saving, self.wrong_field, self.wrong_text = True, "", ""
        yield
        try:
            agent = await in_thread(
                update_agent,
                get_kernel(),
                actor=current_actor(),
                agent_id=route_id(self, "agent_id"),
                form=AgentForm(
                    name=str(form.get("name", "")),
                    purpose=str(form.get("purpose", "")),
                    instructions=str(form.get("instructions", "")),
                    model=str(form.get("model", "")),
                ),
            )
        except InvalidInput as error:
            self.wrong_field, self.wrong_text = error.field, error.message
        except PatchbayError as error:
            yield complain(error)
        else:
            self._show(agent)
            yield AgentState.load()
            yield rx.toast.success("Saved.")
        finally:
            self.is_saving = False

    @rx.event
    @guarded(Permission.AGENTS_EDIT)
    async def pause(self) -> Steps:
        """Stop the agent from answering anywhere."""
        async for event in self._set_status(
            AgentStatus.PAUSED, "Paused. Messages are still received and wait for a person."
        ):
            yield event

    @rx.event
    @guarded(Permission.AGENTS_EDIT)
    async def resume(self) -> Steps:
        """Let the agent answer again."""
        async for event in self._set_status(AgentStatus.ACTIVE, "The agent answers again."):
            yield event

    @rx.event
    @guarded(Permission.AGENTS_EDIT)
    async def ask_delete(self) -> None:
        """Ask before deleting."""
        await self._note_visit()
        self.is_deleting = True

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def keep(self) -> None:
        """Put the question away."""
        self.is_deleting = False

    @rx.event
    @guarded(Permission.AGENTS_EDIT)
    async def delete(self) -> Steps:
        """Delete the agent, if nothing is connected to it any more."""
        self.is_deleting = False
        try:
            await in_thread(delete_agent, get_kernel(), actor=current_actor(), agent_id=route_id(self, "agent_id"))
        except PatchbayError as error:
            yield complain(error)
        else:
            yield rx.redirect(routes.TEAM)

    def _show(self, agent: AgentView) -> None:
        self.name, self.purpose, self.instructions = agent.name, agent.purpose, agent.instructions
        self.model = agent.model
        self._draw(agent.id, self.name, self.purpose, self.instructions, self.model)

    async def _set_status(self, status: AgentStatus, said: str) -> Steps:
        try:
            await in_thread(
                set_status, get_kernel(), actor=current_actor(), agent_id=route_id(self, "agent_id"), status=status
            )
        except PatchbayError as error:
            yield complain(error)
        else:
            yield AgentState.load()
            yield rx.toast.success(said)
