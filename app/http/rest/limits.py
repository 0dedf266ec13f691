"""Limits of agents over REST."""

from uuid import UUID

from fastapi import APIRouter

from app.http.deps import BearerActor, KernelDep
from app.http.rest.openapi import needs
from app.http.rest.schemas import LimitNumbers, NewCompanyLimit, NewLimits
from services import limits
from services.limits import AgentLimitsView, LimitDraft, LimitView
from services.tenants import Permission

router = APIRouter(tags=["limits"])

_VIEW = needs(Permission.AGENTS_VIEW)
_EDIT = needs(Permission.AGENTS_EDIT)
_COMPANY = "all"


@router.get("/agents/{agent_id}/limits", openapi_extra=_VIEW)
def get_agent_limits(kernel: KernelDep, actor: BearerActor, agent_id: UUID) -> AgentLimitsView:
    """Return how much an agent may send and do, what is used of it, and when that begins anew."""
    return limits.get_agent_limits(kernel, actor=actor, agent_id=agent_id)


@router.put("/agents/{agent_id}/limits", openapi_extra=_EDIT)
def set_agent_limits(kernel: KernelDep, actor: BearerActor, agent_id: UUID, body: NewLimits) -> AgentLimitsView:
    """Replace an agent's limits; for groups that are left out, the defaults hold."""
    drafts = [_draft(item.group, item) for item in body.limits]
    return limits.set_agent_limits(kernel, actor=actor, agent_id=agent_id, drafts=drafts)


@router.get("/limits", openapi_extra=_VIEW)
def get_company_limit(kernel: KernelDep, actor: BearerActor) -> LimitView:
    """Return how much all agents together may send and do."""
    return limits.get_company_limit(kernel, actor=actor)


@router.put("/limits", openapi_extra=_EDIT)
def set_company_limit(kernel: KernelDep, actor: BearerActor, body: NewCompanyLimit) -> LimitView:
    """Set how much all agents together may send and do; none lets the default hold."""
    draft = _draft(_COMPANY, body.limit) if body.limit else None
    return limits.set_company_limit(kernel, actor=actor, draft=draft)


def _draft(group: str, numbers: LimitNumbers) -> LimitDraft:
    return LimitDraft(
        group=group,
        per_minute=numbers.per_minute,
        per_hour=numbers.per_hour,
        per_day=numbers.per_day,
        excess=numbers.excess,
    )
