"""The app manifest that tenants register their own Slack app with."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from services.provider_kit.contract import AppManifest, AppManifestRequest
from services.providers.slack.app_manifest import VERSION, build_app_manifest, list_parts
from services.providers.slack.manifest import MANIFEST

REQUEST = AppManifestRequest(
    name="Bri",
    redirect_url="https://patchbay.example/api/admin/ai-agents/integrations/slack/oauth/callback",
    webhook_urls={"events": "https://patchbay.example/api/ai-agents/webhooks/slack/events"},
)

VERSIONS: dict[int, set[str]] = {
    1: {
        "scope chat:write",
        "scope app_mentions:read",
        "scope im:history",
        "scope channels:history",
        "scope groups:history",
        "event message.im",
        "event app_mention",
        "event app_uninstalled",
        "event tokens_revoked",
        "setting bot_user",
        "setting app_home.messages_tab",
    },
    2: {"scope users:read", "scope mpim:history"},
    3: {"scope channels:read", "scope groups:read", "event message.channels", "event message.groups"},
}
"""What each version added. A version that is out never changes: whoever changes the app adds one."""


def test_versions_that_are_out_never_change() -> None:
    assert set(VERSIONS) == set(range(1, VERSION + 1))
    expected: set[str] = set()
    for version, added in VERSIONS.items():
        expected |= added
        assert {f"{part.kind} {part.name}" for part in list_parts(version)} == expected


@pytest.mark.parametrize("version", [-1, 0, VERSION + 1, 10**9])
def test_versions_that_never_were_have_nothing(version: int) -> None:
    assert list_parts(version) == ()


def test_every_part_has_a_reason() -> None:
    assert all(part.reason.endswith(".") for part in list_parts(VERSION))


def test_the_document_asks_for_what_the_product_uses() -> None:
    document = build(REQUEST).document
    assert document["oauth_config"]["scopes"]["bot"] == [scope.name for scope in MANIFEST.scopes]
    events = document["settings"]["event_subscriptions"]["bot_events"]
    assert {name.partition(".")[0] for name in events} == set(MANIFEST.handled_events) - {"app_rate_limited"}
    assert document["features"]["app_home"]["messages_tab_enabled"] is True
    assert document["settings"]["socket_mode_enabled"] is False


def test_interactivity_is_asked_for_where_the_product_has_an_address_for_it() -> None:
    assert "interactivity" not in build(REQUEST).document["settings"]
    url = "https://patchbay.example/interactions"
    request = AppManifestRequest(
        name="Bri", redirect_url=REQUEST.redirect_url, webhook_urls={**REQUEST.webhook_urls, "interactions": url}
    )
    assert build(request).document["settings"]["interactivity"] == {"is_enabled": True, "request_url": url}


def test_the_link_is_short_enough_and_holds_the_document() -> None:
    built = build(
        AppManifestRequest(name="N" * 80, redirect_url=REQUEST.redirect_url, webhook_urls=REQUEST.webhook_urls)
    )
    assert len(built.create_url) < 2000
    assert len(built.document["display_information"]["name"]) == 35  # Slack's limit
    query = parse_qs(urlsplit(built.create_url).query, strict_parsing=True)
    assert json.loads(query["manifest_json"][0]) == built.document


def test_a_name_cannot_break_out_of_the_link() -> None:
    built = build(
        AppManifestRequest(
            name='"&manifest_json={}#', redirect_url=REQUEST.redirect_url, webhook_urls=REQUEST.webhook_urls
        )
    )
    query = parse_qs(urlsplit(built.create_url).query, strict_parsing=True)
    assert len(query["manifest_json"]) == 1
    assert json.loads(query["manifest_json"][0])["display_information"]["name"] == '"&manifest_json={}#'


def build(request: AppManifestRequest) -> AppManifest:
    """Return the newest manifest."""
    built = build_app_manifest(request)
    assert built.version == VERSION
    return built
