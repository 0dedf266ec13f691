"""Keeps what agents do to their limits, and to the pace that the provider asks for."""

from models import ActionRun, ActionRunState, Excess, LimitGroup
from services import limits
from services.actions.checking import Ready, Stop
from services.kernel.db import UnitOfWork
from services.kernel.kernel import Kernel
from services.provider_kit.contract import ActionRisk


def hold_back(kernel: Kernel, work: UnitOfWork, run: ActionRun, ready: Ready) -> Stop | None:
    """Count an action that is carried out now, or say why it is not.

    It counts once, however often it is tried. What only reads or is looked up, and what a person decided on, counts
    for no agent.

    Raises:
        RetryLater: nobody can count now; the run stays as it is.
    """
    if ready.is_lookup or ready.action.risk is ActionRisk.READS:
        return None
    is_counted = not run.decided_by and run.counted_at is None
    outcome = limits.let_through(
        kernel,
        work,
        limits.Leaving(
            connection=ready.connection,
            agent_id=run.agent_id if is_counted else None,
            agent_name=ready.context.agent_name,
            group=LimitGroup.ACTIONS,
        ),
    )
    if isinstance(outcome, limits.LetThrough):
        if is_counted:
            run.counted_at = outcome.at
        return None
    return _stop(run, outcome)


def _stop(run: ActionRun, held: limits.Held) -> Stop:
    if held.excess is Excess.HAND_OVER:
        words = f"Handed over to a person's decision. The limit: {held.words}."
        return Stop(ActionRunState.AWAITING_APPROVAL, "limit_handed_over", words)
    if held.excess is Excess.DROP:
        return Stop(ActionRunState.FAILED, "limit_dropped", f"Not carried out. The limit: {held.words}.")
    code = limits.WAITS_FOR_PACE if held.is_pace else limits.WAITS_FOR_LIMIT
    words = f"Waits for {'' if held.is_pace else 'the limit: '}{held.words}."
    return Stop(run.state, code, words, again_seconds=held.wait.total_seconds())
