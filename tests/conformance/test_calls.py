"""Calls: every answer of a provider means the same thing to us, and no secret shows in any of them."""

import traceback
from dataclasses import replace

import pytest

from services.kernel.errors import NeedsReauth, Refused, RetryLater
from services.provider_kit import registry
from tests.conformance.cases import (
    channels_wire,
    directory_wire,
    every_channel_list,
    every_directory,
    every_oauth,
    every_provider,
    every_revocation,
    every_sender,
    messaging_wire,
    oauth_wire,
    revoke_wire,
)
from tests.conformance.failures import check_failures, find_failure, open_client
from tests.providers.harness import Call, Reply, build_context, load_wire, webhook_url, wire_server


@every_provider
def test_the_account_behind_the_credential_is_named(slug: str) -> None:
    wire = load_wire(slug)
    with wire_server(wire.verified) as server:
        client = registry.client(slug).build_client(build_context(slug, server.url))
        account = registry.client(slug).verify_credentials(client)

        assert account.id == wire.account_id and account.name
        assert len(server.calls) == 1
        for secret in wire.secrets.values():
            assert secret not in _address(slug, server.calls[0])
            assert secret not in repr(account) + repr(client)


@every_provider
def test_no_secret_is_logged_with_a_call(slug: str, caplog: pytest.LogCaptureFixture) -> None:
    wire = load_wire(slug)
    with caplog.at_level("DEBUG"), wire_server(wire.verified) as server:
        registry.client(slug).verify_credentials(open_client(slug, server.url))

    logged = "\n".join(repr(vars(record)) for record in caplog.records)
    assert "outbound.request.finished" in logged
    assert not [name for name, secret in wire.secrets.items() if secret in logged]


@every_provider
def test_without_a_secret_no_call_is_made(slug: str) -> None:
    with wire_server(load_wire(slug).verified) as server:
        with pytest.raises(NeedsReauth):
            registry.client(slug).build_client(build_context(slug, server.url, secrets={}))
        assert server.calls == []


@every_provider
def test_verification_reads_everyfind_failure(slug: str) -> None:
    def verify(url: str) -> object:
        return registry.client(slug).verify_credentials(registry.client(slug).build_client(build_context(slug, url)))

    check_failures(slug, verify)


@every_sender
def test_a_message_is_sent_once(slug: str) -> None:
    wire = messaging_wire(slug)
    with wire_server(wire.accepted) as server:
        sent = registry.messaging(slug).send_message(open_client(slug, server.url), wire.message)

        assert sent.external_id == wire.external_id
        assert len(server.calls) == 1
        for secret in load_wire(slug).secrets.values():
            assert secret not in repr(sent) + _address(slug, server.calls[0])


@every_sender
def test_sending_reads_everyfind_failure(slug: str) -> None:
    check_failures(
        slug, lambda url: registry.messaging(slug).send_message(open_client(slug, url), messaging_wire(slug).message)
    )


@every_sender
def test_a_refusal_says_what_to_do(slug: str) -> None:
    wire = messaging_wire(slug)
    for code, reply in wire.refusals.items():
        error, calls = find_failure(
            reply, lambda url: registry.messaging(slug).send_message(open_client(slug, url), wire.message)
        )

        assert type(error) is Refused and error.code == code
        assert error.provider == slug and error.message.endswith((".", ")"))
        assert calls == 1


@every_sender
def test_a_text_that_is_too_long_is_not_sent(slug: str) -> None:
    message = replace(messaging_wire(slug).message, text="x" * (registry.get_manifest(slug).message_limit + 1))
    with wire_server(messaging_wire(slug).accepted) as server:
        with pytest.raises(Refused) as caught:
            registry.messaging(slug).send_message(open_client(slug, server.url), message)

        assert caught.value.code == "message_too_long" and server.calls == []


@every_sender
def test_an_interrupted_send_is_looked_up(slug: str) -> None:
    wire, module = messaging_wire(slug), registry.messaging(slug)
    if wire.found is None:
        with wire_server() as server, pytest.raises(Refused):
            module.find_sent(open_client(slug, server.url), wire.message)
        return
    with wire_server(wire.found) as server:
        found = module.find_sent(open_client(slug, server.url), wire.message)
        assert found is not None and found.external_id == wire.external_id
    if wire.not_found is not None:
        with wire_server(wire.not_found) as server:
            assert module.find_sent(open_client(slug, server.url), wire.message) is None
    for reply in (Reply(status=503), Reply(status=429), Reply(drop=True), Reply(body=b"<html>")):
        error, _ = find_failure(reply, lambda url: module.find_sent(open_client(slug, url), wire.message))
        assert isinstance(error, RetryLater)


@every_channel_list
def test_all_channels_are_listed_page_by_page(slug: str) -> None:
    wire = channels_wire(slug)
    with wire_server(*wire.listed) as server:
        channels = registry.channels(slug).list_channels(open_client(slug, server.url))

        assert [channel.address for channel in channels] == list(wire.addresses)
        assert len(server.calls) == len(wire.listed)
        assert all(channel.id for channel in channels)


@every_channel_list
def test_a_channel_is_pointed_at_our_addresses(slug: str) -> None:
    wire, module = channels_wire(slug), registry.channels(slug)
    urls = {kind.name: webhook_url(slug, kind.name) for kind in registry.get_manifest(slug).webhooks}
    with wire_server(wire.listed[0]) as server:
        channel = module.list_channels(open_client(slug, server.url))[0] if len(wire.listed) == 1 else None
    if channel is None:
        with wire_server(*wire.listed) as server:
            channel = module.list_channels(open_client(slug, server.url))[0]
    with wire_server(wire.routed) as server:
        module.route_channel(open_client(slug, server.url), channel, webhook_urls=urls)

        assert [
            url for url in urls.values() if url in server.calls[0].form.values() or url.encode() in server.calls[0].body
        ]


@every_channel_list
def test_listing_reads_everyfind_failure(slug: str) -> None:
    check_failures(slug, lambda url: registry.channels(slug).list_channels(open_client(slug, url)))


@every_directory
def test_a_contact_is_named(slug: str) -> None:
    wire = directory_wire(slug)
    with wire_server(wire.known) as server:
        contact = registry.directory(slug).get_contact(open_client(slug, server.url), wire.contact_id)

    assert (contact.id, contact.name) == (wire.contact_id, wire.name)
    assert wire.contact_id in str(server.calls[0])


@every_directory
def test_naming_reads_everyfind_failure(slug: str) -> None:
    check_failures(slug, lambda url: registry.directory(slug).get_contact(open_client(slug, url), "someone"))


@every_revocation
def test_access_is_given_back_in_one_call(slug: str) -> None:
    wire, module = revoke_wire(slug), registry.revoke(slug)
    with wire_server(wire.revoked) as server:
        outcome = module.revoke(open_client(slug, server.url))

        assert outcome.done and outcome.said.endswith(".")
        assert [call.path.endswith(wire.path) for call in server.calls] == [True]
        for secret in load_wire(slug).secrets.values():
            assert secret not in repr(outcome) + _address(slug, server.calls[0])
    if wire.kept is not None:
        with wire_server(wire.kept) as server:
            kept = module.revoke(open_client(slug, server.url))
        assert not kept.done and kept.said.endswith(".")
    error, _ = find_failure(wire.ended_before, lambda url: module.revoke(open_client(slug, url)))
    assert isinstance(error, NeedsReauth)


@every_revocation
def test_giving_back_reads_everyfind_failure(slug: str) -> None:
    check_failures(slug, lambda url: registry.revoke(slug).revoke(open_client(slug, url)))


@every_oauth
def test_a_grant_names_the_account_and_wraps_the_secrets(slug: str) -> None:
    wire = oauth_wire(slug)
    grant = registry.oauth(slug).read_grant(wire.granted)

    # Where the answer does not say whose it is, verify_credentials does.
    assert grant.account is None or (grant.account.id == load_wire(slug).account_id and grant.account.name)
    assert grant.secrets and all(grant.secrets.values())
    for secret in grant.secrets.values():
        assert secret.reveal() not in repr(grant.account)


@every_oauth
def test_a_token_answer_that_lacks_something_is_refused(slug: str) -> None:
    empty: dict[str, object] = {}
    for answer in (empty, *oauth_wire(slug).refused):
        with pytest.raises(Refused) as caught:
            registry.oauth(slug).read_grant(answer)
        assert "canary" not in "".join(traceback.format_exception(caught.value))


def _address(slug: str, call: Call) -> str:
    """Return the address that was called, without the one secret that the provider itself wants there."""
    wire = load_wire(slug)
    path = call.path.replace(wire.secrets[wire.secret_in_path], "", 1) if wire.secret_in_path else call.path
    return path + str(call.query)
