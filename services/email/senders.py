"""The addresses that agents write from, and that letters to them arrive at."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from models import EmailSender
from services import audit, connections
from services.email import sender_repository as repository
from services.email.domains import domain_views
from services.email.fields import clean_form, slug_of
from services.email.texts import address_line
from services.email.views import SenderForm, SenderView, domain_of, sender_view
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, InvalidInput, NotFound
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.tenants import Actor, Permission, require


def find_sender(work: UnitOfWork, connection_id: UUID, addresses: Iterable[str]) -> EmailSender | None:
    """Return the sender whose address stands first among those that a letter is for.

    What follows a plus sign is the contact's own mark and still the same address (RFC 5233).
    """
    wanted = list(dict.fromkeys(form for address in addresses for form in _forms(address)))
    found = {sender.address: sender for sender in repository.list_senders_at(work, connection_id, wanted)}
    return next((found[address] for address in wanted if address in found), None)


def has_senders(work: UnitOfWork, connection_id: UUID) -> bool:
    """Return whether any agent has an address on a connection."""
    return bool(repository.list_senders(work, connection_id))


def list_senders(
    kernel: Kernel, *, actor: Actor, connection_id: UUID, agent_id: UUID | None = None
) -> tuple[SenderView, ...]:
    """Return a connection's senders, the oldest first; one agent's only if asked.

    Raises:
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connections.get_row(work, connection_id)
        return sender_views(work, connection_id, agent_id=agent_id)


def propose_sender(kernel: Kernel, *, actor: Actor, connection_id: UUID, agent_id: UUID) -> SenderForm:
    """Return what to fill a new sender's form with: a free address, such as ``bri@example.com``.

    Returns:
        The form; its address is empty if no domain of the account may be sent from yet.

    Raises:
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connections.get_row(work, connection_id)
        name = _agent_name(work, agent_id)
        domains = sorted(
            (item for item in domain_views(work, connection_id) if item.can_send),
            key=lambda item: (not item.can_receive, item.name),
        )
        taken = {sender.address for sender, _ in repository.list_senders(work, connection_id)}
    if not domains:
        return SenderForm(address="", display_name=name)
    slug, domain = slug_of(name), domains[0].name
    candidates = (f"{slug}{f'-{number}' if number else ''}@{domain}" for number in (0, *range(2, len(taken) + 3)))
    return SenderForm(address=next(item for item in candidates if item not in taken), display_name=name)


def create_sender(kernel: Kernel, *, actor: Actor, connection_id: UUID, agent_id: UUID, form: SenderForm) -> SenderView:
    """Give an agent an address of its own.

    Raises:
        InvalidInput: the address is none, or not at a domain that may be sent from; ``field`` names the value.
        Conflict: an agent writes from this address already, or the connection is disconnected.
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    cleaned = clean_form(form)
    now = kernel.clock.now()
    with kernel.unit_of_work(actor.tenant_id) as work:
        connections.get_open_row(work, connection_id)
        _agent_name(work, agent_id)
        _require_domain(work, connection_id, cleaned.address)
        sender = EmailSender(
            tenant_id=work.tenant_id,
            id=new_id(),
            connection_id=connection_id,
            agent_id=agent_id,
            address=cleaned.address,
            display_name=cleaned.display_name,
            reply_to=cleaned.reply_to,
            created_at=now,
            updated_at=now,
        )
        _save(work, sender)
        _note(work, actor, sender, "email_sender.created")
        return _view(work, sender)


def update_sender(
    kernel: Kernel,
    *,
    actor: Actor,
    connection_id: UUID,
    sender_id: UUID,
    form: SenderForm,
    agent_id: UUID | None = None,
) -> SenderView:
    """Change a sender, and its agent if one is named; conversations that began stay with theirs.

    Raises:
        InvalidInput: the address is none, or not at a domain that may be sent from; ``field`` names the value.
        Conflict: an agent writes from this address already, or the connection is disconnected.
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    cleaned = clean_form(form)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connections.get_open_row(work, connection_id)
        sender = _get(work, connection_id, sender_id)
        if agent_id is not None:
            _agent_name(work, agent_id)
            sender.agent_id = agent_id
        if cleaned.address != sender.address:
            _require_domain(work, connection_id, cleaned.address)
        sender.address, sender.display_name = cleaned.address, cleaned.display_name
        sender.reply_to, sender.updated_at = cleaned.reply_to, kernel.clock.now()
        _save(work, sender)
        _note(work, actor, sender, "email_sender.updated")
        return _view(work, sender)


def delete_sender(kernel: Kernel, *, actor: Actor, connection_id: UUID, sender_id: UUID) -> None:
    """Take an address from its agent: letters to it reach nobody from now on; conversations stay.

    Raises:
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        sender = _get(work, connection_id, sender_id)
        work.session.delete(sender)
        _note(work, actor, sender, "email_sender.deleted")


def sender_views(work: UnitOfWork, connection_id: UUID, *, agent_id: UUID | None = None) -> tuple[SenderView, ...]:
    """Return senders as shown, read within the caller's transaction."""
    domains = {domain.name: domain for domain in domain_views(work, connection_id)}
    return tuple(
        sender_view(sender, agent_name, domains.get(domain_of(sender.address)))
        for sender, agent_name in repository.list_senders(work, connection_id, agent_id=agent_id)
    )


def _forms(address: str) -> tuple[str, ...]:
    exact = address_line(address)
    local, at, domain = exact.rpartition("@")
    return (exact, f"{local.partition('+')[0]}{at}{domain}") if "+" in local else (exact,)


def _require_domain(work: UnitOfWork, connection_id: UUID, address: str) -> None:
    domains = {item.name: item for item in domain_views(work, connection_id)}
    domain = domains.get(domain_of(address))
    usable = ", ".join(item.name for item in domains.values() if item.can_send)
    hint = f"Use one of {usable}." if usable else "Verify a domain at the provider first, then fetch the domains again."
    if domain is None:
        raise InvalidInput(
            f"The account has no domain “{domain_of(address)}”. {hint}", field="address", code="unknown_domain"
        )
    if not domain.can_send:
        raise InvalidInput(
            f"“{domain.name}” may not be sent from yet: it is {domain.status}. Set its DNS records, then check it"
            " again.",
            field="address",
            code="domain_not_verified",
        )


def _save(work: UnitOfWork, sender: EmailSender) -> None:
    taken = Conflict("An agent writes from this address already. Choose another one.", code="address_taken")
    with work.session.no_autoflush:
        at_address = repository.list_senders_at(work, sender.connection_id, [sender.address])
    if any(other.id != sender.id for other in at_address):
        raise taken
    work.session.add(sender)
    try:
        work.session.flush()
    except IntegrityError as error:
        # Somebody took the address since; the index on it is the only rule a cleaned form can break.
        raise taken from error


def _get(work: UnitOfWork, connection_id: UUID, sender_id: UUID) -> EmailSender:
    sender = repository.find_sender(work, connection_id, sender_id)
    if sender is None:
        raise NotFound("There is no such sender on this connection.", code="unknown_sender")
    return sender


def _agent_name(work: UnitOfWork, agent_id: UUID) -> str:
    name = repository.find_agent_name(work, agent_id)
    if name is None:
        raise NotFound("There is no such agent.", code="unknown_agent")
    return name


def _view(work: UnitOfWork, sender: EmailSender) -> SenderView:
    return next(view for view in sender_views(work, sender.connection_id) if view.id == sender.id)


def _note(work: UnitOfWork, actor: Actor, sender: EmailSender, action: str) -> None:
    audit.record(
        work,
        actor=actor,
        action=action,
        object_kind="email_sender",
        object_id=sender.id,
        detail={"address": sender.address, "agent_id": str(sender.agent_id)},
    )
    work.notify("connection", sender.connection_id)
