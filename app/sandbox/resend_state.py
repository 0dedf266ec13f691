"""What the sandbox remembers of Resend and of the contacts' mailboxes."""

from pydantic import Field

from app.sandbox.record import Record


class MailAttachment(Record):
    """A file in a mail."""

    id: str
    filename: str
    content_type: str
    content: str
    """Base64."""
    content_id: str = ""
    size: int


class Mail(Record):
    """One mail, as it lies in a mailbox or came to an account."""

    id: str
    message_id: str
    at: float
    sender: str
    to: list[str]
    cc: list[str] = Field(default_factory=list[str])
    bcc: list[str] = Field(default_factory=list[str])
    reply_to: list[str] = Field(default_factory=list[str])
    subject: str
    text: str | None = None
    html: str | None = None
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    """The headers beside those that stand above."""
    attachments: list[MailAttachment] = Field(default_factory=list[MailAttachment])


class MailboxItem(Record):
    """A mail in a contact's mailbox."""

    mail: Mail
    is_sent: bool = False
    event_ids: list[str] = Field(default_factory=list[str])
    """Of a sent one: the webhooks it caused."""


class Responder(Record):
    """What a mailbox answers by itself to each mail that comes."""

    text: str
    automatic: str = ""
    """How the answer says that no person wrote it; see ``mail.AUTOMATIC``."""


class ReceivedMail(Record):
    """A mail that came to an account's domain."""

    mail: Mail
    received_for: list[str]


class MailStep(Record):
    """Something that will be told about a sent mail."""

    event: str
    to: list[str]


class SentMail(Record):
    """A mail that an account sent."""

    mail: Mail
    tags: dict[str, str] = Field(default_factory=dict[str, str])
    last_event: str = "queued"
    coming: list[MailStep] = Field(default_factory=list[MailStep])


class ResendDomain(Record):
    """A domain of an account."""

    id: str
    name: str
    created_at: float
    status: str
    is_receiving: bool
    dkim_key: str
    dns_is_set: bool
    """Whether its records stand in the DNS, so that verifying it succeeds."""


class ResendWebhook(Record):
    """An address that an account's events go to. The one made in the dashboard has none until it is pasted there."""

    id: str
    created_at: float
    endpoint: str
    events: list[str]
    secrets: list[str]
    """Newest first; older ones sign along for a day after a rotation."""
    is_enabled: bool = True
    is_from_dashboard: bool = False


class IdempotentRequest(Record):
    """What an idempotency key stands for."""

    body_digest: str
    email_id: str
    at: float


class ResendAccount(Record):
    """An account with its keys, domains, webhooks and mails."""

    id: str
    name: str
    api_key: str
    sending_key: str
    """May send, and nothing else."""
    domains: list[ResendDomain]
    webhooks: list[ResendWebhook]
    sent: list[SentMail] = Field(default_factory=list[SentMail])
    received: list[ReceivedMail] = Field(default_factory=list[ReceivedMail])
    idempotent: dict[str, IdempotentRequest] = Field(default_factory=dict[str, IdempotentRequest])


class ResendState(Record):
    """All of Resend, the contacts' mailboxes, and what the network will do with mails."""

    accounts: list[ResendAccount]
    mailboxes: dict[str, list[MailboxItem]] = Field(default_factory=dict[str, list[MailboxItem]])
    """By address, in lower case."""
    outcomes: dict[str, str] = Field(default_factory=dict[str, str])
    """What becomes of mails to an address."""
    responders: dict[str, Responder] = Field(default_factory=dict[str, Responder])
    """By mailbox."""
    header_family: str = "svix"
    """Under which names the signatures come: svix, webhook or both."""
    keeps_message_id: bool = True
    """Whether a sender's own Message-ID stays. Amazon SES, which Resend sends through, puts its own in its place."""
