"""Reads letters and their files for the pages and the API."""

from uuid import UUID

from models import EmailEnvelope, Message
from services.email import repository
from services.email.quotes import split_quote
from services.email.safe_html import frame_document, safe_html
from services.email.views import AttachmentView, LetterView, OpenedAttachment
from services.kernel.errors import NotFound
from services.kernel.kernel import Kernel
from services.tenants import Actor, Permission, require

_HARMLESS_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"})
"""What no browser takes for a page of ours, whatever is in it."""
PLAIN_BYTES = "application/octet-stream"


def get_letter(kernel: Kernel, *, actor: Actor, message_id: UUID, show_images: bool = False) -> LetterView:
    """Return the letter around a message.

    Args:
        kernel: the process's seams.
        actor: who reads.
        message_id: the message's id.
        show_images: lets the document fetch pictures from elsewhere; their senders then learn that it was read.

    Raises:
        NotFound: there is no such message, or it is no letter.
        Forbidden
    """
    require(actor, Permission.CONVERSATIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        found = repository.find_letter(work, message_id)
        if found is None:
            raise NotFound("There is no such letter.", code="unknown_letter")
        attachments = repository.list_attachments(work, message_id)
    return _view(*found, attachments=attachments, show_images=show_images)


def open_attachment(kernel: Kernel, *, actor: Actor, attachment_id: UUID) -> OpenedAttachment:
    """Return a file that came with a letter, with a type that is safe to serve.

    Raises:
        NotFound: there is no such file, or its content was not kept; the message says why.
        Forbidden
    """
    require(actor, Permission.CONVERSATIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        found = repository.find_attachment(work, attachment_id)
    if found is None:
        raise NotFound("There is no such file.", code="unknown_attachment")
    if found.content is None:
        raise NotFound(f"This file was not kept: {found.left_out}", code="attachment_left_out")
    is_harmless = found.content_type in _HARMLESS_TYPES
    return OpenedAttachment(
        name=found.name, content_type=found.content_type if is_harmless else PLAIN_BYTES, content=found.content
    )


def _view(
    envelope: EmailEnvelope, message: Message, *, attachments: tuple[AttachmentView, ...], show_images: bool
) -> LetterView:
    safe = safe_html(envelope.html, show_images=show_images)
    return LetterView(
        message_id=message.id,
        conversation_id=envelope.conversation_id,
        direction=message.direction.value,
        subject=envelope.subject,
        from_address=envelope.from_address,
        from_name=envelope.from_name,
        to=tuple(envelope.to),
        cc=tuple(envelope.cc),
        reply_to=envelope.reply_to,
        document=frame_document(safe, show_images=show_images),
        blocked_images=safe.blocked_images,
        text=message.text,
        quoted=split_quote(envelope.original_text).quoted,
        original_text=envelope.original_text,
        thread_reason=envelope.thread_reason,
        automatic=envelope.automatic,
        attachments=attachments,
        created_at=envelope.created_at,
    )
