"""Deny by default: who is nobody, who may not, and whose tab belonged to somebody else."""

import pytest
import reflex as rx
from reflex.event import Event
from reflex.istate.data import HeaderData
from reflex.state import StateUpdate
from reflex_base.registry import RegistrationContext
from sqlmodel import select

from app.app import app as pages
from app.session.guard import FRAMEWORK, Guard, current_actor
from app.session.kernel import set_kernel
from models import Membership, Role
from services.kernel.kernel import Kernel
from services.tenants import SignedIn, bootstrap, session_cookie_name, sign_in_with_link, sign_out


@pytest.fixture(autouse=True)
def served_kernel(kernel: Kernel) -> None:
    """The pages work with the test's own database."""
    set_kernel(kernel)


def signed_in(kernel: Kernel, email: str, *, role: Role = Role.OWNER) -> SignedIn:
    """A person of a new tenant, in a browser."""
    result = bootstrap(kernel, email=email, tenant=f"Tenant of {email}")
    with kernel.unit_of_work(result.tenant_id) as work:
        member = work.session.exec(select(Membership).where(Membership.tenant_id == result.tenant_id)).one()
        member.role = role
    return sign_in_with_link(kernel, result.sign_in_link.rstrip("/").rsplit("/", 1)[1])


def tab(kernel: Kernel, person: SignedIn | None = None) -> rx.State:
    """A browser tab with that person's cookie."""
    state = rx.State()
    give_cookie(kernel, state, person)
    return state


def give_cookie(kernel: Kernel, state: rx.State, person: SignedIn | None) -> None:
    """Let the tab's socket come with a cookie, or without."""
    token = person.session_token.reveal() if person else ""
    cookie = f"{session_cookie_name(kernel.settings)}={token}" if token else ""
    state.rx_router_headers = HeaderData(cookie=cookie)


def event(suffix: str) -> Event:
    """The registered event whose name ends so."""
    [name] = [name for name in RegistrationContext.get().event_handlers if name.endswith(suffix)]
    return Event(name=name)


async def ask(state: rx.State, sent: Event) -> str:
    """Return what the guard answered in the handler's place; empty if it let the event pass."""
    update = await Guard().preprocess(pages, state, sent)
    return _words(update) if update else ""


def _words(update: StateUpdate) -> str:
    return " ".join(str(found.payload) for found in update.events)


LOAD = "team_state.load"
CREATE = "team_state.create"


async def test_nobody_is_sent_to_the_sign_in_page(kernel: Kernel) -> None:
    assert "/login" in await ask(tab(kernel), event(LOAD))


async def test_owner_passes_and_is_known_to_the_handler(kernel: Kernel) -> None:
    person = signed_in(kernel, "ana@acme.test")
    assert await ask(tab(kernel, person), event(CREATE)) == ""
    assert current_actor().tenant_id == person.actor.tenant_id


async def test_viewer_may_look_but_not_change(kernel: Kernel) -> None:
    state = tab(kernel, signed_in(kernel, "vera@acme.test", role=Role.VIEWER))
    assert await ask(state, event(LOAD)) == ""
    assert "may not do this" in await ask(state, event(CREATE))


async def test_handlers_without_a_declared_right_are_refused_even_for_owners(kernel: Kernel) -> None:
    state = tab(kernel, signed_in(kernel, "ana@acme.test"))
    for name in RegistrationContext.get().event_handlers:
        if name.endswith(".setvar"):
            assert "may not do this" in await ask(state, Event(name=name))
    assert "may not do this" in await ask(state, Event(name="state.unheard_of"))


async def test_ended_session_is_refused_at_the_next_event(kernel: Kernel) -> None:
    person = signed_in(kernel, "ana@acme.test")
    state = tab(kernel, person)
    assert await ask(state, event(LOAD)) == ""
    sign_out(kernel, person.session_token.reveal())
    assert "/login" in await ask(state, event(LOAD))


async def test_tab_of_another_sign_in_is_dropped_before_it_shows_anything(kernel: Kernel) -> None:
    state = tab(kernel, signed_in(kernel, "ana@acme.test"))
    assert await ask(state, event(LOAD)) == ""
    give_cookie(kernel, state, signed_in(kernel, "ben@beta.test"))
    for name in FRAMEWORK:
        assert "removeItem" in await ask(state, Event(name=name))
    assert "removeItem" in await ask(state, event(LOAD))


async def test_reflex_itself_starts_before_anybody_has_signed_in(kernel: Kernel) -> None:
    for name in FRAMEWORK:
        assert await ask(tab(kernel), Event(name=name)) == ""
