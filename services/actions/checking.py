"""Looks whether a run may be carried out at this moment: what was true when it was asked for may have changed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from models import ActionRun, ActionRunState, Connection, ConnectionStatus, GrantMode
from services import connections
from services.actions import repository
from services.actions.asking import APPROVAL_LASTS, read_input
from services.actions.catalogue import find_action
from services.kernel.db import UnitOfWork
from services.kernel.kernel import Kernel
from services.provider_kit.contract import Action, ActionContext, ActionRisk

LOOK_UP_AFTER_SECONDS = 5.0
"""How long after an ambiguous answer the provider is asked whether it acted."""
PARKED_SECONDS = 60.0
"""How often a run that waits for its connection to be repaired is looked at."""
TURN_SECONDS = 5.0
"""How often a run is looked at that its turn may still end."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run is not carried out now."""

    state: ActionRunState
    code: str
    words: str
    again_seconds: float | None = None
    """When to look again; None if it ends."""
    is_silent: bool = False
    """Whether there is nothing to tell the contact."""


@dataclass(frozen=True, slots=True)
class Ready:
    """All that an attempt needs but the client."""

    connection: Connection
    action: Action
    given: Any
    context: ActionContext
    is_lookup: bool


def check(kernel: Kernel, work: UnitOfWork, run: ActionRun, *, in_turn: bool) -> Stop | Ready:
    """Return what an attempt needs, or why there is none."""
    connection = repository.get_connection(work, run.connection_id)
    action = find_action(connection.provider, run.action)
    if action is None:
        return _gone(run, "unknown_action", f"{connection.provider} does not offer this action any more.")
    reads = action.risk is ActionRisk.READS
    if reads and not in_turn:
        return Stop(ActionRunState.CANCELLED, "turn_ended", "The agent's turn ended first.", is_silent=True)
    is_lookup = run.state is ActionRunState.RUNNING and not reads
    given, wrong = read_input(action, run.input)
    if given is None:
        return _gone(run, "invalid_input", f"The input does not fit any more: {wrong}")
    senders = repository.list_senders(work, agent_id=run.agent_id, connection_id=run.connection_id)
    agent = repository.find_agent(work, run.agent_id)
    facts = _Facts(kernel, work, run, connection, action, given, senders, is_lookup)
    stop = next((stop for rule in _RULES if (stop := rule(facts))), None)
    if stop:
        return stop
    context = ActionContext(
        run_id=str(run.id),
        agent_id=str(run.agent_id),
        agent_name=agent.name if agent else "",
        now=kernel.clock.now(),
        time_zone=repository.get_time_zone(work),
        senders=senders,
        attempted_at=run.started_at if is_lookup else None,
    )
    return Ready(connection, action, given, context, is_lookup)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the rules look at."""

    kernel: Kernel
    work: UnitOfWork
    run: ActionRun
    connection: Connection
    action: Action
    given: Any
    senders: tuple[str, ...]
    is_lookup: bool


def _gone(run: ActionRun, code: str, words: str) -> Stop:
    """Return the end of a run whose ground is gone; an attempt that was under way then stays unknown."""
    state = ActionRunState.UNKNOWN if run.state is ActionRunState.RUNNING else ActionRunState.CANCELLED
    return Stop(state, code, words)


def _is_disconnected(facts: _Facts) -> Stop | None:
    if facts.connection.status is not ConnectionStatus.DISCONNECTED:
        return None
    return _gone(facts.run, "disconnected", "The connection was disconnected.")


def _is_used_up(facts: _Facts) -> Stop | None:
    if facts.run.attempt < facts.kernel.settings.max_attempts:
        return None
    state = ActionRunState.UNKNOWN if facts.is_lookup else ActionRunState.FAILED
    return Stop(state, "attempts_used_up", "Each attempt was cut off or put off.")


def _is_late(facts: _Facts) -> Stop | None:
    if facts.is_lookup or facts.kernel.clock.now() - facts.run.created_at < APPROVAL_LASTS:
        return None
    return _gone(facts.run, "too_late", f"It could not be carried out within {APPROVAL_LASTS.days} days.")


def _is_not_granted(facts: _Facts) -> Stop | None:
    """Neither an approval nor a call outlives the grant; an attempt that began is looked up all the same."""
    if facts.is_lookup:
        return None
    run = facts.run
    reachable = repository.find_connection(facts.work, agent_id=run.agent_id, connection_id=run.connection_id)
    grant = repository.find_grant(facts.work, agent_id=run.agent_id, connection_id=run.connection_id, action=run.action)
    if reachable is None or grant is None:
        return _gone(run, "not_granted", "The agent may not do this any more.")
    if grant.mode is GrantMode.APPROVAL and not run.decided_by:
        return _gone(run, "not_approved", "A person must decide on this action by now, and nobody has.")
    return None


def _has_opted_out(facts: _Facts) -> Stop | None:
    if facts.is_lookup or facts.action.recipients is None:
        return None
    is_out = repository.has_opted_out(
        facts.work,
        connection_id=facts.connection.id,
        senders=facts.senders,
        recipients=facts.action.recipients(facts.given),
    )
    return Stop(ActionRunState.FAILED, "opted_out", "The recipient opted out of messages.") if is_out else None


def _waits_for_connection(facts: _Facts) -> Stop | None:
    if facts.connection.status in connections.WORKING:
        return None
    is_paused = facts.connection.status is ConnectionStatus.PAUSED
    words = f"Waits until the connection is {'resumed' if is_paused else 'repaired'}."
    return Stop(facts.run.state, connections.WAITS_FOR_CONNECTION, words, again_seconds=PARKED_SECONDS)


def _waits_for_provider(facts: _Facts) -> Stop | None:
    wait = connections.wait_for_call(facts.work, facts.connection)
    if wait is None:
        return None
    seconds = wait.wait.total_seconds()
    return Stop(facts.run.state, connections.WAITS_FOR_PROVIDER, wait.words, again_seconds=seconds)


_RULES: tuple[Callable[[_Facts], Stop | None], ...] = (
    _is_disconnected,
    _is_late,
    _is_used_up,
    _is_not_granted,
    _has_opted_out,
    _waits_for_connection,
    _waits_for_provider,
)
