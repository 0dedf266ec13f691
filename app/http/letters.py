"""What the pages fetch of letters past the page framework: long texts, documents and files.

They never become page state, which lives in Redis and travels again with every change of a thread.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from app.http.deps import KernelDep, MaybeCookieActor
from app.http.files import download_of
from services.email import FRAME_SANDBOX, get_letter, open_attachment
from services.kernel.errors import NotFound, Unauthenticated
from services.tenants import Actor

_DOCUMENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src {images}; base-uri 'none'; form-action 'none'; "
    f"frame-ancestors 'self'; sandbox {FRAME_SANDBOX}"
)
"""As strict as the document's own, and in force even where it is opened outside its frame."""


class LetterParts(BaseModel):
    """What a thread shows of a letter when it is asked for."""

    quoted: str
    blocked_images: int


def cookie_actor(actor: MaybeCookieActor) -> Actor:
    """Return who is signed in.

    Raises:
        Unauthenticated: nobody is.
    """
    if actor is None:
        raise Unauthenticated("You are not signed in any more. Sign in and open the letter again.")
    return actor


CookieActor = Annotated[Actor, Depends(cookie_actor)]


def create_letters_router() -> APIRouter:
    """Return the routes behind the conversation page's letters; a session cookie opens them."""
    router = APIRouter(prefix="/api/admin/ai-agents", include_in_schema=False, redirect_slashes=False)
    router.add_api_route("/letters/{message_id}", read_parts, methods=["GET"])
    router.add_api_route("/letters/{message_id}/document", show_document, methods=["GET"])
    router.add_api_route("/attachments/{attachment_id}", download, methods=["GET"])
    return router


def read_parts(kernel: KernelDep, actor: CookieActor, message_id: UUID) -> LetterParts:
    """Return what a letter quotes, and how many pictures its document lacks."""
    letter = get_letter(kernel, actor=actor, message_id=message_id)
    return LetterParts(quoted=letter.quoted, blocked_images=letter.blocked_images)


def show_document(
    kernel: KernelDep, actor: CookieActor, message_id: UUID, images: Annotated[bool, Query()] = False
) -> Response:
    """Return a letter's sanitised HTML as a document for a sandboxed frame."""
    letter = get_letter(kernel, actor=actor, message_id=message_id, show_images=images)
    if not letter.document:
        raise NotFound("This letter has no HTML that can be shown; read its text.", code="no_document")
    return Response(
        letter.document,
        media_type="text/html; charset=utf-8",
        headers={
            "Content-Security-Policy": _DOCUMENT_POLICY.format(images="data: https:" if images else "data:"),
            "X-Frame-Options": "SAMEORIGIN",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "private, no-store",
        },
    )


def download(kernel: KernelDep, actor: CookieActor, attachment_id: UUID) -> Response:
    """Return a file that came with a letter, to be saved and not shown."""
    return download_of(open_attachment(kernel, actor=actor, attachment_id=attachment_id))
