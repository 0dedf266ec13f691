"""An agent asks for an action: what it gave is checked, and one run stands for one call of one turn."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from pydantic import BaseModel, ValidationError

from models import ActionGrant, ActionRun, ActionRunState, GrantMode, Turn
from services.actions import repository
from services.actions.catalogue import LIVE_TOPIC, find_action
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.leases import in_seconds
from services.provider_kit.contract import Action, ActionRisk

MAX_RUNS = 8
"""How many runs one turn may have, however often it is repeated."""
MAX_INPUT_CHARACTERS = 20_000
MAX_DESCRIPTION_CHARACTERS = 500
APPROVAL_LASTS = timedelta(days=7)
"""How long a person may take to decide, and a decided run to be carried out."""
_NOT_GRANTED = "This action is not available to you."
_ENOUGH = f"Nothing was done: one turn may not run more than {MAX_RUNS} actions. Answer the person now."


@dataclass(frozen=True, slots=True)
class Call:
    """What an agent calls: an action of a connection, with arguments that nothing has proven."""

    connection_id: UUID
    action: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The run that stands for a call, or why there is none."""

    run_id: UUID | None
    refusal: str = ""


def begin_run(kernel: Kernel, work: UnitOfWork, *, turn: Turn, lease_token: UUID, call: Call) -> Asked:
    """Store what an agent asks for in a turn, unless it may not or the turn asked for the same already.

    Raises:
        Conflict: the turn is not the caller's any more.
    """
    # First, as everywhere; and one call at a time in a conversation.
    repository.lock_conversation(work, turn.conversation_id)
    if repository.get_turn(work, turn.id).lease_token != lease_token:
        raise Conflict("Another worker goes on with this turn.", code="turn_lost")
    connection = repository.find_connection(work, agent_id=turn.agent_id, connection_id=call.connection_id)
    action = find_action(connection.provider, call.action) if connection else None
    grant = repository.find_grant(work, agent_id=turn.agent_id, connection_id=call.connection_id, action=call.action)
    if action is None or grant is None:
        return Asked(None, _NOT_GRANTED)
    given, wrong = read_input(action, call.arguments)
    if given is None:
        return Asked(None, wrong)
    runs = repository.list_runs_of_turn(work, turn.id)
    stored = storable(given.model_dump(mode="json"))
    key = _call_key(call, action, stored, ordinal=len(runs))
    known = next((run.id for run in runs if run.call_key == key), None)
    if known:
        return Asked(known)
    if len(runs) >= MAX_RUNS:
        return Asked(None, _ENOUGH)
    return Asked(_add_run(kernel, work, turn, grant, action, given, stored, key).id)


def read_input(action: Action, given: str | Mapping[str, object]) -> tuple[BaseModel | None, str]:
    """Return what was given as the action's input; else what is wrong with it, field by field."""
    model = cast(type[BaseModel], action.input)
    if isinstance(given, str) and len(given) > MAX_INPUT_CHARACTERS:
        return None, f"The arguments are longer than {MAX_INPUT_CHARACTERS} characters. Shorten them."
    try:
        return model.model_validate_json(given or "{}" if isinstance(given, str) else json.dumps(given)), ""
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        return None, "; ".join(_problem(problem["loc"], problem["msg"]) for problem in problems[:10])


def storable(value: Any) -> Any:
    """Return JSON that the database can hold: without zero characters and half surrogate pairs."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode(errors="replace").decode()
    if isinstance(value, dict):
        return {storable(name): storable(item) for name, item in cast(dict[str, object], value).items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in cast(Sequence[object], value)]
    return value


def _problem(place: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(map(str, place)) or 'arguments'}: {message}"


def _call_key(call: Call, action: Action, stored: Mapping[str, object], *, ordinal: int) -> str:
    """Return what makes a call the same one within its turn; reading may be repeated, and is numbered."""
    said = json.dumps([str(call.connection_id), call.action, stored], sort_keys=True)
    digest = hashlib.sha256(said.encode()).hexdigest()
    return digest if action.risk is ActionRisk.WRITES else f"{digest}:{ordinal}"


def _add_run(
    kernel: Kernel,
    work: UnitOfWork,
    turn: Turn,
    grant: ActionGrant,
    action: Action,
    given: BaseModel,
    stored: dict[str, object],
    key: str,
) -> ActionRun:
    now = kernel.clock.now()
    asks = grant.mode is GrantMode.APPROVAL or _writes_to_others(work, turn, action, given)
    run = ActionRun(
        tenant_id=work.tenant_id,
        id=new_id(),
        agent_id=turn.agent_id,
        connection_id=grant.connection_id,
        conversation_id=turn.conversation_id,
        turn_id=turn.id,
        call_key=key,
        action=action.name,
        description=storable(action.describe(given))[:MAX_DESCRIPTION_CHARACTERS],
        input=stored,
        state=ActionRunState.AWAITING_APPROVAL if asks else ActionRunState.QUEUED,
        trace_id=turn.trace_id,
        created_at=now,
        # The turn carries it out itself; the sweeper is for what a dead worker left behind.
        next_attempt_at=now + APPROVAL_LASTS if asks else in_seconds(kernel.settings.lease_seconds),
    )
    work.session.add(run)
    work.session.flush()
    notify(work, run)
    return run


def _writes_to_others(work: UnitOfWork, turn: Turn, action: Action, given: BaseModel) -> bool:
    """Return whether an action would write to anybody but the contact of its conversation.

    A contact may have talked the agent into it: whom it writes to is decided here, not in a prompt.
    """
    if action.recipients is None:
        return False
    known = repository.list_addresses_of_contact(work, turn.conversation_id)
    return any(recipient.casefold() not in known for recipient in action.recipients(given))


def notify(work: UnitOfWork, run: ActionRun) -> None:
    """Tell open pages that a run changed."""
    work.notify(LIVE_TOPIC, run.agent_id)
    if run.conversation_id:
        work.notify("conversation", run.conversation_id)
