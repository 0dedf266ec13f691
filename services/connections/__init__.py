"""Connections: connect, test, disconnect, and keep their state true."""

from services.connections.catalogue import available_providers
from services.connections.causes import cause_of
from services.connections.clients import (
    find_connections_for_account,
    find_operator_app,
    open_client,
    operator_secrets,
    provider_context,
    webhook_secrets,
    webhook_url,
    webhook_urls,
)
from services.connections.life import WORKING, change_status
from services.connections.notes import note_event, note_failure, note_revoked, note_success
from services.connections.oauth import begin_oauth, callback_url, finish_oauth, refusal_message
from services.connections.repository import RECEIVING, WAITS_FOR_CONNECTION
from services.connections.service import (
    assign_number,
    connect_with_keys,
    disconnect,
    get_connection,
    list_connections,
    sync_numbers,
    test_connection,
)
from services.connections.views import (
    CheckView,
    ConnectionView,
    CredentialHint,
    FieldView,
    OAuthOutcome,
    PhoneNumberView,
    ProviderCardView,
    RefusalView,
    SchemeView,
    ScopeView,
    WebhookUrlView,
)

__all__ = [
    "RECEIVING",
    "WAITS_FOR_CONNECTION",
    "WORKING",
    "CheckView",
    "ConnectionView",
    "CredentialHint",
    "FieldView",
    "OAuthOutcome",
    "PhoneNumberView",
    "ProviderCardView",
    "RefusalView",
    "SchemeView",
    "ScopeView",
    "WebhookUrlView",
    "assign_number",
    "available_providers",
    "begin_oauth",
    "callback_url",
    "cause_of",
    "change_status",
    "connect_with_keys",
    "disconnect",
    "find_connections_for_account",
    "find_operator_app",
    "finish_oauth",
    "get_connection",
    "list_connections",
    "note_event",
    "note_failure",
    "note_revoked",
    "note_success",
    "open_client",
    "operator_secrets",
    "provider_context",
    "refusal_message",
    "sync_numbers",
    "test_connection",
    "webhook_secrets",
    "webhook_url",
    "webhook_urls",
]
