"""Limits: how much agents may send and do, and how fast providers take it."""

from services.limits.gate import Held, Leaving, LetThrough, let_through, with_counts
from services.limits.repository import WAITS_FOR_LIMIT, WAITS_FOR_PACE
from services.limits.rules import GROUPS
from services.limits.service import (
    get_agent_limits,
    get_company_limit,
    list_alarms,
    set_agent_limits,
    set_company_limit,
)
from services.limits.views import AgentLimitsView, AlarmView, LimitDraft, LimitView, LimitWindowView

__all__ = [
    "GROUPS",
    "WAITS_FOR_LIMIT",
    "WAITS_FOR_PACE",
    "AgentLimitsView",
    "AlarmView",
    "Held",
    "Leaving",
    "LetThrough",
    "LimitDraft",
    "LimitView",
    "LimitWindowView",
    "get_agent_limits",
    "get_company_limit",
    "let_through",
    "list_alarms",
    "set_agent_limits",
    "set_company_limit",
    "with_counts",
]
