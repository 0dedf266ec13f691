"""Reads the heads of a thread's letters for the pages."""

from collections.abc import Sequence
from uuid import UUID

from services.email import head_repository
from services.email.views import LetterHeadView
from services.kernel.kernel import Kernel
from services.tenants import Actor, Permission, require


def list_heads(kernel: Kernel, *, actor: Actor, message_ids: Sequence[UUID]) -> tuple[LetterHeadView, ...]:
    """Return the heads of the letters around these messages; what is no letter has none.

    Raises:
        Forbidden
    """
    require(actor, Permission.CONVERSATIONS_VIEW)
    if not message_ids:
        return ()
    with kernel.unit_of_work(actor.tenant_id) as work:
        heads = head_repository.list_heads(work, message_ids)
        files = head_repository.attachments_by_message(work, [head.id for head in heads])
    return tuple(
        LetterHeadView(
            message_id=head.id,
            subject=head.subject,
            from_address=head.from_address,
            from_name=head.from_name,
            to=tuple(head.to),
            cc=tuple(head.cc),
            reply_to=head.reply_to,
            thread_reason=head.thread_reason,
            automatic=head.automatic,
            has_html=head.has_html,
            original_length=head.original_length,
            attachments=tuple(files.get(head.id, ())),
        )
        for head in heads
    )
