"""Messages that are announced and then fetched, and the domains that letters are sent from."""

import pytest

from services.kernel.errors import NotFound
from services.provider_kit import registry
from services.provider_kit.contract import Capability, ChannelKind, Ignored, MessageAnnounced, MessageReceived
from tests.conformance.cases import (
    SLUGS,
    domains_wire,
    every_domain_list,
    every_inbox,
    inbox_wire,
)
from tests.conformance.failures import check_failures, open_client
from tests.providers.harness import load_payloads, load_wire, wire_server


@every_inbox
def test_an_announced_message_is_fetched_whole(slug: str) -> None:
    wire = inbox_wire(slug)
    with wire_server(*wire.fetched) as server:
        fetched = registry.inbox(slug).fetch_message(open_client(slug, server.url), wire.announced)

        assert isinstance(fetched, MessageReceived)
        assert (fetched.external_id, fetched.contact.id, fetched.text) == (
            wire.external_id,
            wire.contact_id,
            wire.text,
        )
        assert len(server.calls) == len(wire.fetched)
        for secret in load_wire(slug).secrets.values():
            assert secret not in repr(fetched) + repr([(call.path, call.query) for call in server.calls])
    assert fetched.addressed and fetched.why and fetched.conversation_key
    assert (fetched.email is not None) == (fetched.channel_kind is ChannelKind.EMAIL)
    if wire.announced.addresses:
        assert fetched.channel_id in wire.announced.addresses


@every_inbox
def test_the_same_message_is_fetched_every_time(slug: str) -> None:
    wire = inbox_wire(slug)
    fetched: list[MessageReceived | Ignored] = []
    for _ in range(2):
        with wire_server(*wire.fetched) as server:
            fetched.append(registry.inbox(slug).fetch_message(open_client(slug, server.url), wire.announced))

    assert fetched[0] == fetched[1]


@every_inbox
def test_fetching_reads_every_failure(slug: str) -> None:
    announced = inbox_wire(slug).announced
    check_failures(slug, lambda url: registry.inbox(slug).fetch_message(open_client(slug, url), announced))


@every_inbox
def test_some_payload_announces_a_message(slug: str) -> None:
    module, settings = registry.webhooks(slug), load_wire(slug).settings
    events = [event for payload in load_payloads(slug) for event in module.parse(payload.request, settings=settings)]
    announced = [event for event in events if isinstance(event, MessageAnnounced)]

    assert announced and all(event.external_id for event in announced)
    assert all(address == address.lower() for event in announced for address in event.addresses)


@every_domain_list
def test_domains_are_listed_with_their_records(slug: str) -> None:
    wire = domains_wire(slug)
    with wire_server(*wire.listed) as server:
        domains = registry.domains(slug).list_domains(open_client(slug, server.url))

        assert len(server.calls) == len(wire.listed)
    assert [domain.name for domain in domains] == list(wire.names)
    assert all(domain.id and domain.status and domain.name == domain.name.lower() for domain in domains)
    records = [record for domain in domains for record in domain.records]
    assert records and all(record.type and record.value and record.purpose for record in records)
    check_failures(slug, lambda url: registry.domains(slug).list_domains(open_client(slug, url)))


@every_domain_list
def test_a_domain_is_checked_in_one_call(slug: str) -> None:
    wire = domains_wire(slug)
    with wire_server(wire.checked) as server:
        registry.domains(slug).check_domain(open_client(slug, server.url), wire.domain_id)

        assert len(server.calls) == 1 and wire.domain_id in server.calls[0].path
    check_failures(slug, lambda url: registry.domains(slug).check_domain(open_client(slug, url), wire.domain_id))


def test_a_provider_without_them_says_so() -> None:
    for slug in SLUGS:
        for capability in (Capability.INBOX, Capability.DOMAINS):
            if capability not in registry.get_manifest(slug).capabilities:
                with pytest.raises(NotFound):
                    registry.load(slug, capability)
