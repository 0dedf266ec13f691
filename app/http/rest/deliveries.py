"""The delivery log over REST."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.http.deps import BearerActor, KernelDep
from app.http.rest.openapi import needs
from app.http.rest.schemas import Cursor, Limit, Word
from services import webhooks
from services.kernel.paging import Page
from services.tenants import Permission
from services.webhooks import DeliveryView

router = APIRouter(prefix="/deliveries", tags=["deliveries"])

_VIEW = needs(Permission.DELIVERIES_VIEW)


@router.get("", openapi_extra=_VIEW)
def list_deliveries(
    kernel: KernelDep,
    actor: BearerActor,
    connection_id: UUID | None = None,
    state: Annotated[Word, Query(description="Such as `processed`, `failed` or `dead`; all if left out.")] = "",
    cursor: Cursor = "",
    limit: Limit = 50,
) -> Page[DeliveryView]:
    """List webhook deliveries, latest first."""
    return webhooks.list_deliveries(
        kernel, actor=actor, connection_id=connection_id, state=state, cursor=cursor, limit=limit
    )


@router.get("/{delivery_id}", openapi_extra=_VIEW)
def get_delivery(kernel: KernelDep, actor: BearerActor, delivery_id: UUID) -> DeliveryView:
    """Return a delivery."""
    return webhooks.get_delivery(kernel, actor=actor, delivery_id=delivery_id)
