"""Analytics over REST: the numbers that the page shows."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.http.deps import BearerActor, KernelDep
from app.http.rest.openapi import needs
from app.http.rest.schemas import Word
from services import analytics
from services.analytics import AnalyticsView
from services.tenants import Permission

router = APIRouter(prefix="/analytics", tags=["analytics"])


@router.get("", openapi_extra=needs(Permission.CONVERSATIONS_VIEW))
def get_analytics(
    kernel: KernelDep,
    actor: BearerActor,
    span: Annotated[
        Word, Query(description="`24h` in hours; `7d`, `30d` or `90d` in days of the company's time zone.")
    ] = analytics.DEFAULT_SPAN,
    agent_id: Annotated[UUID | None, Query(description="Only messages for this agent.")] = None,
    channel: Annotated[Word, Query(description="Only messages in `slack`, `email`, `sms` or `chat`.")] = "",
) -> AnalyticsView:
    """Return volume, answer times, failures and hand-overs of a period that ends now, and of the period before."""
    return analytics.get_analytics(kernel, actor=actor, span=span, agent_id=agent_id, channel=channel)
