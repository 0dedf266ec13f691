"""Calls to Resend: each tenant's own key, and what every error means."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
import resend

from services.kernel.errors import NeedsReauth, PatchbayError, Refused, RetryLater
from services.kernel.http import OutboundClient
from services.kernel.secret import Secret
from services.provider_kit.contract import ProviderContext
from services.providers.resend.client import ResendClient, build_client, verify_credentials
from services.providers.resend.schemas import DomainPage
from tests.providers.harness import Reply, WireServer, build_context, json_reply, wire_server
from tests.providers.resend.wire import DOMAIN, DOMAIN_ID, domain, domains, refusal

ROUNDS = 25


def context(server: WireServer, *, key: str, name: str = "") -> ProviderContext:
    """Return a tenant's context."""
    return ProviderContext(
        http=OutboundClient(allow_loopback=True, deadline_seconds=5),
        urls={"api": server.url},
        secrets={"api_key": Secret(key)},
        settings={"domain": name},
        public_url="https://patchbay.example",
    )


def open_client(server: WireServer, name: str = "") -> ResendClient:
    """Return a client for a domain."""
    return build_client(context(server, key="re_abcdefgh12345678", name=name))


def failure(reply: Reply) -> PatchbayError:
    """Return what an answer is raised as."""
    with wire_server(reply) as server, pytest.raises(PatchbayError) as caught:
        verify_credentials(open_client(server))
    return caught.value


def test_two_tenants_at_once_each_use_their_own_key_and_address() -> None:
    tenants = ("northwind", "harborstudio")
    barrier = threading.Barrier(len(tenants))
    found: dict[str, list[str]] = {name: [] for name in tenants}

    def work(name: str, server: WireServer) -> None:
        client = build_client(context(server, key=f"re_{name}_key"))
        for _ in range(ROUNDS):
            barrier.wait()
            found[name].append(verify_credentials(client).id)

    with (
        wire_server(domains(domain("northwind.example"))) as first,
        wire_server(domains(domain("harborstudio.example"))) as second,
    ):
        servers = dict(zip(tenants, (first, second), strict=True))
        threads = [threading.Thread(target=work, args=item) for item in servers.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name, server in servers.items():
            assert found[name] == [f"{name}.example"] * ROUNDS
            assert {call.headers["authorization"] for call in server.calls} == {f"Bearer re_{name}_key"}
            assert len(server.calls) == ROUNDS


def test_no_secret_and_no_address_is_ever_in_the_sdk_s_globals() -> None:
    seen: list[object] = []

    def look() -> object:
        seen.extend((resend.api_key, resend.api_url))
        return resend.Domains.list()

    with wire_server(domains(domain())) as server:
        client = open_client(server)
        assert verify_credentials(client).id == DOMAIN
        client.call(DomainPage, look)
    assert seen == [None, "https://resend.invalid"]


def test_outside_of_a_call_the_sdk_reaches_nobody() -> None:
    with pytest.raises(Exception, match="without a client"):
        resend.Domains.list()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("", DOMAIN), (DOMAIN, DOMAIN), ("News.Northwind.example", "news.northwind.example")],
)
def test_the_account_is_the_domain(name: str, expected: str) -> None:
    listed = domains(
        domain("pending.example", status="pending", id="a"),
        domain("Northwind.example"),
        domain("news.northwind.example", status="pending", id="b"),
    )
    with wire_server(listed) as server:
        account = verify_credentials(open_client(server, name))

    assert (account.id, account.name) == (expected, expected)
    assert account.details["domain"] == expected and account.details["region"] == "eu-west-1"
    if expected == DOMAIN:
        assert account.details["domain_id"] == DOMAIN_ID


def test_a_domain_on_a_later_page_is_found() -> None:
    with wire_server(domains(domain(id="a"), has_more=True), domains(domain("late.example"))) as server:
        assert verify_credentials(open_client(server, "late.example")).id == "late.example"
        assert server.calls[1].query["after"] == "a"


@pytest.mark.parametrize(("name", "code"), [("", "no_verified_domain"), ("other.example", "unknown_domain")])
def test_a_domain_that_cannot_be_used_is_refused(name: str, code: str) -> None:
    with wire_server(domains(domain(status="pending"))) as server, pytest.raises(Refused) as caught:
        verify_credentials(open_client(server, name))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (refusal(401, "validation_error", "API key is invalid"), NeedsReauth, "needs_reauth"),
        (refusal(400, "validation_error", "API key is invalid"), NeedsReauth, "needs_reauth"),
        (refusal(403, "invalid_api_key", "API key is invalid."), NeedsReauth, "needs_reauth"),
        (refusal(401, "missing_api_key", "Missing API key"), NeedsReauth, "needs_reauth"),
        (refusal(401, "restricted_api_key", "Only to send"), Refused, "restricted_api_key"),
        (refusal(403, "validation_error", "The x.example domain is not verified."), Refused, "domain_not_verified"),
        (refusal(403, "something_new", "No."), Refused, "something_new"),
        (refusal(404, "not_found", "Email not found"), Refused, "not_found"),
        (refusal(409, "concurrent_idempotent_requests", "In progress"), RetryLater, "concurrent_idempotent_requests"),
        (refusal(429, "daily_quota_exceeded", "Daily"), RetryLater, "daily_quota_exceeded"),
        (refusal(429, "rate_limit_exceeded", "Slow"), RetryLater, "rate_limit_exceeded"),
        (refusal(451, "security_error", "Risk"), Refused, "security_error"),
        (refusal(500, "application_error", "Broken"), RetryLater, "unavailable"),
        (Reply(status=403, body=b"error code: 1010"), Refused, "forbidden"),
        (json_reply({"object": "list"}), RetryLater, "unexpected_answer"),
    ],
)
def test_an_error_means_what_the_documentation_says(reply: Reply, kind: type[PatchbayError], code: str) -> None:
    error = failure(reply)

    assert type(error) is kind and error.code == code and error.provider == "resend"


def test_only_what_may_have_happened_is_ambiguous() -> None:
    def ambiguous(reply: Reply) -> bool:
        error = failure(reply)
        return isinstance(error, RetryLater) and error.ambiguous

    assert ambiguous(refusal(409, "concurrent_idempotent_requests", "In progress"))
    assert ambiguous(refusal(500, "internal_server_error", "Broken"))
    assert not ambiguous(refusal(429, "daily_quota_exceeded", "Daily"))


@pytest.mark.parametrize(
    ("headers", "name", "after"),
    [
        ({"Retry-After": "3"}, "rate_limit_exceeded", timedelta(seconds=3)),
        ({"ratelimit-reset": "2"}, "rate_limit_exceeded", timedelta(seconds=2)),
        ({}, "rate_limit_exceeded", None),
        ({"ratelimit-reset": "1"}, "daily_quota_exceeded", timedelta(hours=1)),
    ],
)
def test_the_wait_is_read_from_either_header(headers: dict[str, str], name: str, after: timedelta | None) -> None:
    error = failure(json_reply({"statusCode": 429, "name": name, "message": "…"}, status=429, headers=headers))

    assert isinstance(error, RetryLater) and error.after == after and not error.ambiguous


def test_resend_s_words_are_quoted_without_addresses_and_keys() -> None:
    error = failure(
        refusal(422, "validation_error", "Invalid `to`\n field: <mia@harbor.example> re_abc_123 " + "x" * 400)
    )

    assert "Invalid `to` field" in error.message
    assert "mia" not in error.message and "re_abc" not in error.message
    assert len(error.message) < 260 and "\n" not in error.message


def test_a_download_carries_no_key() -> None:
    with wire_server(Reply(body=b"%PDF")) as server:
        client = build_client(build_context("resend", server.url))
        assert client.download(f"{server.url}/cdn/plan.pdf?signature=x", max_bytes=10) == b"%PDF"
        assert "authorization" not in server.calls[0].headers
        with pytest.raises(Refused) as caught:
            client.download(f"{server.url}/cdn/plan.pdf", max_bytes=3)
    assert caught.value.code == "answer_too_large"


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"ratelimit-remaining": "0", "ratelimit-reset": "2"}, timedelta(seconds=2)),
        ({"ratelimit-remaining": "1", "ratelimit-reset": "2"}, None),
        ({"ratelimit-remaining": "0"}, None),
        ({}, None),
    ],
)
def test_the_last_request_of_a_rate_asks_for_a_pause(headers: dict[str, str], pause: timedelta | None) -> None:
    with wire_server(replace(domains(domain()), headers=headers)) as server:
        client = open_client(server)
        verify_credentials(client)

    assert client.pause == pause
