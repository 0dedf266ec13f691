"""The delivery log over REST: look, group by cause, replay."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from app.http.deps import BearerActor, KernelDep
from app.http.rest.openapi import needs
from app.http.rest.schemas import Cursor, Limit, NewReplay, NewReplays, Word
from services import webhooks
from services.kernel.paging import Page
from services.tenants import Permission
from services.webhooks import (
    BodyView,
    DeliveryDetailView,
    DeliveryFilter,
    DeliveryGroupView,
    DeliveryView,
    RefusedView,
    ReplayView,
)

router = APIRouter(prefix="/deliveries", tags=["deliveries"])

_VIEW = needs(Permission.DELIVERIES_VIEW)
_REPLAY = needs(Permission.DELIVERIES_REPLAY)


def _filter(
    connection_id: UUID | None = None,
    state: Annotated[
        Word,
        Query(
            description="Such as `processed`, `failed` or `dead`; `unsent` for those whose answer did not arrive;"
            " all if left out."
        ),
    ] = "",
    provider: Word = "",
    event_type: Annotated[Word, Query(description="The provider's own name of the event.")] = "",
    cause: Annotated[Word, Query(description="As a group names it.")] = "",
    since: datetime | None = None,
    until: datetime | None = None,
    search: Annotated[Word, Query(description="Id of a delivery or trace, or the provider's id of the request.")] = "",
    outcome: Annotated[
        Word,
        Query(description="What became of the message: `message`, `asked`, `answered`, `failed` or `handed_over`."),
    ] = "",
    agent_id: Annotated[UUID | None, Query(description="Those that brought this agent a message.")] = None,
    channel: Annotated[Word, Query(description="Of the message: `slack`, `email`, `sms` or `chat`.")] = "",
) -> DeliveryFilter:
    return DeliveryFilter(
        connection_id=connection_id,
        state=state,
        provider=provider,
        event_type=event_type,
        cause=cause,
        since=since,
        until=until,
        search=search,
        outcome=outcome,
        agent_id=agent_id,
        channel=channel,
    )


Wanted = Annotated[DeliveryFilter, Depends(_filter)]


@router.get("", openapi_extra=_VIEW)
def list_deliveries(
    kernel: KernelDep, actor: BearerActor, wanted: Wanted, cursor: Cursor = "", limit: Limit = 50
) -> Page[DeliveryView]:
    """List webhook deliveries, latest first."""
    return webhooks.list_deliveries(kernel, actor=actor, wanted=wanted, cursor=cursor, limit=limit)


@router.get("/groups", openapi_extra=_VIEW)
def list_delivery_groups(kernel: KernelDep, actor: BearerActor, wanted: Wanted) -> Page[DeliveryGroupView]:
    """List why deliveries failed, by cause, the largest group first; all on one page."""
    return Page(webhooks.list_groups(kernel, actor=actor, wanted=wanted))


@router.get("/refused", openapi_extra=_VIEW)
def list_refused_requests(kernel: KernelDep, actor: BearerActor) -> Page[RefusedView]:
    """Count the requests that were turned away in the last 24 hours, by reason; nothing of them is kept."""
    return Page(webhooks.list_refused(kernel, actor=actor))


@router.post("/replay", openapi_extra=_REPLAY)
def replay_deliveries(kernel: KernelDep, actor: BearerActor, body: NewReplays) -> ReplayView:
    """Replay all deliveries that a filter means, the oldest first, or count them."""
    wanted = DeliveryFilter(
        connection_id=body.connection_id,
        state=body.state,
        provider=body.provider,
        event_type=body.event_type,
        cause=body.cause,
        since=body.since,
        until=body.until,
    )
    return _replay(kernel, actor, wanted, body)


@router.get("/{delivery_id}", openapi_extra=_VIEW)
def get_delivery(kernel: KernelDep, actor: BearerActor, delivery_id: UUID) -> DeliveryDetailView:
    """Return a delivery: its times, failed attempts, kept headers, masked body, and what can be replayed of it."""
    return webhooks.get_delivery(kernel, actor=actor, delivery_id=delivery_id)


@router.post("/{delivery_id}/replay", openapi_extra=_REPLAY)
def replay_delivery(kernel: KernelDep, actor: BearerActor, delivery_id: UUID, body: NewReplay) -> ReplayView:
    """Process a delivery again, let the agent draft its answer again, or send the answer again."""
    return _replay(kernel, actor, DeliveryFilter(delivery_id=delivery_id), body)


@router.post("/{delivery_id}/reveal", openapi_extra=needs(Permission.DELIVERIES_REVEAL))
def reveal_delivery(kernel: KernelDep, actor: BearerActor, delivery_id: UUID) -> BodyView:
    """Return a delivery's whole body; that somebody looked is in the audit log."""
    return webhooks.reveal_body(kernel, actor=actor, delivery_id=delivery_id)


def _replay(kernel: KernelDep, actor: BearerActor, wanted: DeliveryFilter, body: NewReplay) -> ReplayView:
    return webhooks.replay(
        kernel,
        actor=actor,
        wanted=wanted,
        kind=body.kind,
        reason=body.reason,
        dry_run=body.dry_run,
        may_double=body.may_double,
        idempotency_key=body.idempotency_key,
    )
