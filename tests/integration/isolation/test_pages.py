"""Every event handler of the pages, called with another tenant's ids: no change, and no foreign word in any frame."""

import contextlib
import inspect
import itertools
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

import pytest
from reflex.event import Event
from reflex.istate.manager.memory import StateManagerMemory
from reflex.state import StateUpdate
from reflex.utils import format as reflex_format
from reflex_base.event.processor import BaseStateEventProcessor
from reflex_base.registry import RegistrationContext

from app.app import app as pages
from app.session.guard import FRAMEWORK, declared_permission
from app.session.kernel import set_kernel
from models import Role
from services.agents import AgentForm, PlaybookDraft, save_playbook, update_agent
from services.kernel.ids import new_id
from services.tenants import Permission
from tests.integration.isolation.conftest import cookie_of
from tests.integration.isolation.twins import Twins
from tests.integration.isolation.world import COUNTED_LATE, FOREIGN, TRACE, table_of
from tests.support.line import CHANNEL

HANDLERS = RegistrationContext.get().event_handlers
OURS = sorted(name for name in HANDLERS if name not in FRAMEWORK and not name.endswith(".setvar"))
LOADS = [name for name in OURS if name.endswith(".load")]
TOUCHED_BY_LOOKING = {"web_session"}
"""Remembers when its owner was last seen."""


@dataclass(slots=True)
class Tab:
    """A browser tab that has somebody's cookie, on a page about the foreign tenant's things."""

    processor: BaseStateEventProcessor
    cookie: str
    path: str
    query: Mapping[str, str]
    params: Mapping[str, str]
    token: str = field(default_factory=lambda: str(new_id()))
    frames: list[str] = field(default_factory=list[str])

    async def send(self, name: str, payload: Mapping[str, object]) -> None:
        """Send an event as the browser does, and keep what comes back."""
        query = "&".join(f"{key}={value}" for key, value in self.query.items())
        path = self.path.format(**self.params)
        router = {
            "pathname": path,
            "asPath": f"{path}?{query}",
            "path": path,
            "query": {**self.params, **self.query},
            "headers": {"cookie": self.cookie, "origin": "http://127.0.0.1:8000"},
            "token": self.token,
        }
        event = Event(name=name, payload=dict(payload), router_data=router)
        async for delta in self.processor.enqueue_stream_delta(self.token, event):
            self.frames.append(reflex_format.json_dumps(delta))


class Wire:
    """Stands where the socket is, for what goes to the browser beside state."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def emit_update(self, *, update: StateUpdate, token: str) -> None:
        """Keep a frame."""
        self.sent.append(f"{token}: {reflex_format.json_dumps(asdict(update))}")


@contextlib.asynccontextmanager
async def pipeline() -> AsyncGenerator[tuple[BaseStateEventProcessor, Wire]]:
    """The real way of an event, guard included, without a socket."""
    wire = Wire()
    processor = BaseStateEventProcessor(middleware=pages, backend_exception_handler=pages.backend_exception_handler)
    namespace: Any = wire
    async with processor.configure(state_manager=StateManagerMemory(), event_namespace=namespace):
        yield processor, wire


@pytest.fixture(scope="module")
def marked(twins: Twins) -> Twins:
    """The foreign tenant's things say whose they are, wherever a page shows them."""
    kernel, shop = twins.line.kernel, twins.foreign
    form = AgentForm(name="Bri", purpose=f"{FOREIGN} purpose", instructions=f"{FOREIGN} instructions")
    update_agent(kernel, actor=shop.actor, agent_id=shop.agent.id, form=form)
    drafts = (PlaybookDraft(question=f"{FOREIGN} question?", answer=f"{FOREIGN} answer."),)
    save_playbook(kernel, actor=shop.actor, agent_id=shop.agent.id, drafts=drafts)
    set_kernel(kernel)
    return twins


TURNS = 2
"""How many rows of a kind are tried."""
LIVE = ("conversation", "webhook_delivery", "connection", "agent")
"""Tables whose ids travel to pages (``row_id``)."""
WORDS: dict[str, tuple[object, ...]] = {
    "mode": ("off", "approval", ""),
    "verdict": ("approve", "reject"),
    "act": ("reconnect", "paste"),
    "what": ("rotate", "revert"),
    "choice": ("delete",),
    "state": ("all",),
    "note": ("Fine.",),
    "text": ("Hello",),
}
"""What a handler must be given to get as far as the ids. Whatever is not here gets ids."""


def foreign_ids(twins: Twins) -> dict[str, list[UUID]]:
    """Return what a stranger would send: ids of each kind, by the names that handlers give them."""
    ids = twins.ids_of(twins.foreign.actor)
    names = {name for handler in OURS for name in parameters_of(handler) if name.endswith("_id")} - {"scheme_id"}
    found = {
        name: ids[table_of(name)][:TURNS] for name in (names | {"agent_id", "connection_id", "trace_id"}) - {"row_id"}
    }
    return found | {"row_id": [ids[name][0] for name in LIVE]}


def parameters_of(name: str) -> dict[str, str]:
    """Return a handler's arguments and their types."""
    found = inspect.signature(HANDLERS[name].handler.fn).parameters.values()
    return {item.name: str(item.annotation) for item in found if item.name != "self"}


def payloads_for(name: str, ids: Mapping[str, Sequence[UUID]], *, turn: int) -> Iterator[dict[str, object]]:
    """Return arguments for a handler: for each that may be an id, ids of all kinds.

    Args:
        name: the handler.
        ids: whose.
        turn: which one of several rows of a kind.
    """
    one = {key: str(found[turn % len(found)]) for key, found in ids.items()}
    parameters = parameters_of(name)
    choices: list[Sequence[object]] = []
    for parameter, annotation in parameters.items():
        if parameter == "row_id":
            choices.append([str(id) for id in ids[parameter]])
        elif parameter in one:
            choices.append([one[parameter]])
        elif annotation.startswith("dict"):
            choices.append([{**one, "id": one["agent_id"], "name": "Taken over", "purpose": "", "instructions": ""}])
        elif annotation.startswith("list"):
            choices.append([[{"question": "Taken?", "answer": "Over.", **one}]])
        else:
            given = (f"twilio-{one['connection_id']}", one["connection_id"], f"{one['connection_id']}/post_message")
            choices.append(WORDS.get(parameter, given))
    for values in itertools.product(*choices):
        yield dict(zip(parameters, values, strict=True))


async def walk(twins: Twins, cookie: str, *names: str, turns: int = 1) -> str:
    """Send events from a tab that is open on foreign things, with foreign ids, and return all that came back."""
    ids = foreign_ids(twins)
    params = {"agent_id": str(twins.foreign.agent.id), "trace_id": str(ids[f"{TRACE}_id"][0])}
    query = {
        "c": str(ids["conversation_id"][0]),
        "connected": str(twins.foreign.twilio.id),
        "show": "all",
    }
    async with pipeline() as (processor, wire):
        tab = Tab(processor, cookie, "/admin/ai-team/{agent_id}/conversations", query, params)
        for turn, name in itertools.product(range(turns), names):
            for payload in payloads_for(name, ids, turn=turn):
                await tab.send(name, payload)
        return "\n".join((*tab.frames, *wire.sent))


def foreign_words(twins: Twins) -> frozenset[str]:
    """Return what only the foreign tenant knows: all its ids and texts but the ids that were sent."""
    sent = {str(id) for found in foreign_ids(twins).values() for id in found}
    return twins.foreign_marks() - sent


def test_every_handler_declares_the_right_it_needs() -> None:
    assert len(OURS) >= 30
    assert [name for name in OURS if declared_permission(name) is None] == []
    assert {declared_permission(name) for name in OURS} <= set(Permission)


def test_what_reflex_registers_itself_is_known() -> None:
    known = FRAMEWORK | {name for name in HANDLERS if name.endswith(".setvar")} | set(OURS)
    assert set(HANDLERS) == known
    assert [name for name in OURS if "reflex___" in name.removeprefix("reflex___state____state.")] == []


def foreign_wakes(twins: Twins) -> int:
    """Count the wake-ups for the foreign tenant; what an owner does at home may wake somebody there."""
    return sum(wake.tenant_id == twins.foreign.actor.tenant_id for wake in twins.line.queue.wakes)


@pytest.mark.parametrize("who", ["nobody", Role.VIEWER, Role.OPERATOR, Role.ADMIN, Role.OWNER])
async def test_foreign_ids_reach_nothing(marked: Twins, who: str) -> None:
    tenant_id = marked.own.actor.tenant_id
    cookie = "" if who == "nobody" else cookie_of(marked, tenant_id, Role(who))
    before, own_before = marked.rows_of(marked.foreign.actor), marked.rows_of(marked.own.actor)
    calls, wakes = marked.line.sandbox.ledger().calls, foreign_wakes(marked)
    said = await walk(marked, cookie, *OURS)  # before anything has loaded
    said += await walk(marked, cookie, *LOADS, *OURS, turns=TURNS)
    assert [word for word in foreign_words(marked) if word in said] == []
    after = marked.rows_of(marked.foreign.actor)
    assert [name for name in after if after[name] != before[name] and name not in COUNTED_LATE] == []
    assert (marked.line.sandbox.ledger().calls, foreign_wakes(marked)) == (calls, wakes)
    if who in {"nobody", Role.VIEWER}:
        own_after = marked.rows_of(marked.own.actor)
        assert [name for name in own_after if own_after[name] != own_before[name]] in ([], [*TOUCHED_BY_LOOKING])


async def test_nobody_gets_no_state_at_all(marked: Twins) -> None:
    said = await walk(marked, "", *LOADS, *OURS)
    assert "/login" in said
    assert "Northwind" not in said and "Bri" not in said


async def test_the_same_walk_shows_its_own_tenant_everything(marked: Twins) -> None:
    """Without this the tests above could not fail."""
    said = await walk(marked, cookie_of(marked, marked.foreign.actor.tenant_id, Role.VIEWER), *LOADS)
    for word in ("Southwind", "FOREIGN purpose", "FOREIGN answer.", "opening hours? FOREIGN", marked.foreign.number):
        assert word in said, word
    for word in (marked.foreign.address, f"Post to {CHANNEL}: “{FOREIGN}”"):
        assert word in said, word
