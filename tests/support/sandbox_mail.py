"""Plays the mail contacts of the sandbox, and reads their mailboxes."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MIA = "mia@harbor.example"
JONAS = "jonas@harbor.example"
LIN = "lin@harbor.example"

Automatic = Literal["", "auto-replied", "auto-generated", "bulk", "out-of-office"]
Outcome = Literal["delivered", "bounced", "complained", "delayed", "suppressed", "failed"]


class _Written(BaseModel):
    mail: str
    message_id: str
    event_ids: tuple[str, ...]


class MailboxMail(BaseModel):
    """A mail in a contact's mailbox; names of ``headers`` are in lower case."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: str
    message_id: str
    at: float
    sender: str = Field(alias="from")
    to: tuple[str, ...]
    cc: tuple[str, ...]
    subject: str
    text: str
    html: str
    headers: Mapping[str, str]
    attachments: tuple[str, ...]
    is_sent: bool


class _Threads(BaseModel):
    version: int
    threads: Mapping[str, list[Mapping[str, object]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenMail:
    """What a contact wrote: its id in the mailbox, its Message-ID and the webhooks it caused."""

    id: str
    message_id: str
    event_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What can be unusual about a mail that a contact writes."""

    cc: Sequence[str] = ()
    html: str | None = None
    as_html: bool = True
    only_html: bool = False
    automatic: Automatic = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    attachments: Sequence[Mapping[str, str]] = ()
    """Each with ``filename``, and ``content_type``, ``content`` (base64) and ``content_id`` as needed."""
    copies: int = 1
    message_id: str = ""


PLAIN = Letter()


class ContactsMail:
    """The contacts' side of e-mail.

    Args:
        post: posts to the control API.
        get: reads from it.
    """

    def __init__(
        self, post: Callable[[str, Mapping[str, object]], bytes], get: Callable[[str, Mapping[str, str]], bytes]
    ) -> None:
        self._post = post
        self._get = get

    def write(
        self, *, to: str | Sequence[str], text: str, subject: str = "A question", sender: str = MIA,
        letter: Letter = PLAIN,
    ) -> WrittenMail:  # fmt: skip
        """Let a contact write a new mail."""
        body = {"sender": sender, "to": [to] if isinstance(to, str) else list(to), "subject": subject, "text": text}
        return _written(self._post("mail/write", body | _fields(letter)))

    def reply(
        self,
        text: str,
        *,
        mailbox: str = MIA,
        mail: str = "",
        sender: str = "",
        subject: str = "",
        to_all: bool = False,
        keeps_in_reply_to: bool = True,
        keeps_references: bool = True,
        quotes: bool = True,
        letter: Letter = PLAIN,
    ) -> WrittenMail:
        """Let a contact answer a mail in the mailbox: the last one that came, if none is named."""
        body = {
            "mailbox": mailbox,
            "mail": mail,
            "sender": sender,
            "subject": subject,
            "text": text,
            "to_all": to_all,
            "keeps_in_reply_to": keeps_in_reply_to,
            "keeps_references": keeps_references,
            "quotes": quotes,
        }
        return _written(self._post("mail/reply", body | _fields(letter)))

    def mailbox(self, address: str = MIA) -> list[MailboxMail]:
        """Return all mails in a mailbox, sent ones too, in order."""
        return self._read(address)[1]

    def inbox(self, address: str = MIA) -> list[MailboxMail]:
        """Return the mails that came to a mailbox, in order."""
        return [item for item in self.mailbox(address) if not item.is_sent]

    def wait_for_mails(
        self, count: int, *, address: str = MIA, sender: str = "", seconds: float = 15.0
    ) -> list[MailboxMail]:
        """Wait until at least ``count`` mails came to a mailbox, from this sender if one is named, and return them.

        Raises:
            AssertionError: they did not in time.
        """
        deadline = time.monotonic() + seconds
        version, mails = self._read(address)
        while len(arrived := [item for item in mails if not item.is_sent and sender in item.sender]) < count:
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(arrived)} of {count} mails came to {address} in {seconds:g} s")
            version, mails = self._read(address, after=version)
        return arrived

    def set_outcome(self, address: str, outcome: Outcome) -> None:
        """Say what becomes of mails to an address."""
        self._post("mail/outcome", {"to": address, "outcome": outcome})

    def set_responder(self, text: str, *, mailbox: str = MIA, automatic: Automatic = "out-of-office") -> None:
        """Let a mailbox answer each mail by itself from now on; without a text it stops."""
        self._post("mail/responder", {"mailbox": mailbox, "text": text, "automatic": automatic})

    def set_network(
        self, *, keeps_message_id: bool | None = None, header_family: Literal["svix", "webhook", "both"] | None = None
    ) -> None:
        """Say whether a sender's own Message-ID stays, and under which names signatures come."""
        self._post("mail/network", {"keeps_message_id": keeps_message_id, "header_family": header_family})

    def set_webhook_url(self, url: str, *, account: str = "") -> None:
        """Paste an address into the webhook of an account's dashboard, the first account's if none is named."""
        self._post("resend/webhook-url", {"url": url, "account": account})

    def set_dns(self, domain: str, *, is_set: bool = True) -> None:
        """Put a domain's records into the DNS, or take them out."""
        self._post("resend/dns", {"domain": domain, "is_set": is_set})

    def _read(self, address: str, *, after: int | None = None) -> tuple[int, list[MailboxMail]]:
        query = {} if after is None else {"after": str(after), "wait": "2"}
        answer = _Threads.model_validate_json(self._get("threads", query))
        items = answer.threads.get(f"mail/{address}", [])
        return answer.version, [MailboxMail.model_validate(item) for item in items]


def _fields(letter: Letter) -> dict[str, object]:
    return {
        "cc": list(letter.cc),
        "html": letter.html,
        "as_html": letter.as_html,
        "only_html": letter.only_html,
        "automatic": letter.automatic,
        "headers": dict(letter.headers),
        "attachments": [dict(item) for item in letter.attachments],
        "copies": letter.copies,
        "message_id": letter.message_id,
    }


def _written(content: bytes) -> WrittenMail:
    answer = _Written.model_validate_json(content)
    return WrittenMail(id=answer.mail, message_id=answer.message_id, event_ids=answer.event_ids)
