"""Letters of Patchbay itself to the people who run a connection; they belong to no conversation."""

from uuid import UUID

from models import Connection
from services.email import sender_repository
from services.email.texts import MAX_SUBJECT_CHARACTERS, one_line
from services.email.views import domain_of
from services.kernel.db import UnitOfWork
from services.kernel.errors import Refused
from services.provider_kit.contract import OutgoingEmail

_NAME = "Patchbay"
_VERIFIED = "verified"


def notice_letter(work: UnitOfWork, connection: Connection, *, notice_id: UUID, to: str, text: str) -> OutgoingEmail:
    """Return the letter around a notice: from an agent's address on the connection, else from its domain.

    Its first line is the subject. It says that a machine wrote it (RFC 3834 §5).

    Raises:
        Refused: there is no domain to send from; ``no_sender``.
    """
    address = _address(work, connection)
    return OutgoingEmail(
        internet_message_id=f"{notice_id}@{domain_of(address)}",
        subject=one_line(text.splitlines()[0] if text else _NAME, limit=MAX_SUBJECT_CHARACTERS),
        from_address=address,
        from_name=_NAME,
        to=(to,),
        headers={"Auto-Submitted": "auto-generated"},
    )


def _address(work: UnitOfWork, connection: Connection) -> str:
    senders = sender_repository.list_senders(work, connection.id)
    if senders:
        return senders[0][0].address
    domain = next(
        (row.name for row in sender_repository.list_domains(work, connection.id) if row.status == _VERIFIED), ""
    )
    if not domain:
        raise Refused("The account has no verified domain to send from.", code="no_sender")
    return f"patchbay@{domain}"
