"""Conversations, their messages and their traces over REST."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.http.deps import BearerActor, KernelDep
from app.http.rest.openapi import needs
from app.http.rest.schemas import Cursor, Limit, NewReply, Word
from services import conversations, traces
from services.conversations import ConversationView, MessageView
from services.kernel.paging import Page, read_id
from services.tenants import Permission
from services.traces import TraceView

router = APIRouter(tags=["conversations"])


_VIEW = needs(Permission.CONVERSATIONS_VIEW)
_REPLY = needs(Permission.CONVERSATIONS_REPLY)


@router.get("/conversations", openapi_extra=_VIEW)
def list_conversations(
    kernel: KernelDep,
    actor: BearerActor,
    agent_id: UUID | None = None,
    state: Annotated[Word, Query(description="`open` (also if left out), `waiting`, `closed` or `all`.")] = "",
    channel: Annotated[Word, Query(description="`slack`, `email`, `sms` or `chat`; all if left out.")] = "",
    address: Annotated[Word, Query(description="Only this number, mailbox or channel of yours.")] = "",
    q: Annotated[
        str, Query(description='Only where this was said: all words, "a phrase", -without.', max_length=200)
    ] = "",
    cursor: Cursor = "",
    limit: Limit = 50,
) -> Page[ConversationView]:
    """List conversations: those with the latest message first, or with `q` those where it was last said."""
    if q.strip():
        return conversations.search_conversations(
            kernel,
            actor=actor,
            words=q,
            agent_id=agent_id,
            state=state,
            channel=channel,
            address=address,
            cursor=cursor,
            limit=limit,
        )
    return conversations.list_conversations(
        kernel,
        actor=actor,
        agent_id=agent_id,
        state=state,
        channel=channel,
        address=address,
        cursor=cursor,
        limit=limit,
    )


@router.get("/conversations/{conversation_id}", openapi_extra=_VIEW)
def get_conversation(kernel: KernelDep, actor: BearerActor, conversation_id: UUID) -> ConversationView:
    """Return a conversation."""
    return conversations.get_conversation(kernel, actor=actor, conversation_id=conversation_id)


@router.get("/conversations/{conversation_id}/messages", openapi_extra=_VIEW)
def list_messages(
    kernel: KernelDep, actor: BearerActor, conversation_id: UUID, cursor: Cursor = "", limit: Limit = 50
) -> Page[MessageView]:
    """List a conversation's messages, newest first."""
    thread = conversations.get_thread(
        kernel, actor=actor, conversation_id=conversation_id, before=read_id(cursor), limit=limit
    )
    return Page(
        tuple(reversed(thread.messages)), str(thread.messages[0].id) if thread.has_more and thread.messages else ""
    )


@router.post("/conversations/{conversation_id}/messages", status_code=201, openapi_extra=_REPLY)
def send_reply(kernel: KernelDep, actor: BearerActor, conversation_id: UUID, body: NewReply) -> tuple[MessageView, ...]:
    """Answer the contact in its channel, as a person. The agent is silent there until it is given back."""
    return conversations.reply(
        kernel,
        actor=actor,
        conversation_id=conversation_id,
        text=body.text,
        idempotency_key=body.idempotency_key,
    )


@router.post("/conversations/{conversation_id}/take-over", openapi_extra=_REPLY)
def take_over(kernel: KernelDep, actor: BearerActor, conversation_id: UUID) -> ConversationView:
    """Silence the agent: a person is in charge from now on."""
    return conversations.take_over(kernel, actor=actor, conversation_id=conversation_id)


@router.post("/conversations/{conversation_id}/give-back", openapi_extra=_REPLY)
def give_back(kernel: KernelDep, actor: BearerActor, conversation_id: UUID) -> ConversationView:
    """Let the agent answer again, from the contact's next message on."""
    return conversations.give_back(kernel, actor=actor, conversation_id=conversation_id)


@router.post("/conversations/{conversation_id}/close", openapi_extra=_REPLY)
def close_conversation(kernel: KernelDep, actor: BearerActor, conversation_id: UUID) -> ConversationView:
    """Put a conversation aside; it opens again when the contact writes."""
    return conversations.close(kernel, actor=actor, conversation_id=conversation_id)


@router.get("/traces/{trace_id}", tags=["traces"], openapi_extra=needs(Permission.TRACES_VIEW))
def get_trace(kernel: KernelDep, actor: BearerActor, trace_id: UUID) -> TraceView:
    """Return a message's whole way: what happened, when and why."""
    return traces.get_trace(kernel, actor=actor, trace_id=trace_id)
