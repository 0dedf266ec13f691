"""What Resend accepts to be sent, and what it refuses.

https://resend.com/docs/api-reference/emails/send-email, https://resend.com/docs/dashboard/emails/idempotency-keys.
"""

import base64
import hashlib
import json
import mimetypes
import re
from collections.abc import Iterable

from pydantic import JsonValue

from app.sandbox.mail import address_of, domain_of, is_address, new_attachment, new_id, new_message_id
from app.sandbox.mail_network import steps_of
from app.sandbox.record import JsonObject
from app.sandbox.resend_call import ResendError, invalid, missing
from app.sandbox.resend_state import IdempotentRequest, Mail, MailAttachment, ResendAccount, ResendState, SentMail

_RECIPIENT_LIMIT = 50
_ATTACHMENT_BYTES = 40 * 1024 * 1024
_KEY_SECONDS = 24 * 3600
_KEY_LIMIT = 256
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_HEADER_NAME = re.compile(r"[!-9;-~]+")
_NOT_PLAYED = ("scheduled_at", "template")
_SES_DOMAIN = "us-east-1.amazonses.com"


def check_key(key: str) -> None:
    """Check the form of an idempotency key.

    Raises:
        ResendError: it is too long, or empty.
    """
    if not 1 <= len(key) <= _KEY_LIMIT:
        raise ResendError(400, "invalid_idempotency_key", "The key must be between 1-256 chars.")


def replay_of(account: ResendAccount, key: str, body: JsonObject, *, now: float) -> str:
    """Return the id of the mail that an earlier request with this key sent; empty if there was none in 24 hours.

    Raises:
        ResendError: the key stands for another body.
    """
    account.idempotent = {name: item for name, item in account.idempotent.items() if item.at > now - _KEY_SECONDS}
    earlier = account.idempotent.get(key)
    if earlier is None:
        return ""
    if earlier.body_digest != _digest(body):
        raise ResendError(
            409,
            "invalid_idempotent_request",
            "This idempotency key has already been used within the last 24 hours with another request body.",
        )
    return earlier.email_id


def concurrent() -> ResendError:
    """Return the error for a key whose first request is still at work."""
    return ResendError(
        409,
        "concurrent_idempotent_requests",
        "Another request with the same idempotency key is still in progress. Try again later.",
    )


def accept(state: ResendState, account: ResendAccount, body: JsonObject, *, key: str, now: float) -> SentMail:
    """Check and accept a mail.

    Args:
        key: the idempotency key; empty without one.

    Raises:
        ResendError: as Resend would refuse.
    """
    mail = _read(state, account, body, now=now)
    sent = SentMail(mail=mail, tags=_tags(body.get("tags")), coming=steps_of(state, mail))
    account.sent.append(sent)
    if key:
        account.idempotent[key] = IdempotentRequest(body_digest=_digest(body), email_id=mail.id, at=now)
    return sent


def _read(state: ResendState, account: ResendAccount, body: JsonObject, *, now: float) -> Mail:
    for name in ("from", "to", "subject"):
        if not body.get(name):
            raise missing(f"`{name}`")
    if not body.get("html") and not body.get("text"):
        raise missing("`html` or `text`")
    for name in _NOT_PLAYED:
        if body.get(name):
            raise invalid(f"The sandbox does not play `{name}`.")
    [sender] = _addresses(body, "from", limit=1)
    headers = _headers(body.get("headers"))
    mail = Mail(
        id=new_id(),
        message_id=_message_id(state, headers),
        at=now,
        sender=sender,
        to=_addresses(body, "to"),
        cc=_addresses(body, "cc"),
        bcc=_addresses(body, "bcc"),
        reply_to=_addresses(body, "reply_to"),
        subject=_text(body, "subject") or "",
        text=_text(body, "text"),
        html=_text(body, "html"),
        headers=headers,
        attachments=_attachments(body.get("attachments")),
    )
    domain = domain_of(sender)
    if all(item.name != domain or item.status != "verified" for item in account.domains):
        raise ResendError(
            403,
            "validation_error",
            f"The {domain} domain is not verified. Please, add and verify your domain on https://resend.com/domains",
        )
    return mail


def _message_id(state: ResendState, headers: dict[str, str]) -> str:
    own = next((headers.pop(name) for name in list(headers) if name.lower() == "message-id"), "")
    return own if own and state.keeps_message_id else new_message_id(_SES_DOMAIN)


def _text(body: JsonObject, name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid(f"The `{name}` field must be a string.")
    if name == "subject" and value and ("\n" in value or "\r" in value):
        raise invalid("The `subject` field must not contain line breaks.")
    return value


def _addresses(body: JsonObject, name: str, *, limit: int = _RECIPIENT_LIMIT) -> list[str]:
    value = body.get(name) or []
    items = value if isinstance(value, list) else [value]
    found = [item for item in items if isinstance(item, str) and is_address(item)]
    if len(found) != len(items):
        raise invalid(
            f"Invalid `{name}` field. The email address needs to follow the `email@example.com` or "
            "`Name <email@example.com>` format."
        )
    if len(found) > limit:
        raise invalid(f"The `{name}` field must have at most {limit} addresses.")
    return list({address_of(item): item for item in found}.values())


def _headers(value: JsonValue) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid("The `headers` field must be an object.")
    headers = {name: text for name, text in value.items() if isinstance(text, str)}
    lines = "".join(headers.values())
    if len(headers) != len(value) or any(_HEADER_NAME.fullmatch(name) is None for name in headers):
        raise invalid("The `headers` field must map header names to strings.")
    if "\n" in lines or "\r" in lines:
        raise invalid("The `headers` field must not contain line breaks.")
    return headers


def _tags(value: JsonValue) -> dict[str, str]:
    tags: dict[str, str] = {}
    for item in _objects(value, "tags"):
        name, text = item.get("name"), item.get("value", "")
        if not isinstance(name, str) or not isinstance(text, str) or not all(map(_TAG.fullmatch, (name, text or "-"))):
            raise invalid("Tags should only contain ASCII letters, numbers, underscores, or dashes.")
        tags[name] = text
    return tags


def _attachments(value: JsonValue) -> list[MailAttachment]:
    found = [_attachment(item) for item in _objects(value, "attachments")]
    if sum(len(item.content) for item in found) > _ATTACHMENT_BYTES:
        raise ResendError(422, "invalid_attachment", "The attachments must not be larger than 40 MB after encoding.")
    return found


def _attachment(item: JsonObject) -> MailAttachment:
    name, content = item.get("filename"), _content(item.get("content"))
    if not isinstance(name, str) or not name or content is None:
        raise ResendError(422, "invalid_attachment", "Attachment must have a `filename` and a `content`.")
    kind = item.get("content_type") or mimetypes.guess_type(name)[0] or "application/octet-stream"
    content_id = item.get("content_id") or item.get("inline_content_id") or ""
    return new_attachment(filename=name, content_type=str(kind), content=content, content_id=str(content_id))


def _content(value: JsonValue) -> bytes | None:
    """Read a file's content: base64, or a list of its bytes as the Python client writes them."""
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
        if isinstance(value, list):
            return bytes(item for item in value if isinstance(item, int))
    except ValueError:
        return None
    return None


def _objects(value: JsonValue, name: str) -> Iterable[JsonObject]:
    items = value if isinstance(value, list) else [value] if value is not None else []
    for item in items:
        if not isinstance(item, dict):
            raise invalid(f"The `{name}` field must be a list of objects.")
        yield item


def _digest(body: JsonObject) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
