"""One trace, kept live until nothing more is to come."""

from dataclasses import dataclass

import reflex as rx

from app import routes
from app.components.words import duration
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import route_id
from services.kernel.errors import NotFound, PatchbayError
from services.tenants import Permission
from services.traces import TraceView, get_trace


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceStep:
    """One step with its time."""

    title: str
    detail: str
    status: str
    at: str
    offset: str
    took: str


class TraceState(rx.State):
    """The trace named in the address."""

    id: str = ""
    steps: rx.Field[list[TraceStep]] = rx.field(default_factory=list)
    summary: str = ""
    took: str = ""
    failures: int = 0
    is_finished: bool = False
    agent_name: str = ""
    agent_path: str = ""
    conversation_path: str = ""
    log_path: str = ""
    phase: str = "loading"
    trouble: str = ""

    @rx.event
    @guarded(Permission.TRACES_VIEW)
    async def load(self) -> None:
        """Read the trace."""
        try:
            trace_id = route_id(self, "trace_id")
            if str(trace_id) != self.id:
                self.phase, self.steps = "loading", []
            self.id = str(trace_id)
            self._show(await in_thread(get_trace, get_kernel(), actor=current_actor(), trace_id=trace_id))
        except NotFound:
            self.phase = "missing"
        except PatchbayError as error:
            self.phase, self.trouble = "failed", error.message

    @rx.event
    @guarded(Permission.TRACES_VIEW)
    async def on_live(self, row_id: str) -> None:
        """Read again: something of the tenant has changed."""
        if self.phase == "ready" and row_id:
            await self.load()

    def _show(self, trace: TraceView) -> None:
        self.steps = [
            TraceStep(
                title=step.title,
                detail=step.detail,
                status=step.status,
                at=step.at.isoformat(),
                offset=f"+{duration(step.offset_ms)}",
                took=duration(step.took_ms) if step.took_ms else "",
            )
            for step in trace.steps
        ]
        where = f" by {trace.channel_label}" if trace.channel_label else ""
        self.summary = f"{trace.contact_name} wrote to {trace.agent_name}{where}." if trace.contact_name else ""
        self.log_path = routes.deliveries(q=str(trace.id))
        self.took = duration(trace.steps[-1].offset_ms)
        self.failures = sum(step.status == "failed" for step in trace.steps)
        self.is_finished = trace.is_finished
        self.agent_name = trace.agent_name
        self.agent_path = routes.agent_integrations(trace.agent_id) if trace.agent_id else ""
        self.conversation_path = (
            routes.agent_conversations(trace.agent_id, conversation_id=trace.conversation_id)
            if trace.agent_id and trace.conversation_id
            else ""
        )
        self.phase = "ready"
