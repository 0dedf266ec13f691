"""The actions of one turn, as the agent's runner may call them: those it was granted, and no others.

Whatever a contact wrote, and whatever a model makes of it, only the names below lead to an action, only with input
that fits, and only through :func:`services.actions.asking.begin_run`, which looks at the grant again.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from models import ActionRun, ActionRunState, GrantMode
from services.actions import repository
from services.actions.asking import Call, begin_run
from services.actions.catalogue import Offer, connection_name, find_action, list_offers
from services.actions.running import carry_out, end_reading
from services.agents import Exchange, Tool, ToolCall
from services.connections import WORKING
from services.kernel.db import UnitOfWork
from services.kernel.kernel import Kernel
from services.provider_kit.contract import ActionRisk

MAX_NAME_CHARACTERS = 64
_ATTEMPTS_IN_TURN = 2
"""A look-up that finds nothing done, and the attempt that follows it."""
_ANSWERS: Mapping[ActionRunState, tuple[str, str]] = {
    ActionRunState.AWAITING_APPROVAL: (
        "waiting_for_approval",
        "Not done. A colleague decides on it first, and the person is told the outcome then. Say so.",
    ),
    ActionRunState.QUEUED: (
        "delayed",
        "Not done yet. It is tried again by itself, and the person is told when it is done. Say so.",
    ),
    ActionRunState.RUNNING: (
        "not_known_yet",
        "It is not known yet whether this was done. The person is told as soon as it is. Say so.",
    ),
    ActionRunState.SUCCEEDED: ("done", ""),
    ActionRunState.FAILED: ("failed", ""),
    ActionRunState.REJECTED: ("rejected", "A colleague decided against it."),
    ActionRunState.CANCELLED: ("cancelled", ""),
    ActionRunState.UNKNOWN: (
        "unknown",
        "Nobody can tell whether this was done. Do not try it again; pass it on to a colleague.",
    ),
}


class AgentToolbox:
    """What one turn may do. Reads nothing until it is asked, so that an agent without a model costs nothing.

    Args:
        kernel: the process's seams.
        tenant_id: whose turn it is.
        turn_id: the turn.
        lease_token: the worker's hold on the turn; without it nothing is run.
    """

    def __init__(self, kernel: Kernel, *, tenant_id: UUID, turn_id: UUID, lease_token: UUID) -> None:
        self._kernel = kernel
        self._tenant_id = tenant_id
        self._turn_id = turn_id
        self._lease_token = lease_token

    def list_tools(self) -> Sequence[Tool]:
        """Return the granted actions of connections that work."""
        repeated = Counter((offer.connection.provider, offer.action.name) for offer in self._offers.values())
        return [
            _tool(name, offer, has_twin=repeated[offer.connection.provider, offer.action.name] > 1)
            for name, offer in self._offers.items()
        ]

    def list_earlier(self) -> Sequence[Exchange]:
        """Return the turn's runs so far, those that were cut off being settled first."""
        with self._kernel.unit_of_work(self._tenant_id) as work:
            runs = repository.list_runs_of_turn(work, self._turn_id)
        return [self._exchange(run.id) for run in runs]

    def describe_now(self) -> str:
        """Return date and time in the tenant's zone."""
        with self._kernel.unit_of_work(self._tenant_id) as work:
            zone = repository.get_time_zone(work)
        now = self._kernel.clock.now().astimezone(ZoneInfo(zone))
        return f"{now:%A, %d %B %Y, %H:%M} in {zone} ({now.isoformat(timespec='minutes')})"

    def call(self, name: str, arguments: str) -> str:
        """Run an action now, or ask a person to decide on it; say what came of it."""
        offer = self._offers.get(name)
        if offer is None:
            return _answer("refused", "There is no such tool. Nothing was done.")
        with self._kernel.unit_of_work(self._tenant_id) as work:
            asked = begin_run(
                self._kernel,
                work,
                turn=repository.get_turn(work, self._turn_id),
                lease_token=self._lease_token,
                call=Call(offer.connection.id, offer.action.name, arguments),
            )
        if asked.run_id is None:
            return _answer("refused", f"Nothing was done. {asked.refusal}")
        return self._finish(asked.run_id)

    @cached_property
    def _offers(self) -> Mapping[str, Offer]:
        """What may be called, by the name it is called by."""
        with self._kernel.unit_of_work(self._tenant_id) as work:
            agent_id = repository.get_turn(work, self._turn_id).agent_id
            offers = [offer for offer in list_offers(work, agent_id) if offer.grant and _works(offer)]
        return _named(offers)

    def _exchange(self, run_id: UUID) -> Exchange:
        answer = self._finish(run_id)
        with self._kernel.unit_of_work(self._tenant_id) as work:
            run = repository.get_run(work, run_id)
        call = ToolCall(id=f"call_{run.id.hex}", name=self._name_of(run), arguments=json.dumps(run.input))
        return Exchange(calls=(call,), answers=(answer,))

    def _name_of(self, run: ActionRun) -> str:
        """Return the name a run was called by; its action's own if that is not granted any more."""
        key = (run.connection_id, run.action)
        names = (name for name, item in self._offers.items() if (item.connection.id, item.action.name) == key)
        return next(names, run.action)

    def _finish(self, run_id: UUID) -> str:
        """Bring a run as far as it comes within the turn, and say how far that is."""
        for _ in range(_ATTEMPTS_IN_TURN):
            if not carry_out(self._kernel, tenant_id=self._tenant_id, run_id=run_id, in_turn=True):
                break
        with self._kernel.unit_of_work(self._tenant_id) as work:
            run = repository.get_run(work, run_id)
            is_reading = _reads(work, run)
        if is_reading and run.state is ActionRunState.QUEUED:
            end_reading(self._kernel, tenant_id=self._tenant_id, run_id=run_id)
            with self._kernel.unit_of_work(self._tenant_id) as work:
                run = repository.get_run(work, run_id)
        return _answer_of(run)


def _reads(work: UnitOfWork, run: ActionRun) -> bool:
    action = find_action(repository.get_connection(work, run.connection_id).provider, run.action)
    return action is not None and action.risk is ActionRisk.READS


def _works(offer: Offer) -> bool:
    return offer.connection.status in WORKING


def _named(offers: Sequence[Offer]) -> dict[str, Offer]:
    """Return offers by names that every model server takes; a second connection's are numbered."""
    named: dict[str, Offer] = {}
    for offer in offers:
        name = f"{offer.connection.provider}__{offer.action.name}"[:MAX_NAME_CHARACTERS]
        number = 2
        while name in named:
            suffix = f"_{number}"
            name = f"{offer.connection.provider}__{offer.action.name}"[: MAX_NAME_CHARACTERS - len(suffix)] + suffix
            number += 1
        named[name] = offer
    return named


def _tool(name: str, offer: Offer, *, has_twin: bool) -> Tool:
    model: type[BaseModel] = offer.action.input
    account = " ".join(connection_name(offer.connection).split())[:60]
    parts = [
        offer.action.description,
        *([f"Account: {account}."] if has_twin else []),
        *(["A colleague decides on each use."] if offer.grant and offer.grant.mode is GrantMode.APPROVAL else []),
    ]
    return Tool(name=name, description=" ".join(parts), schema=model.model_json_schema())


def _answer_of(run: ActionRun) -> str:
    status, words = _ANSWERS[run.state]
    said = run.said if run.state is ActionRunState.SUCCEEDED else f"{words} {run.error_text}".strip()
    return _answer(status, said, run.output)


def _answer(status: str, said: str, output: Mapping[str, object] | None = None) -> str:
    body = {"status": status, "said": said, **({"output": output} if output else {})}
    return json.dumps(body, ensure_ascii=False)
