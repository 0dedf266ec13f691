"""The pages' addresses: patterns for the route table, and builders for links."""

from urllib.parse import urlencode
from uuid import UUID

from services.provider_kit.registry import address_of

HOME = "/"
LOGIN = "/login"
LOGOUT = "/logout"
COMPANY_DELETED = "company"
"""What the sign-in page is told to say that a company is gone."""

TEAM = "/admin/ai-team"
AGENT = "/admin/ai-team/[agent_id]"
AGENT_ACTIONS = "/admin/ai-team/[agent_id]/actions"
AGENT_PLAYBOOK = "/admin/ai-team/[agent_id]/playbook"
AGENT_INTEGRATIONS = "/admin/ai-team/[agent_id]/integrations"
AGENT_CONVERSATIONS = "/admin/ai-team/[agent_id]/conversations"
AGENT_CALENDAR = "/admin/ai-team/[agent_id]/calendar"
CATALOGUE = "/admin/integrations/catalogue"
TRACE = "/admin/traces/[trace_id]"
ALL_INTEGRATIONS = "/admin/integrations"
DELIVERIES = "/admin/deliveries"
ANALYTICS = "/admin/analytics"
TENANT = "/admin/settings/tenant"
KEYS = "/admin/settings/keys"


def login_after_deletion(*, left: int) -> str:
    """Return the sign-in page's address for somebody whose company was just deleted.

    Args:
        left: at how many services our access could not be given back.
    """
    return f"{LOGIN}?" + urlencode({"ended": COMPANY_DELETED, **({"left": left} if left else {})})


def agent_settings(agent_id: UUID | str) -> str:
    """Return the address of an agent's settings."""
    return f"{TEAM}/{agent_id}"


def agent_playbook(agent_id: UUID | str) -> str:
    """Return the address of an agent's playbook."""
    return f"{TEAM}/{agent_id}/playbook"


def agent_integrations(agent_id: UUID | str, *, service: str = "") -> str:
    """Return the address of an agent's integrations, with the service whose card is looked for."""
    return f"{TEAM}/{agent_id}/integrations" + (f"?{urlencode({'service': service})}" if service else "")


def agent_conversations(
    agent_id: UUID | str,
    *,
    show: str = "",
    channel: str = "",
    address: str = "",
    words: str = "",
    before: str = "",
    conversation_id: UUID | str = "",
    until: str = "",
) -> str:
    """Return the address of an agent's conversations, with filters and places in list and open conversation."""
    narrowed = {"show": show, "channel": channel, "address": address, "q": words}
    places = {"before": before, "c": str(conversation_id), "until": until}
    query = urlencode({name: value for name, value in {**narrowed, **places}.items() if value})
    return f"{TEAM}/{agent_id}/conversations" + (f"?{query}" if query else "")


def agent_calendar(agent_id: UUID | str, *, week: str = "", view: str = "", calendar: str = "") -> str:
    """Return the address of an agent's calendar, with a week, a way to look at it and the only calendar to show."""
    asked = {"week": week, "view": view, "calendar": calendar}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"{TEAM}/{agent_id}/calendar" + (f"?{query}" if query else "")


def letter(message_id: UUID | str) -> str:
    """Return the address that tells what is left out of a letter at first; answers with JSON."""
    return f"/api/admin/ai-agents/letters/{message_id}"


def letter_document(message_id: UUID | str) -> str:
    """Return the address of a letter's sanitised HTML, for a sandboxed frame."""
    return f"/api/admin/ai-agents/letters/{message_id}/document"


def attachment(attachment_id: UUID | str) -> str:
    """Return the address that a file which came with a letter is downloaded from."""
    return f"/api/admin/ai-agents/attachments/{attachment_id}"


def catalogue(*, query: str = "", category: str = "", provider: str = "") -> str:
    """Return the address of the catalogue, with a search, a category and an open service."""
    asked = {name: value for name, value in (("q", query), ("category", category), ("provider", provider)) if value}
    return CATALOGUE + (f"?{urlencode(asked)}" if asked else "")


def deliveries(**asked: str) -> str:
    """Return the address of the delivery log, with filters and the delivery that is open; empty ones are left out."""
    query = urlencode({name: value for name, value in asked.items() if value})
    return DELIVERIES + (f"?{query}" if query else "")


def analytics(**asked: str) -> str:
    """Return the address of analytics, with a span of time and filters; empty ones are left out."""
    query = urlencode({name: value for name, value in asked.items() if value})
    return ANALYTICS + (f"?{query}" if query else "")


def trace(trace_id: UUID | str) -> str:
    """Return the address of a trace."""
    return f"/admin/traces/{trace_id}"


def oauth_start(provider: str, agent_id: UUID | str, *, app_id: UUID | str = "") -> str:
    """Return the address that begins the walk to a provider's consent page; a full page load, not a page of ours."""
    through = f"&app_id={app_id}" if app_id else ""
    return f"/api/admin/ai-agents/integrations/{address_of(provider)}/oauth?agent_id={agent_id}{through}"


def oauth_again(provider: str, connection_id: UUID | str) -> str:
    """Return the address that begins the walk to a consent page which repairs a connection."""
    return f"/api/admin/ai-agents/integrations/{address_of(provider)}/oauth?connection_id={connection_id}"


def all_integrations(**filters: str) -> str:
    """Return the address of all connections, with filters; empty ones are left out."""
    query = urlencode({name: value for name, value in filters.items() if value})
    return ALL_INTEGRATIONS + (f"?{query}" if query else "")


def apps_form(provider: str) -> str:
    """Return the address that the form for the keys of an app of one's own is sent to."""
    return f"/api/admin/ai-agents/integrations/{address_of(provider)}/apps"


def keys_form(provider: str) -> str:
    """Return the address that the form for a provider's keys is sent to."""
    return f"/api/admin/ai-agents/integrations/{address_of(provider)}/keys"
