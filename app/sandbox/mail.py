"""What a mail is: addresses, header fields, the raw message, and replies as mail programs write them.

RFC 5322 for the fields, RFC 3834 for automatic answers.
"""

import base64
import re
import secrets
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr, parseaddr
from html import escape

from app.sandbox.resend_state import Mail, MailAttachment

_ADDRESS = re.compile(r"[^\s@<>\",;]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]{2,}")
_STRUCTURED = frozenset({"from", "to", "cc", "bcc", "reply-to", "subject", "date", "message-id", "mime-version"})
_REPLY_PREFIX = re.compile(r"\s*re\s*:", re.IGNORECASE)

AUTOMATIC: Mapping[str, Mapping[str, str]] = {
    "": {},
    "auto-replied": {"Auto-Submitted": "auto-replied"},
    "auto-generated": {"Auto-Submitted": "auto-generated"},
    "bulk": {"Precedence": "bulk"},
    "out-of-office": {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All", "Precedence": "auto_reply"},
}
"""The ways in which a mail says that no person wrote it."""


def address_of(text: str) -> str:
    """Return the bare address of ``Name <address>``, in lower case."""
    return parseaddr(text)[1].lower()


def is_address(text: str) -> bool:
    """Return whether a text is ``address`` or ``Name <address>``."""
    name, separator, rest = text.strip().rpartition("<")
    bare = rest.removesuffix(">") if separator else text.strip()
    whole = not separator or (rest.endswith(">") and "<" not in name)
    return whole and "\n" not in text and "\r" not in text and bool(_ADDRESS.fullmatch(bare))


def domain_of(text: str) -> str:
    """Return the domain of an address, in lower case."""
    return address_of(text).rpartition("@")[2]


def named(address: str, name: str) -> str:
    """Return an address with a name before it, if there is one."""
    return formataddr((name, address)) if name else address


def new_id() -> str:
    """Make an id in Resend's shape."""
    return str(uuid.uuid4())


def new_message_id(domain: str) -> str:
    """Make a Message-ID."""
    return f"<{secrets.token_hex(16)}@{domain}>"


def new_attachment(*, filename: str, content_type: str, content: bytes, content_id: str = "") -> MailAttachment:
    """Make an attachment."""
    return MailAttachment(
        id=new_id(),
        filename=filename,
        content_type=content_type,
        content=base64.b64encode(content).decode(),
        content_id=content_id,
        size=len(content),
    )


def header_fields(mail: Mail) -> dict[str, str]:
    """Return all header fields of a mail, as its recipients see them."""
    fields = {
        "Return-Path": f"<{address_of(mail.sender)}>",
        "From": mail.sender,
        "To": ", ".join(mail.to),
        "Cc": ", ".join(mail.cc),
        "Reply-To": ", ".join(mail.reply_to),
        "Subject": mail.subject,
        "Date": format_datetime(datetime.fromtimestamp(mail.at, UTC)),
        "Message-ID": mail.message_id,
        "MIME-Version": "1.0",
    }
    own = {name: value for name, value in mail.headers.items() if name.lower() not in _STRUCTURED}
    return {name: value for name, value in fields.items() if value} | own


def raw_message(mail: Mail) -> bytes:
    """Return a mail as it went over the wire."""
    message = EmailMessage()
    for name, value in header_fields(mail).items():
        if name.lower() != "mime-version":
            message[name] = value
    if mail.text is not None or mail.html is None:
        message.set_content(mail.text or "")
    if mail.html is not None:
        (message.add_alternative if mail.text is not None else message.set_content)(mail.html, subtype="html")
    for item in mail.attachments:
        main, _, sub = item.content_type.partition("/")
        message.add_attachment(
            base64.b64decode(item.content),
            maintype=main,
            subtype=sub or "octet-stream",
            filename=item.filename,
            disposition="inline" if item.content_id else "attachment",
            cid=f"<{item.content_id}>" if item.content_id else None,
        )
    return message.as_bytes()


def reply_subject(subject: str) -> str:
    """Return the subject of a reply: one ``Re:``, however often it went back and forth."""
    return subject if _REPLY_PREFIX.match(subject) else f"Re: {subject}"


def references_of(mail: Mail) -> str:
    """Return what a reply to a mail refers to: all that it referred to, and itself."""
    fields = {name.lower(): value for name, value in mail.headers.items()}
    earlier = fields.get("references") or fields.get("in-reply-to", "")
    return f"{earlier} {mail.message_id}".strip()


def quoting_text(text: str, mail: Mail) -> str:
    """Return a text with the mail it answers quoted below, as mail programs do."""
    quoted = "\n".join(f"> {line}".rstrip() for line in (mail.text or "").rstrip().split("\n"))
    return f"{text.rstrip()}\n\n{_attribution(mail)}\n\n{quoted}\n"


def quoting_html(text: str, mail: Mail) -> str:
    """Return the same as HTML, in Gmail's shape."""
    quoted = mail.html or _paragraphs(mail.text or "")
    return (
        f'<div dir="ltr">{_paragraphs(text)}</div><br><div class="gmail_quote">'
        f'<div dir="ltr" class="gmail_attr">{escape(_attribution(mail))}<br></div>'
        f'<blockquote class="gmail_quote" style="margin:0 0 0 .8ex;border-left:1px solid #ccc;padding-left:1ex">'
        f"{quoted}</blockquote></div>"
    )


def as_html(text: str) -> str:
    """Return a text as a mail program writes it in HTML."""
    return f'<div dir="ltr">{_paragraphs(text)}</div>'


def _paragraphs(text: str) -> str:
    return escape(text).replace("\n", "<br>\n")


def _attribution(mail: Mail) -> str:
    moment = datetime.fromtimestamp(mail.at, UTC)
    hour = moment.hour % 12 or 12
    return f"On {moment:%a, %b} {moment.day}, {moment.year} at {hour}:{moment:%M %p} {mail.sender} wrote:"
