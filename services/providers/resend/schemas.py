"""What Resend posts to us, and what its API answers. https://resend.com/docs/webhooks/introduction"""

from collections.abc import Mapping
from typing import Annotated, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _as_list(value: object) -> object:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


def _as_text(value: object) -> object:
    return "" if value is None else value


def _as_headers(value: object) -> object:
    # Resend documents one text for each name; a name that stands twice in a letter may come as a list.
    if not isinstance(value, Mapping):
        return {}
    headers = {str(name).lower(): item for name, item in cast(Mapping[object, object], value).items()}
    return {
        name: ", ".join(map(str, cast(list[object], item))) if isinstance(item, list) else str(item)
        for name, item in headers.items()
        if item is not None
    }


Id = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,80}$")]
Text = Annotated[str, BeforeValidator(_as_text)]
Line = Annotated[str, Field(max_length=4_000), BeforeValidator(_as_text)]
Lines = Annotated[tuple[Line, ...], Field(max_length=1_000), BeforeValidator(_as_list)]
Headers = Annotated[dict[str, str], BeforeValidator(_as_headers)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Problem(_Wire):
    """Why a letter did not arrive; Resend names its parts differently for each event."""

    type: Line = ""
    sub_type: Line = Field(default="", alias="subType")
    reason: Line = ""


class EventData(_Wire):
    """The letter that an event is about. Other events (``contact.…``, ``domain.…``) have none of this."""

    email_id: Id | None = None
    message_id: Line = ""
    """The ``Message-ID`` header. https://resend.com/changelog/message-id-for-sent-emails"""
    sender: Line = Field(default="", alias="from")
    to: Lines = ()
    cc: Lines = ()
    bcc: Lines = ()
    received_for: Lines = ()
    """The addresses whose forwarding brought it here."""
    bounce: Problem | None = None
    failed: Problem | None = None
    suppressed: Problem | None = None


class Event(_Wire):
    """One webhook."""

    type: str = Field(min_length=1, max_length=80)
    data: EventData


class FileEntry(_Wire):
    """A file of a received letter, as the letter lists it and as the list of files does.

    https://resend.com/docs/api-reference/emails/list-received-email-attachments
    """

    id: str = Field(default="", max_length=200)
    filename: Text = ""
    content_type: Text = ""
    size: int | None = Field(default=None, ge=0)
    download_url: str = Field(default="", max_length=8_000)


class FilePage(_Wire):
    """The files of a received letter."""

    data: tuple[FileEntry, ...] = ()


class ReceivedLetter(_Wire):
    """A received letter. https://resend.com/docs/api-reference/emails/retrieve-received-email"""

    id: Id
    sender: Line = Field(alias="from")
    to: Lines = ()
    cc: Lines = ()
    bcc: Lines = ()
    reply_to: Lines = ()
    received_for: Lines = ()
    message_id: Line = ""
    subject: Text = ""
    text: Text = ""
    html: Text = ""
    created_at: Text = ""
    headers: Headers = Field(default_factory=dict[str, str])
    attachments: Annotated[tuple[FileEntry, ...], BeforeValidator(_as_list)] = ()


class SentLetter(_Wire):
    """The answer to a send."""

    id: Id


class Capabilities(_Wire):
    """What a domain is set up for."""

    sending: str = ""
    receiving: str = ""


class Record(_Wire):
    """A DNS record of a domain. https://resend.com/docs/api-reference/domains/get-domain"""

    record: str = ""
    name: str = ""
    type: str = ""
    value: str = ""
    status: str = ""
    priority: int | str | None = None


class Domain(_Wire):
    """A domain of the account."""

    id: Id
    name: str = Field(min_length=1, max_length=253)
    status: str = Field(default="", max_length=40)
    region: str = Field(default="", max_length=40)
    capabilities: Capabilities = Capabilities()
    records: tuple[Record, ...] = ()


class DomainPage(_Wire):
    """A page of the account's domains."""

    data: tuple[Domain, ...]
    has_more: bool = False


class CheckedDomain(_Wire):
    """The answer to a wish to check a domain."""

    id: Id
