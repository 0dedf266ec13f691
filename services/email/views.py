"""What pages and the API see of letters, senders and domains."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models import EmailSender


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderForm:
    """What a person sets of a sender."""

    address: str
    display_name: str = ""
    """Empty for the agent's name."""
    reply_to: str = ""
    """Where contacts' answers go; empty for the address itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderView:
    """An address that an agent writes from."""

    id: UUID
    connection_id: UUID
    agent_id: UUID
    agent_name: str
    address: str
    display_name: str
    """As contacts see it: the sender's own, else the agent's name."""
    reply_to: str
    domain_status: str
    """The provider's word for the address's domain; empty if the account has no such domain any more."""
    can_send: bool
    can_receive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsRecordView:
    """A DNS record that a domain needs."""

    type: str
    name: str
    value: str
    priority: str
    purpose: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailDomainView:
    """A domain of the account, and whether it may be sent from."""

    id: UUID
    connection_id: UUID
    name: str
    status: str
    """The provider's own word."""
    can_send: bool
    can_receive: bool
    records: tuple[DnsRecordView, ...]
    checked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailCardView:
    """What the card of an agent's e-mail shows."""

    sender: SenderView | None
    """None until one is set up."""
    send_from: str
    display_name: str
    reply_to: str
    sent_today: int
    """Since midnight in the tenant's time zone."""
    domain: EmailDomainView | None
    domain_status: str
    can_receive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentView:
    """A file that came with a letter."""

    id: UUID
    name: str
    content_type: str
    size_bytes: int
    left_out: str
    """Why it cannot be opened, in words; empty if it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterHeadView:
    """What a thread shows of the letter around a message, without what may be large."""

    message_id: UUID
    subject: str
    from_address: str
    from_name: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    reply_to: str
    thread_reason: str
    automatic: str
    has_html: bool
    original_length: int
    """Characters of its text with quotes and signature; more than its message has if something was cut off."""
    attachments: tuple[AttachmentView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterView:
    """The letter around a message, as it may be shown."""

    message_id: UUID
    conversation_id: UUID
    direction: str
    subject: str
    from_address: str
    from_name: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    reply_to: str
    document: str
    """The sanitised letter as a whole HTML document for the ``srcdoc`` of a sandboxed frame; empty if it has no HTML
    or so much that only its text is shown."""
    blocked_images: int
    """How many pictures from elsewhere were left out of the document."""
    text: str
    """What is new in it."""
    quoted: str
    """The signature and what it repeats of earlier letters."""
    original_text: str
    thread_reason: str
    automatic: str
    attachments: tuple[AttachmentView, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedAttachment:
    """A file's content; ``content_type`` is safe to serve: what a browser might run is plain bytes."""

    name: str
    content_type: str
    content: bytes


def domain_of(address: str) -> str:
    """Return the part after the at sign, in lower case."""
    return address.rpartition("@")[2].lower()


def sender_view(sender: EmailSender, agent_name: str, domain: EmailDomainView | None) -> SenderView:
    """Return a sender as shown."""
    return SenderView(
        id=sender.id,
        connection_id=sender.connection_id,
        agent_id=sender.agent_id,
        agent_name=agent_name,
        address=sender.address,
        display_name=sender.display_name or agent_name,
        reply_to=sender.reply_to,
        domain_status=domain.status if domain else "",
        can_send=domain.can_send if domain else False,
        can_receive=domain.can_receive if domain else False,
    )
