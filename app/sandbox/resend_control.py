"""The control API's part for mails: plays the mail contacts, the DNS and Resend's dashboard."""

import base64
import binascii
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from app.sandbox import mail, resend_network
from app.sandbox.control_body import Body, ControlError
from app.sandbox.mail_network import OUTCOMES
from app.sandbox.resend_identities import MAILBOXES, dashboard_webhook
from app.sandbox.resend_setup import is_endpoint
from app.sandbox.resend_state import Mail, MailAttachment, MailboxItem, ResendAccount, Responder
from app.sandbox.world import World

Answer = Mapping[str, object]
Automatic = Literal["", "auto-replied", "auto-generated", "bulk", "out-of-office"]


class File(Body):
    """A file to attach."""

    filename: str = Field(min_length=1)
    content_type: str = Field(default="text/plain", pattern=r"^[\w.+-]+/[\w.+-]+$")
    content: str = ""
    """Base64; without it a line of text."""
    content_id: str = ""


class _Letter(Body):
    cc: list[str] = Field(default_factory=list[str])
    text: str = Field(min_length=1, max_length=400_000)
    html: str | None = None
    """The HTML to send along; without it, what ``as_html`` says."""
    as_html: bool = True
    """Whether an HTML body goes along, as most programs do."""
    only_html: bool = False
    automatic: Automatic = ""
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    """More header fields."""
    attachments: list[File] = Field(default_factory=list[File])
    copies: int = Field(default=1, ge=1, le=20)
    message_id: str = ""


class MailWrite(_Letter):
    """A contact writes a new mail."""

    sender: str
    to: list[str] = Field(min_length=1)
    subject: str = Field(max_length=900)


class MailReply(_Letter):
    """A contact answers a mail in a mailbox."""

    mailbox: str
    mail: str = ""
    """The mail's id; without it, the last one that came."""
    sender: str = ""
    """Whoever answers, if not the mailbox's owner."""
    subject: str = Field(default="", max_length=900)
    to_all: bool = False
    keeps_in_reply_to: bool = True
    keeps_references: bool = True
    quotes: bool = True


class MailOutcome(Body):
    """What becomes of mails to an address."""

    to: str
    outcome: str


class MailResponder(Body):
    """What a mailbox answers by itself from now on; nothing if there is no text."""

    mailbox: str
    text: str = Field(default="", max_length=10_000)
    automatic: Automatic = "out-of-office"


class MailNetwork(Body):
    """How the network treats mails and the signatures of their events; what is not named stays."""

    keeps_message_id: bool | None = None
    header_family: Literal["svix", "webhook", "both"] | None = None


class WebhookUrl(Body):
    """The address of the webhook that was made in an account's dashboard; empty for none."""

    account: str = ""
    url: str


class Dns(Body):
    """Whether a domain's records stand in the DNS."""

    domain: str
    is_set: bool = True


async def write_mail(world: World, body: MailWrite) -> Answer:
    """Let a contact write a mail."""
    letter = _mail(world, body, sender=body.sender, to=body.to, subject=body.subject, quoted=None, headers={})
    return _written(resend_network.write(world, letter, copies=body.copies))


async def reply_to_mail(world: World, body: MailReply) -> Answer:
    """Let a contact answer a mail."""
    answered = _find(world, body)
    sender = body.sender or body.mailbox
    to = answered.reply_to or [answered.sender]
    others = [item for item in [*answered.to, *answered.cc] if body.to_all]
    known = {mail.address_of(item) for item in [sender, *to, *body.cc]}
    cc = [*body.cc, *(item for item in others if mail.address_of(item) not in known)]
    headers = {
        **({"In-Reply-To": answered.message_id} if body.keeps_in_reply_to else {}),
        **({"References": mail.references_of(answered)} if body.keeps_references else {}),
    }
    letter = _mail(
        world,
        body.model_copy(update={"cc": cc}),
        sender=sender,
        to=to,
        subject=body.subject or mail.reply_subject(answered.subject),
        quoted=answered if body.quotes else None,
        headers=headers,
    )
    return _written(resend_network.write(world, letter, copies=body.copies))


async def set_outcome(world: World, body: MailOutcome) -> Answer:
    """Say what becomes of mails to an address."""
    if body.outcome not in OUTCOMES:
        raise ControlError(f"There is no outcome {body.outcome}; there are {', '.join(OUTCOMES)}.")
    world.store.state.resend.outcomes[mail.address_of(body.to)] = body.outcome
    return {}


async def set_responder(world: World, body: MailResponder) -> Answer:
    """Let a mailbox answer by itself, or stop it."""
    responders = world.store.state.resend.responders
    address = mail.address_of(body.mailbox)
    if not mail.is_address(address):
        raise ControlError(f"{body.mailbox or '(nothing)'} is not a mail address.")
    responders.pop(address, None)
    if body.text:
        responders[address] = Responder(text=body.text, automatic=body.automatic)
    return {}


async def set_network(world: World, body: MailNetwork) -> Answer:
    """Say how the network treats mails and signatures."""
    state = world.store.state.resend
    if body.keeps_message_id is not None:
        state.keeps_message_id = body.keeps_message_id
    if body.header_family is not None:
        state.header_family = body.header_family
    return {"keeps_message_id": state.keeps_message_id, "header_family": state.header_family}


async def set_webhook_url(world: World, body: WebhookUrl) -> Answer:
    """Paste an address into the webhook of an account's dashboard."""
    account = _account(world, body.account)
    if body.url and not is_endpoint(body.url):
        raise ControlError("That is not an address: it must start with http:// or https://.")
    webhook = dashboard_webhook(account)
    webhook.endpoint = body.url
    return {"account": account.id, "url": webhook.endpoint}


async def set_dns(world: World, body: Dns) -> Answer:
    """Put a domain's records into the DNS, or take them out; verifying the domain sees it."""
    domains = {item.name: item for account in world.store.state.resend.accounts for item in account.domains}
    if body.domain not in domains:
        raise ControlError(f"There is no domain {body.domain}; there are {', '.join(domains)}.")
    domains[body.domain].dns_is_set = body.is_set
    return {}


def _account(world: World, account_id: str) -> ResendAccount:
    accounts = world.store.state.resend.accounts
    found = next((item for item in accounts if account_id in {"", item.id}), None)
    if found is None:
        raise ControlError("There is no such account.")
    return found


def _find(world: World, body: MailReply) -> Mail:
    items = world.store.state.resend.mailboxes.get(mail.address_of(body.mailbox), [])
    found = [item.mail for item in items if body.mail == item.mail.id or (not body.mail and not item.is_sent)]
    if not found:
        raise ControlError(f"There is no such mail in the mailbox {body.mailbox or '(none given)'}.")
    return found[-1]


def _mail(
    world: World,
    body: _Letter,
    *,
    sender: str,
    to: list[str],
    subject: str,
    quoted: Mail | None,
    headers: Mapping[str, str],
) -> Mail:
    for address in (sender, *to, *body.cc):
        if not mail.is_address(address):
            raise ControlError(f"{address or '(nothing)'} is not a mail address.")
    if any(line in value for value in (subject, body.message_id, *body.headers.values()) for line in "\r\n"):
        raise ControlError("A header field has no line breaks.")
    bare = mail.address_of(sender)
    html = mail.quoting_html(body.text, quoted) if quoted else mail.as_html(body.text)
    return Mail(
        id=mail.new_id(),
        message_id=body.message_id or mail.new_message_id(mail.domain_of(sender)),
        at=world.now(),
        sender=mail.named(bare, MAILBOXES.get(bare, "")) if sender == bare else sender,
        to=to,
        cc=body.cc,
        subject=subject,
        text=None if body.only_html else mail.quoting_text(body.text, quoted) if quoted else body.text,
        html=body.html or (html if body.as_html or body.only_html else None),
        headers={**headers, **mail.AUTOMATIC[body.automatic], **body.headers},
        attachments=[_attachment(item) for item in body.attachments],
    )


def _attachment(item: File) -> MailAttachment:
    try:
        content = base64.b64decode(item.content, validate=True) or f"This is {item.filename}.\n".encode()
    except binascii.Error as error:
        raise ControlError(f"The content of {item.filename} is not base64.") from error
    return mail.new_attachment(
        filename=item.filename, content_type=item.content_type, content=content, content_id=item.content_id
    )


def _written(item: MailboxItem) -> Answer:
    return {"mail": item.mail.id, "message_id": item.mail.message_id, "event_ids": item.event_ids}
