"""Queries on the heads of letters: many at once, without their texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func
from sqlalchemy import select as select_columns
from sqlmodel import col

from models import Attachment, EmailEnvelope
from services.email.views import AttachmentView
from services.kernel.db import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """An envelope without its texts."""

    id: UUID
    subject: str
    from_address: str
    from_name: str
    to: Sequence[str]
    cc: Sequence[str]
    reply_to: str
    thread_reason: str
    automatic: str
    has_html: bool
    original_length: int


def list_heads(work: UnitOfWork, message_ids: Sequence[UUID]) -> list[Head]:
    """Return the heads of the letters around these messages."""
    statement = select_columns(
        col(EmailEnvelope.id),
        col(EmailEnvelope.subject),
        col(EmailEnvelope.from_address),
        col(EmailEnvelope.from_name),
        col(EmailEnvelope.to),
        col(EmailEnvelope.cc),
        col(EmailEnvelope.reply_to),
        col(EmailEnvelope.thread_reason),
        col(EmailEnvelope.automatic),
        (col(EmailEnvelope.html) != "").label("has_html"),
        func.char_length(col(EmailEnvelope.original_text)).label("original_length"),
    ).where(col(EmailEnvelope.tenant_id) == work.tenant_id, col(EmailEnvelope.id).in_(message_ids))
    return [Head(**row) for row in work.session.connection().execute(statement).mappings()]


def attachments_by_message(work: UnitOfWork, message_ids: Sequence[UUID]) -> Mapping[UUID, list[AttachmentView]]:
    """Return the files that came with these messages, as shown; their contents stay in the database."""
    statement = (
        select_columns(
            col(Attachment.message_id),
            col(Attachment.id),
            col(Attachment.name),
            col(Attachment.content_type),
            col(Attachment.size_bytes),
            col(Attachment.left_out),
        )
        .where(col(Attachment.tenant_id) == work.tenant_id, col(Attachment.message_id).in_(message_ids))
        .order_by(col(Attachment.id))
    )
    found: dict[UUID, list[AttachmentView]] = {}
    for row in work.session.connection().execute(statement).mappings():
        view = AttachmentView(**{name: value for name, value in row.items() if name != "message_id"})
        found.setdefault(row["message_id"], []).append(view)
    return found
