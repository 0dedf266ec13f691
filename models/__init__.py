"""All tables; importing this package fills ``metadata``."""

from models.action import ActionGrant, ActionRun, ActionRunState, GrantMode
from models.agent import Agent, AgentStatus, PlaybookEntry
from models.audit import AuditEntry
from models.base import Base, TenantRow, WorkRow
from models.calendar import Calendar, CalendarEvent, EventStatus, Subscription, SubscriptionState
from models.channel import ChannelListing, ChannelMode, ChannelPolicy
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
from models.email import Attachment, EmailDomain, EmailEnvelope, EmailSender
from models.health import HealthFinding, HealthNotice, NoticeKind, NoticeState, NoticeTarget
from models.keys import KeyHolder, KeyRing, KeyRotation, RotationState
from models.limit import AgentLimit, Excess, LimitAlarm, LimitGroup, LimitSpan
from models.reconciliation import Reconciliation
from models.tally import Tally, TallyChange, TallyProgress
from models.tenant import ApiKey, LinkPurpose, Membership, OneTimeLink, Role, Tenant, User, WebSession
from models.turn import FailedAttempt, Rehearsal, RehearsalState, Turn, TurnState
from models.waiting import MessageWait
from models.webhook import (
    DeliveryState,
    Replay,
    ReplayedDelivery,
    ReplayKind,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookRefusal,
)

metadata = Base.metadata

__all__ = [
    "ActionGrant",
    "ActionRun",
    "ActionRunState",
    "Agent",
    "AgentLimit",
    "AgentStatus",
    "ApiKey",
    "Attachment",
    "AuditEntry",
    "Author",
    "Base",
    "Calendar",
    "CalendarEvent",
    "CauseClass",
    "ChannelListing",
    "ChannelMode",
    "ChannelPolicy",
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
    "EmailDomain",
    "EmailEnvelope",
    "EmailSender",
    "Ending",
    "EventStatus",
    "Excess",
    "FailedAttempt",
    "GrantMode",
    "HealthFinding",
    "HealthNotice",
    "KeyHolder",
    "KeyRing",
    "KeyRotation",
    "LimitAlarm",
    "LimitGroup",
    "LimitSpan",
    "LinkPurpose",
    "Membership",
    "Message",
    "MessageState",
    "MessageWait",
    "NoticeKind",
    "NoticeState",
    "NoticeTarget",
    "OAuthAttempt",
    "OneTimeLink",
    "OptOut",
    "PhoneNumber",
    "PlaybookEntry",
    "ProviderApp",
    "Reconciliation",
    "Rehearsal",
    "RehearsalState",
    "Replay",
    "ReplayKind",
    "ReplayedDelivery",
    "Role",
    "RotationState",
    "Subscription",
    "SubscriptionState",
    "Tally",
    "TallyChange",
    "TallyProgress",
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
