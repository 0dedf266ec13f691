"""Reads a trace: all rows that carry its id, in the order of time."""

from datetime import timedelta
from uuid import UUID

from services.conversations import channel_label
from services.kernel.errors import NotFound
from services.kernel.kernel import Kernel
from services.tenants import Actor, Permission, require
from services.traces import repository
from services.traces.repository import TraceRows
from services.traces.steps import is_finished, list_steps
from services.traces.views import TraceStepView, TraceView

_MILLISECOND = timedelta(milliseconds=1)


def get_trace(kernel: Kernel, *, actor: Actor, trace_id: UUID) -> TraceView:
    """Return a message's whole way.

    Raises:
        Forbidden, NotFound
    """
    require(actor, Permission.TRACES_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        rows = repository.find_rows(work, trace_id)
    if not rows.deliveries and not rows.messages:
        raise NotFound("There is no such trace.")
    return build_trace(trace_id, rows)


def build_trace(trace_id: UUID, rows: TraceRows) -> TraceView:
    """Put the rows of a trace in the order of time."""
    steps = sorted(list_steps(rows), key=lambda step: (step.at, step.stage))
    first = steps[0].at
    return TraceView(
        id=trace_id,
        steps=tuple(
            TraceStepView(
                at=step.at,
                offset_ms=(step.at - first) // _MILLISECOND,
                took_ms=step.took // _MILLISECOND if step.took is not None else None,
                title=step.title,
                detail=step.detail,
                status=step.status,
            )
            for step in steps
        ),
        agent_id=rows.agent.id if rows.agent else None,
        agent_name=rows.agent.name if rows.agent else "",
        conversation_id=rows.conversation.id if rows.conversation else None,
        contact_name=rows.contact.name if rows.contact else "",
        channel_label=channel_label(rows.conversation) if rows.conversation else "",
        is_finished=is_finished(rows),
    )
