"""The dialog about an agent's sender: address, name, where answers go, and the domains it may be at."""

from dataclasses import dataclass
from uuid import UUID

import reflex as rx

from app.desk.readings import readings_of
from app.desk.sender.view import NOBODY, Domain, Sender, domain_of, sender_of
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import Steps, complain, parse_id
from app.session.visits import Visited
from services import email
from services.email import SenderForm, SenderView
from services.kernel.errors import Conflict, InvalidInput, NotFound, PatchbayError
from services.kernel.kernel import Kernel
from services.tenants import Actor, Permission


class SenderState(Visited, rx.State):
    """The connection and the agent whose sender is looked at."""

    connection_id: str = ""
    agent_id: str = ""
    sender: Sender = NOBODY
    domains: rx.Field[list[Domain]] = rx.field(default_factory=list)
    is_open: bool = False
    is_busy: bool = False
    is_checking: bool = False
    wrong_field: str = ""
    wrong_text: str = ""

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def open_sender(self, connection_id: str, agent_id: str) -> rx.event.EventSpec | None:
        """Show which address an agent writes from, or propose one."""
        self.connection_id, self.agent_id = connection_id, agent_id
        self.wrong_field = self.wrong_text = ""
        await self._note_visit()
        try:
            await self._look()
        except PatchbayError as error:
            return complain(error)
        self.is_open = True
        return None

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def save(self, form: dict[str, str]) -> Steps:
        """Keep the sender; it holds from the next letter on."""
        self.is_busy, self.wrong_field, self.wrong_text = True, "", ""
        yield
        wish = SenderForm(
            address=str(form.get("address", "")),
            display_name=str(form.get("display_name", "")),
            reply_to=str(form.get("reply_to", "")),
        )
        try:
            saved = await in_thread(
                _save,
                get_kernel(),
                current_actor(),
                parse_id(self.connection_id),
                parse_id(self.agent_id),
                self.sender.id,
                wish,
            )
        except InvalidInput as error:
            self.wrong_field, self.wrong_text = error.field, error.message
        except Conflict as error:
            self.wrong_field, self.wrong_text = "address", error.message
        except PatchbayError as error:
            yield complain(error)
        else:
            self.is_open = False
            yield rx.toast.success(f"{saved.display_name or saved.agent_name} writes from {saved.address} from now on.")
            for event in readings_of(self.router.route_id):
                yield event
        finally:
            self.is_busy = False

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def remove(self) -> Steps:
        """Take the address away from the agent; letters to it are answered by nobody of its own then."""
        try:
            await in_thread(
                email.delete_sender,
                get_kernel(),
                actor=current_actor(),
                connection_id=parse_id(self.connection_id),
                sender_id=parse_id(self.sender.id),
            )
        except PatchbayError as error:
            yield complain(error)
            return
        self.is_open = False
        yield rx.toast.success(f"{self.sender.address} is free again.")
        for event in readings_of(self.router.route_id):
            yield event

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def check(self, domain_id: str) -> Steps:
        """Have the provider look at a domain's DNS records again."""
        self.is_checking = True
        yield
        try:
            found = await in_thread(
                email.check_domain,
                get_kernel(),
                actor=current_actor(),
                connection_id=parse_id(self.connection_id),
                domain_id=parse_id(domain_id),
            )
            self.domains = [domain_of(view) for view in found]
        except PatchbayError as error:
            yield complain(error)
        finally:
            self.is_checking = False

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def close(self) -> None:
        """Put the dialog away."""
        self.is_open = False

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def load(self) -> None:
        """Close what another visit left open, and what was about something that is gone."""
        if await self._is_new_visit():
            self.is_open = False
        if self.is_open:
            try:
                await self._look()
            except NotFound:
                self.is_open = False

    async def _look(self) -> None:
        found = await in_thread(
            _read, get_kernel(), current_actor(), parse_id(self.connection_id), parse_id(self.agent_id)
        )
        self.sender, self.domains = found.sender, list(found.domains)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """What the dialog begins with."""

    sender: Sender
    domains: tuple[Domain, ...]


def _read(kernel: Kernel, actor: Actor, connection_id: UUID, agent_id: UUID) -> _Loaded:
    senders = email.list_senders(kernel, actor=actor, connection_id=connection_id, agent_id=agent_id)
    proposal = email.propose_sender(kernel, actor=actor, connection_id=connection_id, agent_id=agent_id)
    domains = email.list_domains(kernel, actor=actor, connection_id=connection_id)
    return _Loaded(
        sender=sender_of(senders[0] if senders else None, proposal),
        domains=tuple(domain_of(view) for view in sorted(domains, key=lambda view: not view.can_send)),
    )


def _save(
    kernel: Kernel, actor: Actor, connection_id: UUID, agent_id: UUID, sender_id: str, form: SenderForm
) -> SenderView:
    if not sender_id:
        return email.create_sender(kernel, actor=actor, connection_id=connection_id, agent_id=agent_id, form=form)
    return email.update_sender(
        kernel, actor=actor, connection_id=connection_id, sender_id=parse_id(sender_id), form=form
    )
