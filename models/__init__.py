"""All tables; importing this package fills ``metadata``."""

from models.agent import Agent, AgentStatus, PlaybookEntry
from models.audit import AuditEntry
from models.base import Base, TenantRow, WorkRow
from models.connection import (
    Connection,
    ConnectionCheck,
    ConnectionStatus,
    Credential,
    DataKey,
    OAuthAttempt,
    OptOut,
    PhoneNumber,
)
from models.conversation import (
    Author,
    Contact,
    ContactIdentity,
    Conversation,
    ConversationState,
    Direction,
    Message,
    MessageState,
)
from models.tenant import ApiKey, LinkPurpose, Membership, OneTimeLink, Role, Tenant, User, WebSession
from models.turn import FailedAttempt, Turn, TurnState
from models.webhook import DeliveryState, WebhookDelivery, WebhookEndpoint, WebhookRefusal

metadata = Base.metadata

__all__ = [
    "Agent",
    "AgentStatus",
    "ApiKey",
    "AuditEntry",
    "Author",
    "Base",
    "Connection",
    "ConnectionCheck",
    "ConnectionStatus",
    "Contact",
    "ContactIdentity",
    "Conversation",
    "ConversationState",
    "Credential",
    "DataKey",
    "DeliveryState",
    "Direction",
    "FailedAttempt",
    "LinkPurpose",
    "Membership",
    "Message",
    "MessageState",
    "OAuthAttempt",
    "OneTimeLink",
    "OptOut",
    "PhoneNumber",
    "PlaybookEntry",
    "Role",
    "Tenant",
    "TenantRow",
    "Turn",
    "TurnState",
    "User",
    "WebSession",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookRefusal",
    "WorkRow",
    "metadata",
]
