"""What the card of an agent's e-mail shows."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from services import connections
from services.email import repository, sender_repository
from services.email.domains import domain_views
from services.email.senders import sender_views
from services.email.views import EmailCardView, domain_of
from services.kernel.db import UnitOfWork
from services.kernel.kernel import Kernel
from services.tenants import Actor, Permission, require


def get_card(kernel: Kernel, *, actor: Actor, connection_id: UUID, agent_id: UUID) -> EmailCardView:
    """Return an agent's sender on a connection, and what left from it today; an agent without one has empty texts.

    Raises:
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connections.get_row(work, connection_id)
        senders = sender_views(work, connection_id, agent_id=agent_id)
        sender = senders[0] if senders else None
        domains = {item.name: item for item in domain_views(work, connection_id)}
        domain = domains.get(domain_of(sender.address)) if sender else None
        midnight = _midnight(work, kernel.clock.now())
        return EmailCardView(
            sender=sender,
            send_from=sender.address if sender else "",
            display_name=sender.display_name if sender else "",
            reply_to=sender.reply_to if sender else "",
            sent_today=sender_repository.count_sent(work, connection_id, agent_id, since=midnight),
            domain=domain,
            domain_status=domain.status if domain else "",
            can_receive=domain.can_receive if domain else False,
        )


def _midnight(work: UnitOfWork, now: datetime) -> datetime:
    """Return when today began for the tenant."""
    local = now.astimezone(ZoneInfo(repository.get_time_zone(work)))
    return local.replace(hour=0, minute=0, second=0, microsecond=0)
