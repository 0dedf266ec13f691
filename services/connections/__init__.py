"""Connections: connect, test, disconnect, and keep their state true."""

from services.connections.app_guide import describe_app
from services.connections.apps import create_app, delete_app, list_apps, update_app
from services.connections.calling import call_noted
from services.connections.catalogue import available_providers
from services.connections.causes import cause_of, is_about_connection
from services.connections.checks import check_connection, test_connection
from services.connections.circuit import CallWait, give_back_probe, hold_back, note_busy, wait_for_call
from services.connections.circuit_repository import WAITS_FOR_PROVIDER, database_time
from services.connections.clients import (
    RENEWED,
    TokenRunOut,
    find_connections_for_account,
    find_operator_app,
    open_client,
    operator_secrets,
    provider_context,
    webhook_secrets,
    webhook_url,
    webhook_urls,
)
from services.connections.consequences import preview_disconnect
from services.connections.ending import delete_connection, disconnect, end_connection
from services.connections.life import WORKING, change_status, list_transitions
from services.connections.notes import note_event, note_failure, note_revoked, note_success
from services.connections.numbers import assign_number, sync_numbers
from services.connections.oauth import begin_oauth, begin_reconnect, callback_url
from services.connections.oauth_callback import describe_refusal, finish_oauth
from services.connections.oauth_reply import refusal_message
from services.connections.preparing import store_domains
from services.connections.reading import get_connection, get_open_row, get_row, list_connections
from services.connections.refresh import fresh_secrets, keep_fresh, refresh_connection, with_fresh_token
from services.connections.repository import RECEIVING, WAITS_FOR_CONNECTION
from services.connections.service import connect_with_keys, plan_reconnect, reconnect_with_keys
from services.connections.upkeep import AgentChoice, ConnectionChanges, pause, resume, update_settings
from services.connections.views import (
    AppGuideView,
    AppManifestView,
    AppPartView,
    CheckView,
    ConnectionView,
    Consequences,
    CredentialHint,
    Deleted,
    Disconnected,
    FieldView,
    OAuthOutcome,
    PhoneNumberView,
    ProviderAppView,
    ProviderCardView,
    ReconnectView,
    RefusalView,
    RevocationView,
    SchemeView,
    ScopeView,
    TransitionView,
    UsageView,
    WebhookUrlView,
)

__all__ = [
    "RECEIVING",
    "RENEWED",
    "WAITS_FOR_CONNECTION",
    "WAITS_FOR_PROVIDER",
    "WORKING",
    "AgentChoice",
    "AppGuideView",
    "AppManifestView",
    "AppPartView",
    "CallWait",
    "CheckView",
    "ConnectionChanges",
    "ConnectionView",
    "Consequences",
    "CredentialHint",
    "Deleted",
    "Disconnected",
    "FieldView",
    "OAuthOutcome",
    "PhoneNumberView",
    "ProviderAppView",
    "ProviderCardView",
    "ReconnectView",
    "RefusalView",
    "RevocationView",
    "SchemeView",
    "ScopeView",
    "TokenRunOut",
    "TransitionView",
    "UsageView",
    "WebhookUrlView",
    "assign_number",
    "available_providers",
    "begin_oauth",
    "begin_reconnect",
    "call_noted",
    "callback_url",
    "cause_of",
    "change_status",
    "check_connection",
    "connect_with_keys",
    "create_app",
    "database_time",
    "delete_app",
    "delete_connection",
    "describe_app",
    "describe_refusal",
    "disconnect",
    "end_connection",
    "find_connections_for_account",
    "find_operator_app",
    "finish_oauth",
    "fresh_secrets",
    "get_connection",
    "get_open_row",
    "get_row",
    "give_back_probe",
    "hold_back",
    "is_about_connection",
    "keep_fresh",
    "list_apps",
    "list_connections",
    "list_transitions",
    "note_busy",
    "note_event",
    "note_failure",
    "note_revoked",
    "note_success",
    "open_client",
    "operator_secrets",
    "pause",
    "plan_reconnect",
    "preview_disconnect",
    "provider_context",
    "reconnect_with_keys",
    "refresh_connection",
    "refusal_message",
    "resume",
    "store_domains",
    "sync_numbers",
    "test_connection",
    "update_app",
    "update_settings",
    "wait_for_call",
    "webhook_secrets",
    "webhook_url",
    "webhook_urls",
    "with_fresh_token",
]
