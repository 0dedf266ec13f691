"""Fetches letters that a webhook announced: Resend sends the envelope only."""

import contextlib
from datetime import UTC, datetime

import resend

from services.provider_kit.contract import (
    ChannelKind,
    Contact,
    Ignored,
    IncomingEmail,
    IncomingFile,
    MessageAnnounced,
    MessageReceived,
)
from services.providers.resend.addresses import (
    Mailbox,
    domain_of,
    header,
    one_line,
    read_addresses,
    read_mailboxes,
    read_message_ids,
)
from services.providers.resend.automatic import why_automatic
from services.providers.resend.body import read_html, read_text
from services.providers.resend.client import ResendClient
from services.providers.resend.files import fetch_files
from services.providers.resend.schemas import ReceivedLetter

_LONGEST_SUBJECT = 900


def fetch_message(client: ResendClient, announced: MessageAnnounced) -> MessageReceived | Ignored:
    """Return the letter, with its files within the limits.

    https://resend.com/docs/api-reference/emails/retrieve-received-email

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    # As “cid”: inline pictures come as files, and not a second time inside the HTML.
    letter = client.call(
        ReceivedLetter, lambda: resend.Emails.Receiving.get(announced.external_id, {"html_format": "cid"})
    )
    sender = _sender(letter)
    ours = announced.addresses or _own_addresses(letter, client.domain)
    if sender is None:
        return Ignored(reason="the letter names no sender who could be answered")
    if not ours:
        return Ignored(reason="the letter is for no address on this domain")
    files = fetch_files(client, letter)
    email = _envelope(letter, sender, files, domain=domain_of(ours[0]))
    text = _words(letter, email)
    if not text:
        return Ignored(reason="the letter is empty")
    return MessageReceived(
        external_id=letter.id,
        contact=Contact(id=sender.address, name=sender.name, address=sender.address),
        channel_kind=ChannelKind.EMAIL,
        channel_id=ours[0],
        channel_name=ours[0],
        conversation_key=letter.id,  # its Message-ID is a claim of the sender's; threads are found by envelopes
        text=text,
        addressed=True,
        why=f"e-mail to {ours[0]}",
        sent_at=_moment(letter.created_at),
        email=email,
    )


def _sender(letter: ReceivedLetter) -> Mailbox | None:
    """Return who wrote; the name may stand in the header only."""
    sender = next(iter(read_mailboxes(letter.sender)), None)
    if sender is None or sender.name:
        return sender
    named = read_mailboxes(header(letter.headers, "from"))
    return next((mailbox for mailbox in named if mailbox.address == sender.address), sender)


def _own_addresses(letter: ReceivedLetter, domain: str) -> tuple[str, ...]:
    recipients = read_addresses((*letter.to, *letter.cc, *letter.received_for, *letter.bcc))
    return tuple(address for address in recipients if domain and domain_of(address) == domain)


def _envelope(
    letter: ReceivedLetter, sender: Mailbox, files: tuple[IncomingFile, ...], *, domain: str
) -> IncomingEmail:
    headers = letter.headers
    ids = read_message_ids(letter.message_id) or read_message_ids(header(headers, "message-id"))
    reply_to = read_addresses(letter.reply_to or (header(headers, "reply-to"),))
    return IncomingEmail(
        internet_message_id=ids[0] if ids else f"{letter.id}@{domain}",
        in_reply_to=read_message_ids(header(headers, "in-reply-to")),
        references=read_message_ids(header(headers, "references")),
        subject=one_line(letter.subject)[:_LONGEST_SUBJECT],
        from_address=sender.address,
        from_name=sender.name,
        to=read_addresses(letter.to),
        cc=read_addresses(letter.cc),
        reply_to=reply_to[0] if reply_to else "",
        html=read_html(letter.html),
        automatic=why_automatic(headers, from_address=sender.address),
        files=files,
    )


def _words(letter: ReceivedLetter, email: IncomingEmail) -> str:
    """Return what the contact wrote; some write all of it into the subject, and some send only files."""
    names = ", ".join(file.name for file in email.files)
    return read_text(letter.text, letter.html) or email.subject or (f"Sent: {names}" if names else "")


def _moment(text: str) -> datetime | None:
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
