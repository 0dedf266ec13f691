"""One trace per message: its whole way, from the request that came in to the receipt of the answer."""

from services.traces.service import get_trace
from services.traces.views import TraceStepView, TraceView

__all__ = ["TraceStepView", "TraceView", "get_trace"]
