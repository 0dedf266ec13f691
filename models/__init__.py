"""All tables; importing this package fills ``metadata``."""

from models.agent import Agent, AgentStatus, PlaybookEntry
from models.audit import AuditEntry
from models.base import Base, TenantRow, WorkRow
from models.connection import (
    CauseClass,
    CheckOrigin,
    Connection,
    ConnectionCheck,
    ConnectionStatus,
    ConnectionTransition,
    Credential,
    DataKey,
    DataKeyState,
    Ending,
    OAuthAttempt,
    OptOut,
    PhoneNumber,
    ProviderApp,
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
from models.health import HealthFinding, HealthNotice, NoticeKind, NoticeState, NoticeTarget
from models.keys import KeyHolder, KeyRing, KeyRotation, RotationState
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
    "CauseClass",
    "CheckOrigin",
    "Connection",
    "ConnectionCheck",
    "ConnectionStatus",
    "ConnectionTransition",
    "Contact",
    "ContactIdentity",
    "Conversation",
    "ConversationState",
    "Credential",
    "DataKey",
    "DataKeyState",
    "DeliveryState",
    "Direction",
    "Ending",
    "FailedAttempt",
    "HealthFinding",
    "HealthNotice",
    "KeyHolder",
    "KeyRing",
    "KeyRotation",
    "LinkPurpose",
    "Membership",
    "Message",
    "MessageState",
    "NoticeKind",
    "NoticeState",
    "NoticeTarget",
    "OAuthAttempt",
    "OneTimeLink",
    "OptOut",
    "PhoneNumber",
    "PlaybookEntry",
    "ProviderApp",
    "Role",
    "RotationState",
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
