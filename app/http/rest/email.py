"""Letters, their files, and the addresses that agents write from, over REST."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.http.deps import BearerActor, KernelDep
from app.http.files import download_of
from app.http.rest.openapi import needs
from app.http.rest.paging import page_of
from app.http.rest.schemas import Cursor, Limit, NewSender, SenderChanges
from services import email
from services.email import EmailDomainView, LetterView, SenderForm, SenderView
from services.kernel.paging import Page
from services.tenants import Permission

router = APIRouter(tags=["email"])

_VIEW = needs(Permission.CONNECTIONS_VIEW)
_EDIT = needs(Permission.CONNECTIONS_EDIT)
_READ = needs(Permission.CONVERSATIONS_VIEW)
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"application/octet-stream": {}}}
}


@router.get("/connections/{connection_id}/email-senders", openapi_extra=_VIEW)
def list_email_senders(
    kernel: KernelDep, actor: BearerActor, connection_id: UUID, cursor: Cursor = "", limit: Limit = 50
) -> Page[SenderView]:
    """List the addresses that agents write from, and that letters to them arrive at."""
    found = email.list_senders(kernel, actor=actor, connection_id=connection_id)
    return page_of(found, id_of=lambda sender: sender.id, cursor=cursor, limit=limit)


@router.post("/connections/{connection_id}/email-senders", status_code=201, openapi_extra=_EDIT)
def create_email_sender(kernel: KernelDep, actor: BearerActor, connection_id: UUID, body: NewSender) -> SenderView:
    """Give an agent an address of its own, at a domain of the account that may be sent from."""
    form = SenderForm(address=body.address, display_name=body.display_name, reply_to=body.reply_to)
    return email.create_sender(kernel, actor=actor, connection_id=connection_id, agent_id=body.agent_id, form=form)


@router.put("/connections/{connection_id}/email-senders/{sender_id}", openapi_extra=_EDIT)
def update_email_sender(
    kernel: KernelDep, actor: BearerActor, connection_id: UUID, sender_id: UUID, body: SenderChanges
) -> SenderView:
    """Change a sender, and its agent if one is named; conversations that began stay with theirs."""
    form = SenderForm(address=body.address, display_name=body.display_name, reply_to=body.reply_to)
    return email.update_sender(
        kernel, actor=actor, connection_id=connection_id, sender_id=sender_id, form=form, agent_id=body.agent_id
    )


@router.delete("/connections/{connection_id}/email-senders/{sender_id}", status_code=204, openapi_extra=_EDIT)
def delete_email_sender(kernel: KernelDep, actor: BearerActor, connection_id: UUID, sender_id: UUID) -> None:
    """Take an address from its agent; conversations stay."""
    email.delete_sender(kernel, actor=actor, connection_id=connection_id, sender_id=sender_id)


@router.get("/connections/{connection_id}/email-domains", openapi_extra=_VIEW)
def list_email_domains(
    kernel: KernelDep, actor: BearerActor, connection_id: UUID, cursor: Cursor = "", limit: Limit = 50
) -> Page[EmailDomainView]:
    """List the account's domains with their DNS records, as the provider last gave them."""
    found = email.list_domains(kernel, actor=actor, connection_id=connection_id)
    return page_of(found, id_of=lambda domain: domain.id, cursor=cursor, limit=limit)


@router.post("/connections/{connection_id}/email-domains/sync", openapi_extra=_EDIT)
def sync_email_domains(kernel: KernelDep, actor: BearerActor, connection_id: UUID) -> Page[EmailDomainView]:
    """Fetch the domains from the provider."""
    return Page(email.sync_domains(kernel, actor=actor, connection_id=connection_id))


@router.post("/connections/{connection_id}/email-domains/{domain_id}/check", openapi_extra=_EDIT)
def check_email_domain(
    kernel: KernelDep, actor: BearerActor, connection_id: UUID, domain_id: UUID
) -> Page[EmailDomainView]:
    """Ask the provider to look at a domain's DNS records again, and fetch what it says."""
    return Page(email.check_domain(kernel, actor=actor, connection_id=connection_id, domain_id=domain_id))


@router.get("/messages/{message_id}/letter", openapi_extra=_READ)
def get_letter(
    kernel: KernelDep,
    actor: BearerActor,
    message_id: UUID,
    show_images: Annotated[
        bool, Query(description="Lets the document fetch pictures; their senders then learn that it was read.")
    ] = False,
) -> LetterView:
    """Return the letter around a message: its head, its HTML as a safe document, its text and its files."""
    return email.get_letter(kernel, actor=actor, message_id=message_id, show_images=show_images)


@router.get("/attachments/{attachment_id}", openapi_extra=_READ, response_class=Response, responses=_FILE)
def download_attachment(kernel: KernelDep, actor: BearerActor, attachment_id: UUID) -> Response:
    """Return a file that came with a letter, to be saved and not shown."""
    return download_of(email.open_attachment(kernel, actor=actor, attachment_id=attachment_id))
