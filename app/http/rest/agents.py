"""Agents and their playbooks over REST."""

from uuid import UUID

from fastapi import APIRouter

from app.http.deps import BearerActor, KernelDep
from app.http.rest.openapi import needs
from app.http.rest.paging import page_of
from app.http.rest.schemas import AgentChanges, Cursor, Limit, NewAgent, NewPlaybook
from models import AgentStatus
from services import agents
from services.agents import AgentForm, AgentView, PlaybookDraft, PlaybookEntryView
from services.kernel.paging import Page
from services.tenants import Permission, require

router = APIRouter(prefix="/agents", tags=["agents"])

_VIEW = needs(Permission.AGENTS_VIEW)
_EDIT = needs(Permission.AGENTS_EDIT)


@router.get("", openapi_extra=_VIEW)
def list_agents(kernel: KernelDep, actor: BearerActor, cursor: Cursor = "", limit: Limit = 50) -> Page[AgentView]:
    """List the agents, oldest first."""
    return page_of(agents.list_agents(kernel, actor=actor), id_of=lambda agent: agent.id, cursor=cursor, limit=limit)


@router.post("", status_code=201, openapi_extra=_EDIT)
def create_agent(kernel: KernelDep, actor: BearerActor, body: NewAgent) -> AgentView:
    """Create an agent; it answers as soon as an account is connected."""
    form = AgentForm(name=body.name, purpose=body.purpose, instructions=body.instructions, model=body.model)
    return agents.create_agent(kernel, actor=actor, form=form)


@router.get("/{agent_id}", openapi_extra=_VIEW)
def get_agent(kernel: KernelDep, actor: BearerActor, agent_id: UUID) -> AgentView:
    """Return an agent."""
    return agents.get_agent(kernel, actor=actor, agent_id=agent_id)


@router.patch("/{agent_id}", openapi_extra=_EDIT)
def update_agent(kernel: KernelDep, actor: BearerActor, agent_id: UUID, body: AgentChanges) -> AgentView:
    """Change an agent; what is left out stays."""
    require(actor, Permission.AGENTS_EDIT)  # reading comes first here, and must not be what refuses
    before = agents.get_agent(kernel, actor=actor, agent_id=agent_id)
    form = AgentForm(
        name=before.name if body.name is None else body.name,
        purpose=before.purpose if body.purpose is None else body.purpose,
        instructions=before.instructions if body.instructions is None else body.instructions,
        model=before.model if body.model is None else body.model,
    )
    return agents.update_agent(kernel, actor=actor, agent_id=agent_id, form=form)


@router.delete("/{agent_id}", status_code=204, openapi_extra=_EDIT)
def delete_agent(kernel: KernelDep, actor: BearerActor, agent_id: UUID) -> None:
    """Delete an agent with its playbook and its conversations; its accounts must be disconnected first."""
    agents.delete_agent(kernel, actor=actor, agent_id=agent_id)


@router.post("/{agent_id}/pause", openapi_extra=_EDIT)
def pause_agent(kernel: KernelDep, actor: BearerActor, agent_id: UUID) -> AgentView:
    """Let an agent stop answering; messages are still received."""
    return agents.set_status(kernel, actor=actor, agent_id=agent_id, status=AgentStatus.PAUSED)


@router.post("/{agent_id}/resume", openapi_extra=_EDIT)
def resume_agent(kernel: KernelDep, actor: BearerActor, agent_id: UUID) -> AgentView:
    """Let a paused agent answer again."""
    return agents.set_status(kernel, actor=actor, agent_id=agent_id, status=AgentStatus.ACTIVE)


@router.get("/{agent_id}/playbook", openapi_extra=_VIEW)
def get_playbook(kernel: KernelDep, actor: BearerActor, agent_id: UUID) -> Page[PlaybookEntryView]:
    """List the playbook's entries in their order; all on one page."""
    return Page(agents.list_playbook(kernel, actor=actor, agent_id=agent_id))


@router.put("/{agent_id}/playbook", openapi_extra=_EDIT)
def replace_playbook(
    kernel: KernelDep, actor: BearerActor, agent_id: UUID, body: NewPlaybook
) -> Page[PlaybookEntryView]:
    """Replace all entries of the playbook."""
    drafts = [PlaybookDraft(question=entry.question, answer=entry.answer) for entry in body.entries]
    return Page(agents.save_playbook(kernel, actor=actor, agent_id=agent_id, drafts=drafts))
