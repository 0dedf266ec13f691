"""What agents may do, what they did, and what waits for a decision, over REST."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.http.deps import BearerActor, KernelDep
from app.http.rest.openapi import needs
from app.http.rest.schemas import ActionGrantChange, Cursor, Decision, Limit, Word
from services import actions
from services.actions import ActionRunView, AvailableActionView
from services.kernel.paging import Page
from services.tenants import Permission

router = APIRouter(tags=["actions"])

_VIEW = needs(Permission.CONVERSATIONS_VIEW)
_DECIDE = needs(Permission.ACTIONS_DECIDE)


@router.get("/agents/{agent_id}/actions", openapi_extra=needs(Permission.AGENTS_VIEW))
def list_agent_actions(kernel: KernelDep, actor: BearerActor, agent_id: UUID) -> Page[AvailableActionView]:
    """List the actions an agent could use and how far it may; all on one page. An empty mode is no grant."""
    return Page(actions.list_available(kernel, actor=actor, agent_id=agent_id))


@router.put("/agents/{agent_id}/actions", openapi_extra=needs(Permission.AGENTS_EDIT))
def set_action_grant(
    kernel: KernelDep, actor: BearerActor, agent_id: UUID, body: ActionGrantChange
) -> AvailableActionView:
    """Let an agent use one action of one connection, with or without approval, or take that back."""
    return actions.set_grant(
        kernel,
        actor=actor,
        agent_id=agent_id,
        connection_id=body.connection_id,
        action=body.action,
        mode=body.mode,
    )


@router.get("/action-runs", openapi_extra=_VIEW)
def list_action_runs(
    kernel: KernelDep,
    actor: BearerActor,
    agent_id: UUID | None = None,
    state: Annotated[
        Word,
        Query(
            description="`awaiting_approval`, `queued`, `running`, `succeeded`, `failed`, `rejected`, `cancelled` or"
            " `unknown`; all if left out."
        ),
    ] = "",
    cursor: Cursor = "",
    limit: Limit = 50,
) -> Page[ActionRunView]:
    """List what agents did and want to do, the newest first."""
    return actions.list_runs(kernel, actor=actor, agent_id=agent_id, state=state, cursor=cursor, limit=limit)


@router.get("/action-runs/{run_id}", openapi_extra=_VIEW)
def get_action_run(kernel: KernelDep, actor: BearerActor, run_id: UUID) -> ActionRunView:
    """Return one action run."""
    return actions.get_run(kernel, actor=actor, run_id=run_id)


@router.post("/action-runs/{run_id}/approve", openapi_extra=_DECIDE)
def approve_action_run(kernel: KernelDep, actor: BearerActor, run_id: UUID, body: Decision) -> ActionRunView:
    """Let an action be carried out, exactly as it was asked for."""
    return actions.approve(kernel, actor=actor, run_id=run_id, note=body.note)


@router.post("/action-runs/{run_id}/reject", openapi_extra=_DECIDE)
def reject_action_run(kernel: KernelDep, actor: BearerActor, run_id: UUID, body: Decision) -> ActionRunView:
    """Refuse an action; the agent tells the contact, without the note."""
    return actions.reject(kernel, actor=actor, run_id=run_id, note=body.note)
