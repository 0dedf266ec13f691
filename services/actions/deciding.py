"""A person decides on an action that an agent asks for: once, whoever else decides at the same moment."""

from uuid import UUID

from models import ActionRun, ActionRunState
from services import audit
from services.actions import repository
from services.actions.asking import notify
from services.actions.reading import view_of
from services.actions.telling import tell
from services.actions.views import ActionRunView
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, InvalidInput, NotFound
from services.kernel.kernel import Kernel
from services.kernel.leases import in_seconds
from services.tenants import Actor, Permission, require

MAX_NOTE_CHARACTERS = 500
_OUTCOMES = {
    ActionRunState.REJECTED: "was rejected",
    ActionRunState.CANCELLED: "was cancelled",
}


def approve(kernel: Kernel, *, actor: Actor, run_id: UUID, note: str = "") -> ActionRunView:
    """Let an action be carried out, exactly as it was asked for; a worker does it at once.

    Raises:
        Forbidden, NotFound
        Conflict: it was decided on before.
        InvalidInput: the note is too long.
    """
    return _decide(kernel, actor, run_id, note, ActionRunState.QUEUED, "action_run.approved")


def reject(kernel: Kernel, *, actor: Actor, run_id: UUID, note: str = "") -> ActionRunView:
    """Refuse an action; the agent tells the contact, without the note.

    Raises:
        Forbidden, NotFound
        Conflict: it was decided on before.
        InvalidInput: the note is too long.
    """
    return _decide(kernel, actor, run_id, note, ActionRunState.REJECTED, "action_run.rejected")


def _decide(kernel: Kernel, actor: Actor, run_id: UUID, note: str, state: ActionRunState, act: str) -> ActionRunView:
    require(actor, Permission.ACTIONS_DECIDE)
    cleaned = _clean_note(note)
    now = kernel.clock.now()
    with kernel.unit_of_work(actor.tenant_id) as work:
        found = repository.lock_run(work, run_id)
        if found is None:
            raise NotFound("There is no such action run.")
        run, conversation = found
        if run.state is not ActionRunState.AWAITING_APPROVAL:
            raise Conflict(_already(run), code="already_decided")
        run.state = state
        run.decided_by, run.decided_at, run.decision_note = actor.label, now, cleaned
        _record(work, actor, run, act)
        if state is ActionRunState.QUEUED:
            run.next_attempt_at = in_seconds(0)
            work.wake("run_action", run.id)
        else:
            run.finished_at = now
            provider = repository.get_connection(work, run.connection_id).provider
            tell(work, run, conversation, provider=provider, now=now)
        notify(work, run)
        work.session.flush()
        return view_of(work, run_id)


def _record(work: UnitOfWork, actor: Actor, run: ActionRun, act: str) -> None:
    audit.record(
        work,
        actor=actor,
        action=act,
        object_kind="action_run",
        object_id=run.id,
        detail={"action": run.action, "agent_id": str(run.agent_id), "connection_id": str(run.connection_id)},
    )


def _already(run: ActionRun) -> str:
    if run.state in _OUTCOMES:
        return f"This action {_OUTCOMES[run.state]}{f' by {run.decided_by}' if run.decided_by else ''} already."
    if run.decided_by:
        return f"This action was approved by {run.decided_by} already."
    return "This action does not wait for a decision."


def _clean_note(note: str) -> str:
    cleaned = " ".join(note.replace("\x00", "").split())
    if len(cleaned) > MAX_NOTE_CHARACTERS:
        raise InvalidInput(f"Use at most {MAX_NOTE_CHARACTERS} characters.", field="note")
    return cleaned
