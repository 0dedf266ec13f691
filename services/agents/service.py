"""Agents and their playbooks: list, create, change, pause, delete; and who answers for an agent."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from models import Agent, AgentStatus, PlaybookEntry
from services import audit
from services.agents import repository
from services.agents.fields import clean_form, clean_playbook
from services.agents.model import ModelRunner, model_name
from services.agents.playbook import PlaybookRunner
from services.agents.runner import AgentRunner
from services.agents.views import AgentForm, AgentView, PlaybookDraft, PlaybookEntryView
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, NotFound
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.tenants import Actor, Permission, require

LIVE_TOPIC = "agent"

_FORM_FIELDS = tuple(field.name for field in dataclasses.fields(AgentForm))
_STATUS_ACTIONS = {AgentStatus.ACTIVE: "agent.resumed", AgentStatus.PAUSED: "agent.paused"}


class HasModel(Protocol):
    """An agent, as far as it decides who answers for it."""

    @property
    def model(self) -> str:
        """The agent's own model; empty for the installation's."""
        ...


def runner_for(kernel: Kernel, tenant_id: UUID, agent: HasModel) -> AgentRunner:
    """Return who answers for an agent: the model if a key and a model are set, else the playbook."""
    return ModelRunner(kernel) if model_name(kernel.settings, agent.model) else PlaybookRunner(kernel)


def asks_models(kernel: Kernel) -> bool:
    """Return whether any agent may be answered for by a model; without a key none is."""
    return bool(kernel.settings.openai_api_key.get_secret_value())


def needs_history(kernel: Kernel, agent: HasModel) -> bool:
    """Return whether who answers for an agent looks at what was said before."""
    return bool(model_name(kernel.settings, agent.model))


def list_agents(kernel: Kernel, *, actor: Actor) -> tuple[AgentView, ...]:
    """Return the tenant's agents by name."""
    require(actor, Permission.AGENTS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        return repository.list_agent_views(work)


def get_agent(kernel: Kernel, *, actor: Actor, agent_id: UUID) -> AgentView:
    """Return an agent.

    Raises:
        NotFound
    """
    require(actor, Permission.AGENTS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        return _view(work, agent_id)


def create_agent(kernel: Kernel, *, actor: Actor, form: AgentForm) -> AgentView:
    """Create an active agent.

    Raises:
        InvalidInput: a field is wrong.
        Conflict: the name is taken.
    """
    require(actor, Permission.AGENTS_EDIT)
    cleaned = clean_form(form)
    now = kernel.clock.now()
    with kernel.unit_of_work(actor.tenant_id) as work:
        agent = Agent(
            tenant_id=work.tenant_id,
            id=new_id(),
            name=cleaned.name,
            purpose=cleaned.purpose,
            instructions=cleaned.instructions,
            model=cleaned.model,
            status=AgentStatus.ACTIVE,
            created_at=now,
            updated_at=now,
        )
        _save(work, agent)
        audit.record(
            work,
            actor=actor,
            action="agent.created",
            object_kind="agent",
            object_id=agent.id,
            detail={"name": agent.name},
        )
        work.notify(LIVE_TOPIC, agent.id)
        return _view(work, agent.id)


def update_agent(kernel: Kernel, *, actor: Actor, agent_id: UUID, form: AgentForm) -> AgentView:
    """Change what a person may set of an agent; a form that changes nothing leaves no trace.

    Raises:
        NotFound
        InvalidInput: a field is wrong.
        Conflict: the name is taken.
    """
    require(actor, Permission.AGENTS_EDIT)
    cleaned = clean_form(form)
    with kernel.unit_of_work(actor.tenant_id) as work:
        agent = _locked(work, agent_id)
        changed = [
            name
            for name in ("name", "purpose", "instructions", "model")
            if getattr(agent, name) != getattr(cleaned, name)
        ]
        if changed:
            agent.name, agent.purpose = cleaned.name, cleaned.purpose
            agent.instructions, agent.model = cleaned.instructions, cleaned.model
            agent.updated_at = kernel.clock.now()
            _save(work, agent)
            audit.record(
                work,
                actor=actor,
                action="agent.updated",
                object_kind="agent",
                object_id=agent_id,
                detail={"name": agent.name, "changed": ", ".join(changed)},
            )
            work.notify(LIVE_TOPIC, agent_id)
        return _view(work, agent_id)


def set_status(kernel: Kernel, *, actor: Actor, agent_id: UUID, status: AgentStatus) -> AgentView:
    """Pause an agent, or let it answer again.

    Raises:
        NotFound
    """
    require(actor, Permission.AGENTS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        agent = _locked(work, agent_id)
        if agent.status is not status:
            agent.status = status
            agent.updated_at = kernel.clock.now()
            work.session.flush()
            audit.record(
                work,
                actor=actor,
                action=_STATUS_ACTIONS[status],
                object_kind="agent",
                object_id=agent_id,
                detail={"name": agent.name},
            )
            work.notify(LIVE_TOPIC, agent_id)
        return _view(work, agent_id)


def delete_agent(kernel: Kernel, *, actor: Actor, agent_id: UUID) -> None:
    """Delete an agent with its playbook and its conversations.

    Raises:
        NotFound
        Conflict: contacts still reach it through a connection, a phone number or an e-mail address.
    """
    require(actor, Permission.AGENTS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        agent = _locked(work, agent_id)
        view = _view(work, agent_id)
        in_use = [
            *_counted(view.connection_count, "connection"),
            *_counted(repository.count_numbers(work, agent_id), "phone number"),
            *_counted(repository.count_senders(work, agent_id), "e-mail address"),
        ]
        if in_use:
            raise Conflict(
                f"“{agent.name}” still has {' and '.join(in_use)}. Disconnect or reassign first, then delete it.",
                code="agent_in_use",
            )
        repository.leave_channels(work, agent_id)
        work.session.delete(agent)
        audit.record(
            work,
            actor=actor,
            action="agent.deleted",
            object_kind="agent",
            object_id=agent_id,
            detail={"name": agent.name, "conversations": view.conversation_count},
        )
        work.notify(LIVE_TOPIC, agent_id)


def list_playbook(kernel: Kernel, *, actor: Actor, agent_id: UUID) -> tuple[PlaybookEntryView, ...]:
    """Return an agent's playbook in its order.

    Raises:
        NotFound
    """
    require(actor, Permission.AGENTS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        _existing(repository.find_agent(work, agent_id))
        return repository.list_playbook_entries(work, agent_id)


def save_playbook(
    kernel: Kernel, *, actor: Actor, agent_id: UUID, drafts: Sequence[PlaybookDraft]
) -> tuple[PlaybookEntryView, ...]:
    """Replace an agent's playbook.

    Raises:
        NotFound
        InvalidInput: an entry is wrong; ``field`` says which.
    """
    require(actor, Permission.AGENTS_EDIT)
    cleaned = clean_playbook(drafts)
    now = kernel.clock.now()
    with kernel.unit_of_work(actor.tenant_id) as work:
        agent = _locked(work, agent_id)  # two people saving at once: the later one replaces all of the earlier
        entries = [
            PlaybookEntry(
                tenant_id=work.tenant_id,
                id=new_id(),
                agent_id=agent_id,
                position=position,
                question=draft.question,
                answer=draft.answer,
                created_at=now,
            )
            for position, draft in enumerate(cleaned)
        ]
        repository.replace_playbook_entries(work, agent_id, entries)
        audit.record(
            work,
            actor=actor,
            action="agent.playbook_saved",
            object_kind="agent",
            object_id=agent_id,
            detail={"name": agent.name, "entries": len(entries)},
        )
        work.notify(LIVE_TOPIC, agent_id)
        return repository.list_playbook_entries(work, agent_id)


def _existing(agent: Agent | None) -> Agent:
    if agent is None:
        raise NotFound("There is no such agent.")
    return agent


def _locked(work: UnitOfWork, agent_id: UUID) -> Agent:
    return _existing(repository.find_agent(work, agent_id, lock=True))


def _view(work: UnitOfWork, agent_id: UUID) -> AgentView:
    views = repository.list_agent_views(work, agent_id=agent_id)
    if not views:
        raise NotFound("There is no such agent.")
    return views[0]


def _save(work: UnitOfWork, agent: Agent) -> None:
    taken = Conflict(f"There is an agent called “{agent.name}” already. Choose another name.", code="name_taken")
    with work.session.no_autoflush:
        if repository.is_name_taken(work, agent.name, except_agent_id=agent.id):
            raise taken
    work.session.add(agent)
    try:
        work.session.flush()
    except IntegrityError as error:
        # Somebody took the name since; the index on it is the only rule a cleaned form can break.
        raise taken from error


def _counted(count: int, noun: str) -> list[str]:
    return [f"{count} {noun}{'s' if count > 1 else ''}"] if count else []
