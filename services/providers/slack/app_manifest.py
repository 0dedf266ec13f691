"""The Slack app that a tenant registers for itself, as a manifest that Slack reads.

https://docs.slack.dev/reference/app-manifest (read 2026-11-20)
"""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from services.provider_kit.contract import AppManifest, AppManifestPart, AppManifestRequest
from services.providers.slack.manifest import MANIFEST

VERSION = 3
"""Goes up with every change of what the app asks for; :data:`_SINCE` says what came when."""

_CREATE_URL = "https://api.slack.com/apps"
_EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "message.im": "To hear direct messages to the agent.",
        "message.channels": "To hear all messages of a public channel, where you choose that.",
        "message.groups": "To hear all messages of a private channel, where you choose that.",
        "app_mention": "To hear when somebody mentions the agent in a channel.",
        "app_uninstalled": "To know at once when the app is removed from the workspace.",
        "tokens_revoked": "To know at once when the access is taken back.",
    }
)
_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "bot_user": "The agent's name and face in Slack.",
        "app_home.messages_tab": "To let people write to the agent directly.",
    }
)
_SINCE: Mapping[str, int] = MappingProxyType(
    {
        "users:read": 2,
        "mpim:history": 2,
        "channels:read": 3,
        "groups:read": 3,
        "message.channels": 3,
        "message.groups": 3,
    }
)
"""In which version a part came, if not in the first."""
_LONGEST_NAME = 35
_COLOUR = "#1f6f5c"


def build_app_manifest(request: AppManifestRequest) -> AppManifest:
    """Return the newest manifest for these addresses."""
    document = _document(request)
    query = urlencode({"new_app": "1", "manifest_json": json.dumps(document, separators=(",", ":"))})
    return AppManifest(version=VERSION, document=document, create_url=f"{_CREATE_URL}?{query}")


def list_parts(version: int) -> Sequence[AppManifestPart]:
    """Return what the app of a version asks for; nothing for a version that never was."""
    if not 1 <= version <= VERSION:
        return ()
    parts = (
        *(AppManifestPart(kind="scope", name=scope.name, reason=scope.reason) for scope in MANIFEST.scopes),
        *(AppManifestPart(kind="event", name=name, reason=reason) for name, reason in _EVENTS.items()),
        *(AppManifestPart(kind="setting", name=name, reason=reason) for name, reason in _SETTINGS.items()),
    )
    return tuple(part for part in parts if _SINCE.get(part.name, 1) <= version)


def _document(request: AppManifestRequest) -> dict[str, Any]:
    name = request.name[:_LONGEST_NAME]
    settings: dict[str, Any] = {
        "event_subscriptions": {"request_url": request.webhook_urls["events"], "bot_events": list(_EVENTS)},
        "org_deploy_enabled": False,
        "socket_mode_enabled": False,
        # Turning it on cannot be undone, and a token that is copied by hand would then end after 12 hours.
        "token_rotation_enabled": False,
    }
    if "interactions" in request.webhook_urls:
        settings["interactivity"] = {"is_enabled": True, "request_url": request.webhook_urls["interactions"]}
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": name,
            "description": MANIFEST.summary,
            "background_color": _COLOUR,
        },
        "features": {
            "app_home": {
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": name, "always_online": True},
        },
        "oauth_config": {
            "redirect_urls": [request.redirect_url],
            "scopes": {"bot": [scope.name for scope in MANIFEST.scopes]},
        },
        "settings": settings,
    }
