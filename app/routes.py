"""The pages' addresses: patterns for the route table, and builders for links."""

from urllib.parse import urlencode
from uuid import UUID

HOME = "/"
LOGIN = "/login"
LOGOUT = "/logout"

TEAM = "/admin/ai-team"
AGENT = "/admin/ai-team/[agent_id]"
AGENT_PLAYBOOK = "/admin/ai-team/[agent_id]/playbook"
AGENT_INTEGRATIONS = "/admin/ai-team/[agent_id]/integrations"
AGENT_CONVERSATIONS = "/admin/ai-team/[agent_id]/conversations"
CATALOGUE = "/admin/integrations/catalogue"
TRACE = "/admin/traces/[trace_id]"
ALL_INTEGRATIONS = "/admin/integrations"
KEYS = "/admin/settings/keys"


def agent_settings(agent_id: UUID | str) -> str:
    """Return the address of an agent's settings."""
    return f"{TEAM}/{agent_id}"


def agent_playbook(agent_id: UUID | str) -> str:
    """Return the address of an agent's playbook."""
    return f"{TEAM}/{agent_id}/playbook"


def agent_integrations(agent_id: UUID | str) -> str:
    """Return the address of an agent's integrations."""
    return f"{TEAM}/{agent_id}/integrations"


def agent_conversations(agent_id: UUID | str, *, show: str = "", conversation_id: UUID | str = "") -> str:
    """Return the address of an agent's conversations, with a filter and an open conversation."""
    query = "&".join(f"{name}={value}" for name, value in (("show", show), ("c", conversation_id)) if str(value))
    return f"{TEAM}/{agent_id}/conversations" + (f"?{query}" if query else "")


def catalogue(*, query: str = "", category: str = "", provider: str = "") -> str:
    """Return the address of the catalogue, with a search, a category and an open service."""
    asked = {name: value for name, value in (("q", query), ("category", category), ("provider", provider)) if value}
    return CATALOGUE + (f"?{urlencode(asked)}" if asked else "")


def trace(trace_id: UUID | str) -> str:
    """Return the address of a trace."""
    return f"/admin/traces/{trace_id}"


def oauth_start(provider: str, agent_id: UUID | str, *, app_id: UUID | str = "") -> str:
    """Return the address that begins the walk to a provider's consent page; a full page load, not a page of ours."""
    through = f"&app_id={app_id}" if app_id else ""
    return f"/api/admin/ai-agents/integrations/{provider}/oauth?agent_id={agent_id}{through}"


def oauth_again(provider: str, connection_id: UUID | str) -> str:
    """Return the address that begins the walk to a consent page which repairs a connection."""
    return f"/api/admin/ai-agents/integrations/{provider}/oauth?connection_id={connection_id}"


def all_integrations(**filters: str) -> str:
    """Return the address of all connections, with filters; empty ones are left out."""
    query = urlencode({name: value for name, value in filters.items() if value})
    return ALL_INTEGRATIONS + (f"?{query}" if query else "")


def apps_form(provider: str) -> str:
    """Return the address that the form for the keys of an app of one's own is sent to."""
    return f"/api/admin/ai-agents/integrations/{provider}/apps"


def keys_form(provider: str) -> str:
    """Return the address that the form for a provider's keys is sent to."""
    return f"/api/admin/ai-agents/integrations/{provider}/keys"
