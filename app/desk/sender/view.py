"""What the dialog about an agent's sender shows."""

from dataclasses import dataclass

from services.email import EmailDomainView, SenderForm, SenderView


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A DNS record to set."""

    type: str
    name: str
    value: str
    note: str
    """What it is for, its priority, and what the provider sees of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A domain of the account."""

    id: str
    name: str
    chip: str
    kind: str
    note: str
    records: tuple[Record, ...]
    is_open: bool
    """Whether its records are shown at once: there is something to set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The address an agent writes from; without ``id`` it is a proposal."""

    id: str
    address: str
    display_name: str
    reply_to: str


NOBODY = Sender(id="", address="", display_name="", reply_to="")


def sender_of(view: SenderView | None, proposal: SenderForm) -> Sender:
    """Return what the form begins with."""
    if view is None:
        return Sender(id="", address=proposal.address, display_name=proposal.display_name, reply_to=proposal.reply_to)
    return Sender(id=str(view.id), address=view.address, display_name=view.display_name, reply_to=view.reply_to)


def domain_of(view: EmailDomainView) -> Domain:
    """Return a domain as shown."""
    receives = "sends and receives" if view.can_receive else "sends; receiving is off at the provider"
    return Domain(
        id=str(view.id),
        name=view.name,
        chip="Verified" if view.can_send else view.status.replace("_", " ").capitalize(),
        kind="ok" if view.can_send else "soon",
        note=receives if view.can_send else "set these DNS records, then check again",
        records=tuple(
            Record(
                type=record.type,
                name=record.name,
                value=record.value,
                note=" · ".join(
                    part
                    for part in (
                        record.purpose,
                        f"priority {record.priority}" if record.priority else "",
                        record.status.replace("_", " "),
                    )
                    if part
                ),
            )
            for record in view.records
        ),
        is_open=not view.can_send,
    )
