"""Health over REST: what needs a person, and where owners are told."""

from uuid import UUID

from fastapi import APIRouter

from app.http.deps import BearerActor, KernelDep
from app.http.rest.openapi import needs
from app.http.rest.paging import page_of
from app.http.rest.schemas import Cursor, Limit, NewNoticeTarget
from services import health
from services.health import FindingView, HealthSummary, NoticeTargetView, TestNoticeView
from services.kernel.paging import Page
from services.tenants import Permission

router = APIRouter(tags=["health"])

_VIEW = needs(Permission.CONNECTIONS_VIEW)
_EDIT = needs(Permission.CONNECTIONS_EDIT)


@router.get("/health", openapi_extra=_VIEW)
def list_findings(
    kernel: KernelDep, actor: BearerActor, agent_id: UUID | None = None, connection_id: UUID | None = None
) -> Page[FindingView]:
    """List what needs a person, what is broken first; all on one page."""
    return Page(health.list_findings(kernel, actor=actor, agent_id=agent_id, connection_id=connection_id))


@router.get("/health/summary", openapi_extra=_VIEW)
def get_health_summary(kernel: KernelDep, actor: BearerActor) -> HealthSummary:
    """Return how many connections are well, and when the next thing gets worse."""
    return health.summarise(kernel, actor=actor)


@router.get("/connections/{connection_id}/health", openapi_extra=_VIEW)
def get_connection_health(kernel: KernelDep, actor: BearerActor, connection_id: UUID) -> Page[FindingView]:
    """List what needs a person on one connection; all on one page."""
    return Page(health.get_health(kernel, actor=actor, connection_id=connection_id))


@router.get("/notice-targets", openapi_extra=_VIEW)
def list_notice_targets(
    kernel: KernelDep, actor: BearerActor, cursor: Cursor = "", limit: Limit = 50
) -> Page[NoticeTargetView]:
    """List where owners are told when a connection breaks, is about to, or is well again."""
    found = health.list_notice_targets(kernel, actor=actor)
    return page_of(found, id_of=lambda target: target.id, cursor=cursor, limit=limit)


@router.post("/notice-targets", status_code=201, openapi_extra=_EDIT)
def create_notice_target(kernel: KernelDep, actor: BearerActor, body: NewNoticeTarget) -> NoticeTargetView:
    """Have owners told at a place behind a connection. What nobody was told of yet goes there at once."""
    return health.add_notice_target(
        kernel, actor=actor, connection_id=body.connection_id, channel_id=body.channel_id, label=body.label
    )


@router.post("/notice-targets/{target_id}/test", openapi_extra=_EDIT)
def test_notice_target(kernel: KernelDep, actor: BearerActor, target_id: UUID) -> TestNoticeView:
    """Send a test there. That it did not arrive is an answer, not an error."""
    return health.send_test_notice(kernel, actor=actor, target_id=target_id)


@router.delete("/notice-targets/{target_id}", status_code=204, openapi_extra=_EDIT)
def delete_notice_target(kernel: KernelDep, actor: BearerActor, target_id: UUID) -> None:
    """Have owners no longer told there."""
    health.delete_notice_target(kernel, actor=actor, target_id=target_id)
