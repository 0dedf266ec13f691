"""What the page about the company shows, computed from the tenants' views."""

from app.components.words import counted
from services.tenants import TenantContents


def deletion_effects(contents: TenantContents) -> tuple[str, ...]:
    """Return what the end of the company takes along, counted."""
    agents, conversations = counted(contents.agents, "agent"), counted(contents.conversations, "conversation")
    people, keys = counted(contents.people, "person", "people"), counted(contents.api_keys, "API key")
    return (
        f"{agents.capitalize()} and {conversations} are deleted.",
        _connections(contents.connections),
        f"{people.capitalize()} and {keys} lose their access; you are signed out.",
        "The company's data keys are destroyed: not even a backup can be read without them.",
    )


def _connections(count: int) -> str:
    if not count:
        return "Nothing is connected."
    verb, whose = ("falls", "its") if count == 1 else ("fall", "their")
    return (
        f"{counted(count, 'connection')} {verb} silent, and {whose} access is given back where the service allows it."
    )
