"""The list of agents, and the form for a new one."""

import reflex as rx

from app import routes
from app.pages.ai_team.view import AgentRow, FirstStep, agent_row, first_steps
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import Steps, complain
from app.session.visits import Visited
from services.agents import AgentForm, create_agent, list_agents
from services.kernel.errors import InvalidInput, PatchbayError
from services.tenants import Permission


class TeamState(Visited, rx.State):
    """Agents as listed, and whether the form for a new one is open."""

    rows: rx.Field[list[AgentRow]] = rx.field(default_factory=list)
    steps: rx.Field[list[FirstStep]] = rx.field(default_factory=list)
    phase: str = "loading"
    trouble: str = ""
    is_creating: bool = False
    is_saving: bool = False
    wrong_field: str = ""
    wrong_text: str = ""

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def load(self) -> None:
        """Read the tenant's agents."""
        if await self._is_new_visit():
            self.is_creating = False
        try:
            agents = await in_thread(list_agents, get_kernel(), actor=current_actor())
        except PatchbayError as error:
            self.phase, self.trouble = "failed", error.message
            return
        self.rows = [agent_row(agent) for agent in agents]
        self.steps = list(first_steps(agents))
        self.phase = "ready"

    @rx.event
    @guarded(Permission.AGENTS_EDIT)
    async def open_form(self) -> None:
        """Show the form for a new agent."""
        await self._note_visit()
        self.is_creating, self.wrong_field, self.wrong_text = True, "", ""

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def close_form(self) -> None:
        """Put the form away."""
        self.is_creating = False

    @rx.event
    @guarded(Permission.AGENTS_EDIT)
    async def create(self, form: dict[str, str]) -> Steps:
        """Create an agent and go to its integrations."""
        self.is_saving, self.wrong_field, self.wrong_text = True, "", ""
        yield
        try:
            agent = await in_thread(
                create_agent,
                get_kernel(),
                actor=current_actor(),
                form=AgentForm(
                    name=str(form.get("name", "")),
                    purpose=str(form.get("purpose", "")),
                    instructions=str(form.get("instructions", "")),
                    model="",
                ),
            )
        except InvalidInput as error:
            self.wrong_field, self.wrong_text = error.field, error.message
        except PatchbayError as error:
            yield complain(error)
        else:
            self.is_creating = False
            yield rx.redirect(routes.agent_playbook(agent.id))
        finally:
            self.is_saving = False
