"""The log of what agents did and want to do."""

from collections.abc import Mapping
from uuid import UUID

from models import ActionRunState
from services.actions import repository
from services.actions.catalogue import connection_name, find_action
from services.actions.repository import RunRow
from services.actions.views import ActionRunView
from services.kernel.db import UnitOfWork
from services.kernel.errors import InvalidInput, NotFound
from services.kernel.kernel import Kernel
from services.kernel.paging import Page, read_id
from services.provider_kit import registry
from services.provider_kit.contract import Action
from services.tenants import Actor, Permission, require

_STATES = tuple(state.value for state in ActionRunState)
_MOST_WAITING = 50


def list_runs(
    kernel: Kernel, *, actor: Actor, agent_id: UUID | None = None, state: str = "", cursor: str = "", limit: int = 50
) -> Page[ActionRunView]:
    """Return action runs, the newest first.

    Args:
        kernel: the process's seams.
        actor: who asks.
        agent_id: only this agent's.
        state: only those in this state.
        cursor: ``next_cursor`` of the page before.
        limit: most items, 1 to 100.

    Raises:
        Forbidden, InvalidInput
    """
    require(actor, Permission.CONVERSATIONS_VIEW)
    if state and state not in _STATES:
        raise InvalidInput(f"Use one of {', '.join(_STATES)}.", field="state")
    size = max(1, min(limit, 100))
    with kernel.unit_of_work(actor.tenant_id) as work:
        rows = repository.list_rows(
            work,
            agent_id=agent_id,
            state=ActionRunState(state) if state else None,
            before=read_id(cursor),
            limit=size + 1,
        )
    views = tuple(_view(row) for row in rows[:size])
    return Page(views, str(views[-1].id) if len(rows) > size else "")


def get_run(kernel: Kernel, *, actor: Actor, run_id: UUID) -> ActionRunView:
    """Return one action run.

    Raises:
        Forbidden, NotFound
    """
    require(actor, Permission.CONVERSATIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        return view_of(work, run_id)


def list_waiting(kernel: Kernel, *, actor: Actor, conversation_id: UUID) -> tuple[ActionRunView, ...]:
    """Return what waits for a decision in a conversation, the newest first.

    Raises:
        Forbidden
    """
    require(actor, Permission.CONVERSATIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        rows = repository.list_rows(
            work,
            conversation_id=conversation_id,
            state=ActionRunState.AWAITING_APPROVAL,
            limit=_MOST_WAITING,
        )
    return tuple(_view(row) for row in rows)


def view_of(work: UnitOfWork, run_id: UUID) -> ActionRunView:
    """Return a run as it is shown.

    Raises:
        NotFound
    """
    rows = repository.list_rows(work, run_id=run_id, limit=1)
    if not rows:
        raise NotFound("There is no such action run.")
    return _view(rows[0])


def _as_declared(given: Mapping[str, object], action: Action | None) -> dict[str, object]:
    """Return an input in the order of the action's fields: the database keeps none."""
    names = action.input.model_fields if action else ()
    return {**{name: given[name] for name in names if name in given}, **given}


def _view(row: RunRow) -> ActionRunView:
    run = row.run
    action = find_action(row.connection.provider, run.action)
    return ActionRunView(
        id=run.id,
        agent_id=run.agent_id,
        agent_name=row.agent_name,
        connection_id=run.connection_id,
        connection_name=connection_name(row.connection),
        provider=row.connection.provider,
        provider_name=registry.get_manifest(row.connection.provider).name,
        conversation_id=run.conversation_id,
        contact_name=row.contact_name,
        action=run.action,
        label=action.label if action else run.action,
        description=run.description,
        input=_as_declared(run.input, action),
        output=run.output,
        said=run.said or run.error_text,
        state=run.state.value,
        decided_by=run.decided_by,
        decided_at=run.decided_at,
        decision_note=run.decision_note,
        error_code=run.error_code,
        attempt=run.attempt,
        trace_id=run.trace_id,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
    )
