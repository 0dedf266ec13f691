"""How Resend shows mails: sent ones, received ones, and the files in them.

https://resend.com/docs/api-reference/emails, https://resend.com/docs/api-reference/attachments.
"""

import base64
import hashlib
import hmac

from app.sandbox.mail import header_fields, raw_message
from app.sandbox.resend_call import Answer, Call, ResendError, not_found, page
from app.sandbox.resend_events import iso
from app.sandbox.resend_state import Mail, MailAttachment, ReceivedMail, ResendState, SentMail

_MAIL_PAGE = 20
_LINK_SECONDS = 3600


def list_sent(call: Call) -> Answer:
    """Return the mails that were sent, newest first."""
    items = [(sent.mail.id, lambda sent=sent: _sent_body(sent)) for sent in reversed(call.account.sent)]
    return page(call, items, default_limit=_MAIL_PAGE)


def get_sent(call: Call) -> Answer:
    """Return a mail that was sent."""
    sent = next((item for item in call.account.sent if item.mail.id == call.id), None)
    if sent is None:
        raise not_found("Email")
    content = {"html": sent.mail.html, "text": sent.mail.text}
    tags = [{"name": name, "value": value} for name, value in sent.tags.items()]
    return {"object": "email", **_sent_body(sent), **content, "tags": tags}


def list_received(call: Call) -> Answer:
    """Return the mails that came in, newest first."""
    received = reversed(call.account.received)
    items = [(item.mail.id, lambda item=item: _received_body(item, sized=False)) for item in received]
    return page(call, items, default_limit=_MAIL_PAGE)


def get_received(call: Call) -> Answer:
    """Return a mail that came in, with its body and header fields."""
    received = _find_received(call)
    mail = received.mail
    shape = "cid" if call.query.get("html_format") == "cid" else "data_uri"
    path = f"{mail.id}/raw"
    return {
        "object": "email",
        **_received_body(received, sized=True),
        "html": mail.html if shape == "cid" else _with_inline_images(mail),
        "html_format": shape,
        "text": mail.text,
        "headers": {name.lower(): value for name, value in header_fields(mail).items()},
        "raw": _link(call, path),
    }


def list_attachments(call: Call) -> Answer:
    """Return the files in a mail that came in."""
    mail = _find_received(call).mail
    return page(call, [(item.id, lambda item=item: _linked(call, mail, item)) for item in mail.attachments])


def get_attachment(call: Call) -> Answer:
    """Return a file in a mail that came in, with where to download it."""
    mail = _find_received(call).mail
    found = next((item for item in mail.attachments if item.id == call.part), None)
    if found is None:
        raise not_found("Attachment")
    return {"object": "attachment", **_linked(call, mail, found)}


def download(state: ResendState, path: str, *, expires: str, signature: str, now: float) -> tuple[bytes, str]:
    """Return what a signed link points to, and its type. Whoever has the link may have it.

    Raises:
        ResendError: the link is forged, or its time is up.
    """
    mail_id, _, part = path.partition("/")
    for account in state.accounts:
        expected = _link_signature(account.api_key, path, expires)
        if not expires.isdecimal() or float(expires) < now or not _same(expected, signature):
            continue
        for received in account.received:
            if received.mail.id == mail_id:
                if part == "raw":
                    return raw_message(received.mail), "message/rfc822"
                item = next(item for item in received.mail.attachments if part == f"attachments/{item.id}")
                return base64.b64decode(item.content), item.content_type
    raise ResendError(403, "invalid_access", "Access denied.")


def _sent_body(sent: SentMail) -> Answer:
    mail = sent.mail
    return {
        "id": mail.id,
        "message_id": mail.message_id,
        "to": mail.to,
        "from": mail.sender,
        "created_at": iso(mail.at),
        "subject": mail.subject,
        "bcc": mail.bcc or None,
        "cc": mail.cc or None,
        "reply_to": mail.reply_to or None,
        "last_event": sent.last_event,
        "scheduled_at": None,
    }


def _received_body(received: ReceivedMail, *, sized: bool) -> Answer:
    mail = received.mail
    files = [_file_body(item) | ({"size": item.size} if sized else {"size": None}) for item in mail.attachments]
    return {
        "id": mail.id,
        "to": mail.to,
        "from": mail.sender,
        "created_at": iso(mail.at),
        "subject": mail.subject,
        "bcc": mail.bcc,
        "cc": mail.cc,
        "reply_to": mail.reply_to,
        "received_for": received.received_for,
        "message_id": mail.message_id,
        "attachments": files,
    }


def _find_received(call: Call) -> ReceivedMail:
    found = next((item for item in call.account.received if item.mail.id == call.id), None)
    if found is None:
        raise not_found("Email")
    return found


def _file_body(item: MailAttachment) -> Answer:
    return {
        "id": item.id,
        "filename": item.filename,
        "content_type": item.content_type,
        "content_disposition": "inline" if item.content_id else "attachment",
        "content_id": item.content_id or None,
    }


def _linked(call: Call, mail: Mail, item: MailAttachment) -> Answer:
    return {**_file_body(item), "size": item.size, **_link(call, f"{mail.id}/attachments/{item.id}")}


def _link(call: Call, path: str) -> Answer:
    expires = int(call.now) + _LINK_SECONDS
    signature = _link_signature(call.account.api_key, path, str(expires))
    return {
        "download_url": f"{call.base_url}/cdn/{path}?expires={expires}&signature={signature}",
        "expires_at": iso(expires),
    }


def _link_signature(key: str, path: str, expires: str) -> str:
    return hmac.new(key.encode(), f"{path}?{expires}".encode(), hashlib.sha256).hexdigest()


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode())


def _with_inline_images(mail: Mail) -> str | None:
    html = mail.html
    for item in mail.attachments:
        if html and item.content_id:
            html = html.replace(f"cid:{item.content_id}", f"data:{item.content_type};base64,{item.content}")
    return html
