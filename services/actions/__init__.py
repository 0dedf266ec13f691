"""Actions: what agents may do through connections, what they ask for, who decides, and what came of it."""

from services.actions.catalogue import list_available, list_grants, set_grant
from services.actions.deciding import approve, reject
from services.actions.reading import get_run, list_runs, list_waiting
from services.actions.running import run_action, wake_open_runs
from services.actions.toolbox import AgentToolbox
from services.actions.views import ActionRunView, AvailableActionView

__all__ = [
    "ActionRunView",
    "AgentToolbox",
    "AvailableActionView",
    "approve",
    "get_run",
    "list_available",
    "list_grants",
    "list_runs",
    "list_waiting",
    "reject",
    "run_action",
    "set_grant",
    "wake_open_runs",
]
