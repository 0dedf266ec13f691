"""Opt-outs: kept per sender and contact, consulted by each send."""

from datetime import datetime

from models import Connection, OptOut
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.provider_kit.contract import ConsentChanged
from services.sending import repository


def record_consent(work: UnitOfWork, *, connection: Connection, event: ConsentChanged, now: datetime) -> str:
    """Note that a contact opted out or in again; return what to say of it on the delivery.

    An opt-out belongs to one sender number of one connection: it never silences another tenant's.
    """
    if event.allowed:
        repository.delete_opt_out(work, connection_id=connection.id, sender=event.sender, contact=event.contact.id)
        return f"{event.keyword}: the contact may be written to again from {event.sender}"
    repository.add_opt_out(
        work,
        OptOut(
            tenant_id=work.tenant_id,
            id=new_id(),
            connection_id=connection.id,
            sender=event.sender,
            contact=event.contact.id,
            keyword=event.keyword,
            created_at=now,
        ),
    )
    return f"{event.keyword}: nothing is sent to the contact from {event.sender} any more"
