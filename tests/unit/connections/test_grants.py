"""The two OAuth requests, byte by byte."""

import base64
import hashlib
import string
from dataclasses import replace
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from services.connections.clients import addresses
from services.connections.grants import AppAtProvider, build_consent_url, exchange_code, issuer_of, renew_token
from services.connections.oauth_reply import REFUSALS, refusal_message
from services.kernel.errors import ConfigurationError, NeedsReauth, Refused, RetryLater
from services.kernel.http import OutboundClient
from services.kernel.secret import Secret
from services.kernel.settings import Settings
from services.provider_kit import registry
from services.provider_kit.auth import OAuth2
from tests.support.listener import Listener, answering, http_answer, listening

REDIRECT_URI = "https://patchbay.example/api/admin/ai-agents/integrations/slack/oauth/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""The example of RFC 7636, appendix B."""


def place(
    *, base_url: str = "https://provider.example", pkce: bool = True, auth: str = "client_secret_post"
) -> AppAtProvider:
    return AppAtProvider(
        manifest=registry.get_manifest("slack"),
        scheme=OAuth2(label="Connect", scope_separator=",", token_auth_method=auth),
        client_id="1.2",
        client_secret=Secret("s&cret =%"),
        urls={"authorize": f"{base_url}/authorize?v=2", "token": f"{base_url}/token"},
    )


def test_the_consent_address_carries_what_the_standard_asks_for() -> None:
    url = build_consent_url(place(), redirect_uri=REDIRECT_URI, state=Secret("the-state"), verifier=Secret(VERIFIER))
    assert url.startswith("https://provider.example/authorize?v=2&")
    query = parse_qs(urlsplit(url).query)
    assert query["response_type"] == ["code"]
    assert query["client_id"] == ["1.2"]
    assert query["redirect_uri"] == [REDIRECT_URI]
    assert query["state"] == ["the-state"]
    assert query["code_challenge"] == [CHALLENGE]
    assert query["code_challenge_method"] == ["S256"]
    assert "client_secret" not in query
    assert VERIFIER not in str(query)


def test_without_a_verifier_there_is_no_challenge() -> None:
    url = build_consent_url(place(), redirect_uri=REDIRECT_URI, state=Secret("s"), verifier=Secret(""))
    assert "code_challenge" not in url


def test_the_challenge_is_the_hash_of_the_verifier() -> None:
    digest = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    assert digest == CHALLENGE
    assert set(VERIFIER) <= set(string.ascii_letters + string.digits + "-._~")


def exchange(server: Listener, *, auth: str = "client_secret_post") -> dict[str, object]:
    http = OutboundClient(allow_loopback=True, deadline_seconds=1)
    try:
        return exchange_code(
            http,
            place(base_url=server.url("").rstrip("/"), auth=auth),
            code=Secret("c&de=1"),
            redirect_uri=REDIRECT_URI,
            verifier=Secret(VERIFIER),
        )
    finally:
        http.close()


def sent(server: Listener) -> tuple[str, dict[str, str]]:
    """Return the head and the form of the one request."""
    [request] = server.requests
    head, _, body = request.decode().partition("\r\n\r\n")
    return head, dict(parse_qsl(body, strict_parsing=True))


def test_the_token_request_carries_what_the_standard_asks_for() -> None:
    with listening(answering(http_answer(b'{"access_token":"t"}'))) as server:
        assert exchange(server) == {"access_token": "t"}
        head, form = sent(server)
    assert head.startswith("POST /token HTTP/1.1\r\n")
    assert form == {
        "grant_type": "authorization_code",
        "code": "c&de=1",
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
        "client_id": "1.2",
        "client_secret": "s&cret =%",
    }


def test_the_secret_travels_in_a_header_where_the_provider_wants_it_there() -> None:
    with listening(answering(http_answer(b'{"access_token":"t"}'))) as server:
        exchange(server, auth="client_secret_basic")
        head, form = sent(server)
    assert "client_secret" not in form
    encoded = next(line for line in head.split("\r\n") if line.lower().startswith("authorization:")).split()[-1]
    assert base64.b64decode(encoded).decode() == "1.2:s&cret =%"


@pytest.mark.parametrize(
    "answer",
    [
        http_answer(b'{"error":"invalid_grant"}', status="400 Bad Request"),
        http_answer(b'{"error":"invalid_client"}', status="401 Unauthorized"),
        http_answer(b"<html>canary</html>"),
        http_answer(b"[]"),
        http_answer(b""),
        http_answer(b'{"access_token":"a","access_token":"b"}'),
        http_answer(b"", status="302 Found", headers={"Location": "http://127.0.0.1:1/elsewhere"}),
    ],
)
def test_refusals_and_nonsense_are_refused(answer: bytes) -> None:
    with listening(answering(answer)) as server, pytest.raises(Refused) as caught:
        exchange(server)
    assert caught.value.code == "exchange_refused"
    assert "canary" not in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["429 Too Many Requests", "500 Internal Server Error", "503 Service Unavailable"])
def test_a_busy_provider_is_asked_again_later(status: str) -> None:
    with listening(answering(http_answer(b"{}", status=status))) as server, pytest.raises(RetryLater):
        exchange(server)


def test_the_token_request_has_a_deadline() -> None:
    with listening(lambda peer: (peer.read_request(), peer.hang())[-1]) as server, pytest.raises(RetryLater):
        exchange(server)


def renew(server: Listener) -> dict[str, object]:
    http = OutboundClient(allow_loopback=True, deadline_seconds=1)
    try:
        return renew_token(http, place(base_url=server.url("").rstrip("/")), refresh_token=Secret("r&fresh=1"))
    finally:
        http.close()


def test_the_renewal_carries_what_the_standard_asks_for() -> None:
    with listening(answering(http_answer(b'{"access_token":"t"}'))) as server:
        assert renew(server) == {"access_token": "t"}
        head, form = sent(server)
    assert head.startswith("POST /token HTTP/1.1\r\n")
    assert form == {
        "grant_type": "refresh_token",
        "refresh_token": "r&fresh=1",
        "client_id": "1.2",
        "client_secret": "s&cret =%",
    }


@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        ("400 Bad Request", b'{"error":"invalid_grant"}', NeedsReauth, "invalid_grant"),
        ("401 Unauthorized", b'{"error":"invalid_grant"}', NeedsReauth, "invalid_grant"),
        ("401 Unauthorized", b'{"error":"invalid_client"}', Refused, "app_refused"),
        ("400 Bad Request", b'{"error":"unauthorized_client"}', Refused, "app_refused"),
        ("400 Bad Request", b'{"error":"temporarily_unavailable"}', RetryLater, "unavailable"),
        ("400 Bad Request", b'{"error":["invalid_grant"]}', Refused, "refresh_refused"),
        ("400 Bad Request", b'{"error":"invalid_request"}', Refused, "refresh_refused"),
        ("403 Forbidden", b"<html>canary</html>", Refused, "refresh_refused"),
        ("429 Too Many Requests", b'{"error":"invalid_grant"}', RetryLater, "rate_limited"),
        ("503 Service Unavailable", b'{"error":"invalid_grant"}', RetryLater, "unavailable"),
        ("200 OK", b"<html>canary</html>", RetryLater, "unavailable"),
        ("200 OK", b"", RetryLater, "unavailable"),
    ],
)
def test_only_invalid_grant_ends_a_grant(status: str, body: bytes, error: type[Exception], code: str) -> None:
    with listening(answering(http_answer(body, status=status))) as server, pytest.raises(error) as caught:
        renew(server)
    assert type(caught.value) is error
    assert getattr(caught.value, "code", "") == code
    assert "canary" not in str(caught.value)
    assert len(server.requests) == 1


def test_an_issuer_is_declared_or_the_origin_of_the_consent_page() -> None:
    found = place(base_url="https://provider.example:8443")
    assert issuer_of(found.scheme, found.urls) == "https://provider.example:8443"
    assert issuer_of(found.scheme, {**found.urls, "issuer": "https://id.example"}) == "https://id.example"


def test_addresses_with_a_user_name_are_refused() -> None:
    manifest = registry.get_manifest("slack")
    settings = Settings(provider_urls={"slack_token": "https://slack.com@evil.example/token"})
    with pytest.raises(ConfigurationError, match="PATCHBAY_SLACK_TOKEN_URL"):
        addresses(settings, manifest)


def test_every_refusal_has_its_own_sentence() -> None:
    sentences = [refusal_message(code, provider="slack") for code in REFUSALS]
    assert len(set(sentences)) == len(sentences)
    assert all("{" not in sentence and sentence.endswith(".") for sentence in sentences)


@pytest.mark.parametrize("code", ["<script>", "", "nothing"])
def test_an_unknown_code_gets_a_general_sentence(code: str) -> None:
    assert refusal_message(code, provider="slack") == "Slack was not connected. Start again."
    assert refusal_message(code, provider=code) == "The connection was not finished. Start again."


def test_an_attempt_cannot_be_shown_by_accident() -> None:
    shown = repr(replace(place(), urls={}))
    assert "s&cret" not in shown
