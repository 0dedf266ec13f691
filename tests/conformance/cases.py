"""The providers and payloads that the suite runs over."""

from collections.abc import Callable
from typing import Literal, TypeVar

import pytest

from services.provider_kit import registry
from services.provider_kit.contract import Capability
from tests.providers.harness import (
    CalendarWire,
    ChannelsWire,
    DirectoryWire,
    DomainsWire,
    InboxWire,
    MessagingWire,
    OAuthWire,
    ReconcileWire,
    RevokeWire,
    WebhookWire,
    load_payloads,
    load_wire,
)

PartT = TypeVar("PartT")

SLUGS = [manifest.slug for manifest in registry.list_manifests()]
PAYLOADS = [payload for slug in SLUGS for payload in load_payloads(slug)]


def slugs_with(capability: Capability) -> list[str]:
    """Return the providers that have a capability."""
    return [slug for slug in SLUGS if capability in registry.get_manifest(slug).capabilities]


def slugs_that_sign(what: Literal["body", "time", "url"]) -> list[str]:
    """Return the providers whose signature covers that part of a request."""
    wires = {slug: webhook_wire(slug) for slug in slugs_with(Capability.WEBHOOKS)}
    covers: dict[str, Callable[[WebhookWire], bool]] = {
        "body": lambda wire: wire.signs_body,
        "time": lambda wire: wire.timestamped,
        "url": lambda wire: wire.signs_url,
    }
    return [slug for slug, wire in wires.items() if covers[what](wire)]


def webhook_wire(slug: str) -> WebhookWire:
    """Return the part of ``wire.py`` that a provider with webhooks must have."""
    return _required(load_wire(slug).webhooks, slug, "webhooks")


def messaging_wire(slug: str) -> MessagingWire:
    """Return the part of ``wire.py`` that a provider with messaging must have."""
    return _required(load_wire(slug).messaging, slug, "messaging")


def channels_wire(slug: str) -> ChannelsWire:
    """Return the part of ``wire.py`` that a provider with channels must have."""
    return _required(load_wire(slug).channels, slug, "channels")


def directory_wire(slug: str) -> DirectoryWire:
    """Return the part of ``wire.py`` that a provider with a directory must have."""
    return _required(load_wire(slug).directory, slug, "directory")


def revoke_wire(slug: str) -> RevokeWire:
    """Return the part of ``wire.py`` that a provider whose access can be given back must have."""
    return _required(load_wire(slug).revoke, slug, "revoke")


def calendar_wire(slug: str) -> CalendarWire:
    """Return the part of ``wire.py`` that a provider with a calendar must have."""
    return _required(load_wire(slug).calendar, slug, "calendar")


def inbox_wire(slug: str) -> InboxWire:
    """Return the part of ``wire.py`` that a provider with an inbox must have."""
    return _required(load_wire(slug).inbox, slug, "inbox")


def domains_wire(slug: str) -> DomainsWire:
    """Return the part of ``wire.py`` that a provider with domains must have."""
    return _required(load_wire(slug).domains, slug, "domains")


def reconcile_wire(slug: str) -> ReconcileWire:
    """Return the part of ``wire.py`` that a provider whose missed webhooks can be listed must have."""
    return _required(load_wire(slug).reconcile, slug, "reconcile")


def oauth_wire(slug: str) -> OAuthWire:
    """Return the part of ``wire.py`` that a provider with OAuth must have."""
    return _required(load_wire(slug).oauth, slug, "oauth")


def _required(part: PartT | None, slug: str, name: str) -> PartT:
    assert part is not None, f"tests/providers/{slug}/wire.py must fill in “{name}”"
    return part


every_provider = pytest.mark.parametrize("slug", SLUGS)
every_receiver = pytest.mark.parametrize("slug", slugs_with(Capability.WEBHOOKS))
every_sender = pytest.mark.parametrize("slug", slugs_with(Capability.MESSAGING))
every_channel_list = pytest.mark.parametrize("slug", slugs_with(Capability.CHANNELS))
every_directory = pytest.mark.parametrize("slug", slugs_with(Capability.DIRECTORY))
every_revocation = pytest.mark.parametrize("slug", slugs_with(Capability.REVOKE))
every_calendar = pytest.mark.parametrize("slug", slugs_with(Capability.CALENDAR))
every_inbox = pytest.mark.parametrize("slug", slugs_with(Capability.INBOX))
every_domain_list = pytest.mark.parametrize("slug", slugs_with(Capability.DOMAINS))
every_missed_list = pytest.mark.parametrize("slug", slugs_with(Capability.RECONCILE))
every_oauth = pytest.mark.parametrize("slug", [slug for slug in SLUGS if registry.get_manifest(slug).oauth])
every_body_signer = pytest.mark.parametrize("slug", slugs_that_sign("body"))
every_time_signer = pytest.mark.parametrize("slug", slugs_that_sign("time"))
every_url_signer = pytest.mark.parametrize("slug", slugs_that_sign("url"))
every_account_payload = pytest.mark.parametrize(
    "payload",
    [payload for payload in PAYLOADS if not webhook_wire(payload.slug).subscription_id],
    ids=lambda payload: payload.name,
)
every_payload = pytest.mark.parametrize("payload", PAYLOADS, ids=[payload.name for payload in PAYLOADS])
