"""Carries an action run out, once.

``queued → running (lease) → succeeded``. While its turn is under way a run belongs to the turn, which tells the
contact; from then on it belongs to the job, and :mod:`services.actions.telling` does. A lease that runs out while
``running`` is ambiguous: the provider may have acted. It is looked up there; where that cannot tell, the run becomes
``unknown`` and is shown.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models import ActionRun, ActionRunState, Conversation
from services import attempts, connections, limits
from services.actions import repository
from services.actions.asking import APPROVAL_LASTS, notify, storable
from services.actions.checking import LOOK_UP_AFTER_SECONDS, PARKED_SECONDS, TURN_SECONDS, Stop, check
from services.actions.limiting import hold_back
from services.actions.telling import tell
from services.kernel.db import UnitOfWork
from services.kernel.errors import NeedsReauth, PatchbayError, Refused, RetryLater
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.leases import in_seconds
from services.kernel.log import bind_context, get_logger
from services.provider_kit.contract import Action, ActionContext, ActionResult, ActionRisk

logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Claim:
    """A run that this worker holds."""

    run_id: UUID
    trace_id: UUID
    connection_id: UUID
    lease_token: UUID
    action: Action
    client: Any
    given: Any
    context: ActionContext
    is_lookup: bool
    in_turn: bool


def run_action(kernel: Kernel, *, tenant_id: UUID, run_id: UUID) -> None:
    """Carry a run out that its turn did not end, or cancel one that was waited for too long. Twice does no harm."""
    with kernel.unit_of_work(tenant_id) as work:
        if not _is_for_job(kernel, work, run_id):
            return
    carry_out(kernel, tenant_id=tenant_id, run_id=run_id, in_turn=False)


def wake_open_runs(work: UnitOfWork, turn_id: UUID) -> None:
    """Hand what a turn leaves open over to the job, now that the turn has ended."""
    for run in repository.list_runs_of_turn(work, turn_id):
        if run.state in repository.OPEN:
            work.wake("run_action", run.id)


def carry_out(kernel: Kernel, *, tenant_id: UUID, run_id: UUID, in_turn: bool) -> bool:
    """Make one attempt at a run, or look up what became of one; return whether it surely did not happen then.

    Runs outside any transaction. Does nothing while another worker holds the run.
    """
    try:
        claim = limits.with_counts(
            kernel,
            tenant_id=tenant_id,
            attempt=lambda: connections.with_fresh_token(
                kernel, tenant_id=tenant_id, attempt=lambda work: _claim(kernel, work, run_id, in_turn=in_turn)
            ),
        )
    except (NeedsReauth, RetryLater) as error:
        # The token is over and could not be renewed now, or nobody can count what is done: nothing was claimed, and
        # the sweeper comes back to it.
        logger.info("actions.run.put_off", outcome=error.code)
        return False
    if claim is None:
        return False
    with bind_context(tenant_id=tenant_id, trace_id=claim.trace_id, connection_id=claim.connection_id):
        return _attempt(kernel, tenant_id, claim)


def end_reading(kernel: Kernel, *, tenant_id: UUID, run_id: UUID) -> None:
    """Give up a run that only reads and is still open: later, nobody wants to know any more."""
    with kernel.unit_of_work(tenant_id) as work:
        found = repository.lock_run(work, run_id)
        if found and found[0].state is ActionRunState.QUEUED:
            run, conversation = found
            stop = Stop(ActionRunState.FAILED, "not_available", run.error_text or "The account cannot be read now.")
            _stop(kernel, work, run, conversation, stop, in_turn=True)


def _is_for_job(kernel: Kernel, work: UnitOfWork, run_id: UUID) -> bool:
    """Cancel a run whose time is over; return whether it is to be carried out now."""
    found = repository.lock_run(work, run_id)
    if found is None:
        return False
    run, conversation = found
    is_over = kernel.clock.now() - run.created_at >= APPROVAL_LASTS
    if run.state is ActionRunState.AWAITING_APPROVAL and is_over:
        stop = Stop(ActionRunState.CANCELLED, "not_decided", f"Nobody decided within {APPROVAL_LASTS.days} days.")
        _stop(kernel, work, run, conversation, stop, in_turn=False)
        return False
    if not repository.may_be_taken(work, run_id, early=False):
        return False
    if run.turn_id and repository.is_turn_open(work, run.turn_id):
        run.next_attempt_at = in_seconds(TURN_SECONDS)
        return False
    return True


def _claim(kernel: Kernel, work: UnitOfWork, run_id: UUID, *, in_turn: bool) -> _Claim | None:
    found = repository.lock_run(work, run_id)
    if found is None or not repository.may_be_taken(work, run_id, early=in_turn):
        return None
    run, conversation = found
    checked = check(kernel, work, run, in_turn=in_turn)
    if isinstance(checked, Stop):
        _stop(kernel, work, run, conversation, checked, in_turn=in_turn)
        return None
    client = connections.open_client(kernel, work, checked.connection)
    held = hold_back(kernel, work, run, checked)
    if held:
        connections.give_back_probe(work, checked.connection)
        _stop(kernel, work, run, conversation, held, in_turn=in_turn)
        return None
    token = new_id()
    run.state = ActionRunState.RUNNING
    run.lease_token = token
    run.lease_until = in_seconds(kernel.settings.lease_seconds)
    run.next_attempt_at = in_seconds(0)
    run.attempt += 1
    if not checked.is_lookup:
        run.started_at = kernel.clock.now()
    notify(work, run)
    return _Claim(
        run_id,
        run.trace_id,
        run.connection_id,
        token,
        checked.action,
        client,
        checked.given,
        checked.context,
        checked.is_lookup,
        in_turn,
    )


def _stop(
    kernel: Kernel, work: UnitOfWork, run: ActionRun, conversation: Conversation | None, stop: Stop, *, in_turn: bool
) -> None:
    """End a run that is not to be carried out now, or put it off."""
    run.error_code, run.error_text = stop.code, stop.words
    if stop.again_seconds is not None:
        run.next_attempt_at = in_seconds(stop.again_seconds)
        notify(work, run)
        return
    if stop.state is ActionRunState.AWAITING_APPROVAL:
        run.state = stop.state
        run.next_attempt_at = in_seconds(APPROVAL_LASTS.total_seconds())
        notify(work, run)
        return
    _end(kernel, work, run, conversation, stop.state, is_told=not in_turn and not stop.is_silent)


def _attempt(kernel: Kernel, tenant_id: UUID, claim: _Claim) -> bool:
    failure: PatchbayError | None = None
    result: ActionResult | None = None
    try:
        result = _look_up(claim) if claim.is_lookup else claim.action.run(claim.client, claim.given, claim.context)
    except PatchbayError as error:
        failure = error
    except Exception:
        logger.exception("actions.run.crashed")
        failure = RetryLater("An error in Patchbay; see the server's log.", ambiguous=True)
    outcome = failure.code if failure else "done" if result else "not_found"
    logger.info("actions.run.attempted", action=claim.action.name, outcome=outcome, looked_up=claim.is_lookup)
    return _settle(kernel, tenant_id, claim, result=result, failure=failure)


def _look_up(claim: _Claim) -> ActionResult | None:
    if claim.action.find is None:
        raise Refused("The provider cannot say what became of the attempt.", code="no_sure_way")
    return claim.action.find(claim.client, claim.given, claim.context)


def _settle(
    kernel: Kernel, tenant_id: UUID, claim: _Claim, *, result: ActionResult | None, failure: PatchbayError | None
) -> bool:
    """Write what came of an attempt, unless the lease was lost meanwhile."""
    with kernel.unit_of_work(tenant_id) as work:
        found = repository.lock_run(work, claim.run_id)
        if found is None or found[0].lease_token != claim.lease_token:
            logger.warning("actions.lease.was_lost")
            return False
        run, conversation = found
        run.lease_token = run.lease_until = None
        if failure:
            _fail(kernel, work, run, conversation, claim, failure)
            return False
        connection = repository.get_connection(work, run.connection_id)
        connections.note_success(work, connection, now=kernel.clock.now())
        if result is None:
            run.state = ActionRunState.QUEUED
            work.wake("run_action", run.id)
            notify(work, run)
            return True
        run.output, run.said = storable(dict(result.output)), storable(result.said)
        run.error_code = run.error_text = ""
        _end(kernel, work, run, conversation, ActionRunState.SUCCEEDED, is_told=not claim.in_turn)
        return False


def _fail(
    kernel: Kernel,
    work: UnitOfWork,
    run: ActionRun,
    conversation: Conversation | None,
    claim: _Claim,
    error: PatchbayError,
) -> None:
    now = kernel.clock.now()
    reads = claim.action.risk is ActionRisk.READS
    unsure = not reads and (claim.is_lookup or (isinstance(error, RetryLater) and error.ambiguous))
    seconds = None if reads else attempts.seconds_until_retry(kernel.settings, error, attempt=run.attempt)
    if isinstance(error, NeedsReauth) and not reads:
        seconds = PARKED_SECONDS
    connection = repository.get_connection(work, run.connection_id)
    if connections.is_about_connection(error):
        connections.note_failure(work, connection, error, now=now)
    connections.note_busy(work, connection, error, is_send=False)
    attempts.record_failure(work, run, subject="action", error=error, retry_seconds=seconds, now=now)
    run.error_code, run.error_text = error.code, error.message
    if unsure and (seconds is None or isinstance(error, Refused) or claim.action.find is None):
        run.error_text = "The provider cannot say whether this was done."
        _end(kernel, work, run, conversation, ActionRunState.UNKNOWN, is_told=not claim.in_turn)
    elif seconds is None:
        _end(kernel, work, run, conversation, ActionRunState.FAILED, is_told=not claim.in_turn)
    elif unsure:
        run.lease_until = in_seconds(max(LOOK_UP_AFTER_SECONDS, seconds))
        notify(work, run)
    else:
        run.state = ActionRunState.QUEUED
        run.next_attempt_at = in_seconds(seconds)
        if isinstance(error, NeedsReauth):
            run.error_code = connections.WAITS_FOR_CONNECTION  # goes on as soon as the connection is repaired
        notify(work, run)


def _end(
    kernel: Kernel,
    work: UnitOfWork,
    run: ActionRun,
    conversation: Conversation | None,
    state: ActionRunState,
    *,
    is_told: bool,
) -> None:
    now: datetime = kernel.clock.now()
    run.state = state
    run.finished_at = now
    if is_told:
        provider = repository.get_connection(work, run.connection_id).provider
        tell(work, run, conversation, provider=provider, now=now)
    notify(work, run)
