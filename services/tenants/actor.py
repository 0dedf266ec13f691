"""Who acts, and what they may do: one table of permissions, one check."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal
from uuid import UUID

from models import Role
from services.kernel.errors import Forbidden


class Permission(StrEnum):
    """A right to see or to change one kind of thing."""

    AGENTS_VIEW = "agents.view"
    AGENTS_EDIT = "agents.edit"
    CONNECTIONS_VIEW = "connections.view"
    CONNECTIONS_EDIT = "connections.edit"
    CONVERSATIONS_VIEW = "conversations.view"
    CONVERSATIONS_REPLY = "conversations.reply"
    ACTIONS_DECIDE = "actions.decide"
    DELIVERIES_VIEW = "deliveries.view"
    DELIVERIES_REPLAY = "deliveries.replay"
    DELIVERIES_REVEAL = "deliveries.reveal"
    TRACES_VIEW = "traces.view"
    AUDIT_VIEW = "audit.view"
    KEYS_EDIT = "keys.edit"
    MEMBERS_EDIT = "members.edit"


_VIEWER = frozenset(
    {
        Permission.AGENTS_VIEW,
        Permission.CONNECTIONS_VIEW,
        Permission.CONVERSATIONS_VIEW,
        Permission.DELIVERIES_VIEW,
        Permission.TRACES_VIEW,
    }
)
_OPERATOR = _VIEWER | {Permission.CONVERSATIONS_REPLY, Permission.ACTIONS_DECIDE, Permission.DELIVERIES_REPLAY}
_ADMIN = _OPERATOR | {
    Permission.AGENTS_EDIT,
    Permission.CONNECTIONS_EDIT,
    Permission.DELIVERIES_REVEAL,
    Permission.AUDIT_VIEW,
    Permission.KEYS_EDIT,
}

PERMISSIONS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.OWNER: frozenset(Permission),
        Role.ADMIN: _ADMIN,
        Role.OPERATOR: _OPERATOR,
        Role.VIEWER: _VIEWER,
    }
)
"""What each role may do. A role that is missing here may do nothing."""

_NEEDED: Mapping[Permission, str] = MappingProxyType(
    {
        Permission.AGENTS_VIEW: "see agents",
        Permission.AGENTS_EDIT: "change agents",
        Permission.CONNECTIONS_VIEW: "see connections",
        Permission.CONNECTIONS_EDIT: "connect and disconnect accounts",
        Permission.CONVERSATIONS_VIEW: "read conversations",
        Permission.CONVERSATIONS_REPLY: "take over conversations",
        Permission.ACTIONS_DECIDE: "decide on what agents want to do",
        Permission.DELIVERIES_VIEW: "see deliveries",
        Permission.DELIVERIES_REPLAY: "replay deliveries",
        Permission.DELIVERIES_REVEAL: "see the whole content of deliveries",
        Permission.TRACES_VIEW: "see traces",
        Permission.AUDIT_VIEW: "read the audit log",
        Permission.KEYS_EDIT: "manage keys",
        Permission.MEMBERS_EDIT: "change who belongs to the company",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts in a tenant: a person, an API key, or the product itself."""

    tenant_id: UUID
    kind: Literal["user", "api_key", "system"]
    id: UUID | None
    """The user's or the API key's id; none for the product itself."""
    label: str
    """The name to show and to write into the audit log."""
    role: Role
    session_id: UUID | None = None
    """The browser session, if the actor came with one."""

    def may(self, permission: Permission) -> bool:
        """Return whether the role grants a right; to disable a button, never instead of :func:`require`."""
        return permission in PERMISSIONS.get(self.role, frozenset())


def require(actor: Actor, permission: Permission) -> None:
    """Let an actor pass who has the right.

    Raises:
        Forbidden: the role does not grant it; the message names the right and who can give it.
    """
    if not actor.may(permission):
        raise Forbidden(
            f"The role “{actor.role.value}” may not {_NEEDED[permission]}. Ask an owner of your company for a role"
            " that may.",
            code="missing_permission",
        )


def system_actor(tenant_id: UUID, label: str) -> Actor:
    """Return the actor for what the product does by itself in a tenant.

    Args:
        tenant_id: whose data it works on.
        label: the job or command, as the audit log shall show it.
    """
    return Actor(tenant_id=tenant_id, kind="system", id=None, label=label, role=Role.OWNER)
