"""AI agents: what they are, what they know by heart, and who answers for them."""

from services.agents.runner import AgentRunner, HistoryItem, Speaker, TurnReply, TurnRequest
from services.agents.service import (
    asks_models,
    create_agent,
    delete_agent,
    get_agent,
    list_agents,
    list_playbook,
    needs_history,
    runner_for,
    save_playbook,
    set_status,
    update_agent,
)
from services.agents.tools import NO_TOOLS, Exchange, NoTools, Tool, Toolbox, ToolCall
from services.agents.views import AgentForm, AgentView, PlaybookDraft, PlaybookEntryView

__all__ = [
    "NO_TOOLS",
    "AgentForm",
    "AgentRunner",
    "AgentView",
    "Exchange",
    "HistoryItem",
    "NoTools",
    "PlaybookDraft",
    "PlaybookEntryView",
    "Speaker",
    "Tool",
    "ToolCall",
    "Toolbox",
    "TurnReply",
    "TurnRequest",
    "asks_models",
    "create_agent",
    "delete_agent",
    "get_agent",
    "list_agents",
    "list_playbook",
    "needs_history",
    "runner_for",
    "save_playbook",
    "set_status",
    "update_agent",
]
