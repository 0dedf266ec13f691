"""The catalogue: what works, installed first, found by words and category."""

import pytest

from services.catalogue import list_catalogue
from services.connections import connect_with_keys
from services.kernel.kernel import Kernel
from services.provider_kit import registry
from tests.integration.connections.scene import Browser
from tests.support.sandbox import SandboxClient


def test_installed_services_come_first_and_say_how_far_they_are_proven(
    kernel: Kernel, owner: Browser, stranger: Browser, sandbox: SandboxClient
) -> None:
    account = sandbox.identities.twilio
    values = {"account_sid": account.account_sid, "auth_token": account.auth_token}
    connect_with_keys(kernel, actor=owner.actor, provider="twilio", scheme_id="keys", agent_id=None, values=values)
    view = list_catalogue(kernel, actor=owner.actor)
    twilio = view.entries[0]

    assert all(entry.can_connect and not entry.missing for entry in view.entries)
    assert view.total == len(view.entries) == len(registry.list_manifests())
    assert (twilio.slug, twilio.connection_count, twilio.logo) == ("twilio", 1, "/providers/twilio.svg")
    assert (twilio.tier, twilio.next_tier) == ("silver", "gold")
    assert twilio.reasons == (
        "Payloads follow Twilio's documentation; replace them by captured ones after a live run.",
    )
    assert {rule.status for rule in twilio.rules} == {"done", "todo", "exempt"}
    assert "Sends your agent's answers" in twilio.capabilities
    assert "<strong>Account SID</strong>" in twilio.setup_guide
    assert [entry.connection_count for entry in list_catalogue(kernel, actor=stranger.actor).entries] == [
        0
    ] * view.total


@pytest.mark.parametrize(
    ("query", "category", "found"),
    [
        ("", "", [manifest.slug for manifest in registry.list_manifests()]),
        ("calendar", "", ["google_calendar"]),
        ("TEXT mess", "", ["twilio"]),
        ("  sla  ", "", ["slack"]),
        ("", "phone", ["twilio"]),
        ("slack", "phone", []),
        ("", "no such category", []),
        ("%_'\"\\", "", []),
    ],
)
def test_words_and_category_narrow_the_list_and_the_other_categories_stay_in_sight(
    kernel: Kernel, owner: Browser, query: str, category: str, found: list[str]
) -> None:
    view = list_catalogue(kernel, actor=owner.actor, query=query, category=category)

    assert [entry.slug for entry in view.entries] == found
    assert view.total == len(registry.list_manifests())
    if query == "slack":
        assert {item.slug: item.count for item in view.categories if item.count} == {"messaging": 1}
        assert {"calendar", "phone"} <= {item.slug for item in view.categories}
