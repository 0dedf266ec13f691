"""Limits: how much agents may send and do, and how fast providers take it."""

from services.limits.gate import (
    CountsMissing,
    Held,
    Leaving,
    LetThrough,
    fill,
    let_through,
    let_through_many,
    with_counts,
)
from services.limits.repository import WAITS_FOR_LIMIT, WAITS_FOR_PACE
from services.limits.rules import ALARM_AT, GROUPS
from services.limits.service import (
    get_agent_limits,
    get_company_limit,
    list_alarms,
    set_agent_limits,
    set_company_limit,
)
from services.limits.views import AgentLimitsView, AlarmView, LimitDraft, LimitView, LimitWindowView

__all__ = [
    "ALARM_AT",
    "GROUPS",
    "WAITS_FOR_LIMIT",
    "WAITS_FOR_PACE",
    "AgentLimitsView",
    "AlarmView",
    "CountsMissing",
    "Held",
    "Leaving",
    "LetThrough",
    "LimitDraft",
    "LimitView",
    "LimitWindowView",
    "fill",
    "get_agent_limits",
    "get_company_limit",
    "let_through",
    "let_through_many",
    "list_alarms",
    "set_agent_limits",
    "set_company_limit",
    "with_counts",
]
