"""Shared channels and what agents answer there, over REST."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.http.deps import BearerActor, KernelDep
from app.http.rest.openapi import needs
from app.http.rest.schemas import ChannelRule, Cursor, Limit, NewChannel, Word
from services import channels
from services.channels import ChannelPage, ChannelView, DefaultView
from services.tenants import Permission

router = APIRouter(tags=["channels"])

_VIEW = needs(Permission.CONNECTIONS_VIEW)
_EDIT = needs(Permission.CONNECTIONS_EDIT)


@router.get("/connections/{connection_id}/channels", openapi_extra=_VIEW)
def list_channels(
    kernel: KernelDep,
    actor: BearerActor,
    connection_id: UUID,
    query: Annotated[Word, Query(description="Part of a name, or an id.")] = "",
    cursor: Cursor = "",
    limit: Limit = 50,
) -> ChannelPage:
    """List a connection's channels by name, with what the agent answers in each."""
    return channels.list_channels(
        kernel, actor=actor, connection_id=connection_id, query=query, cursor=cursor, limit=limit
    )


@router.post("/connections/{connection_id}/channels/list", status_code=202, openapi_extra=_EDIT)
def refresh_channels(kernel: KernelDep, actor: BearerActor, connection_id: UUID) -> None:
    """Have the channels read from the provider again."""
    channels.request_listing(kernel, actor=actor, connection_id=connection_id)


@router.post("/connections/{connection_id}/channels", status_code=201, openapi_extra=_EDIT)
def add_channel(kernel: KernelDep, actor: BearerActor, connection_id: UUID, body: NewChannel) -> ChannelView:
    """Take in one channel by its id; the provider is asked."""
    return channels.add_channel(kernel, actor=actor, connection_id=connection_id, external_id=body.external_id)


@router.put("/connections/{connection_id}/channels/default", openapi_extra=_EDIT)
def set_default_policy(kernel: KernelDep, actor: BearerActor, connection_id: UUID, body: ChannelRule) -> DefaultView:
    """Say what holds in channels without a rule of their own."""
    return channels.set_default(
        kernel, actor=actor, connection_id=connection_id, mode=body.mode, agent_id=body.agent_id
    )


@router.put("/connections/{connection_id}/channels/{channel_id}", openapi_extra=_EDIT)
def set_channel_policy(
    kernel: KernelDep, actor: BearerActor, connection_id: UUID, channel_id: UUID, body: ChannelRule
) -> ChannelView:
    """Say what is answered in a channel, and by which agent; it holds from the next message on."""
    return channels.set_policy(
        kernel,
        actor=actor,
        connection_id=connection_id,
        channel_id=channel_id,
        mode=body.mode,
        agent_id=body.agent_id,
    )
