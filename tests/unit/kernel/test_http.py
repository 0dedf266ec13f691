"""The outbound client against a hostile wire: loopback servers only, nothing of the client is replaced."""

import gzip
import logging
import os
import ssl
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.kernel.address import is_loopback, is_public, parse_target
from services.kernel.errors import InvalidInput, Refused, RetryLater
from services.kernel.http import OutboundClient, OutboundResponse
from tests.support.listener import Peer, Script, answering, http_answer, listening

CANARY = "canary-7f3a91"

SPELLINGS = [
    # IPv4 as a browser, a shell or a C library may read it
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "127.1", "127.0.1", "127.000.000.001", "127.0.0.1.", "127.0.0.01",
    "2130706433", "2130706433.", "017700000001", "0177.0.0.1", "0177.0.0.01", "00000177.1", "0x7f000001",
    "0x7f.0.0.1", "0x7f.1", "0X7F000001", "0x7f.0x0.0x0.0x1", "0x7f.0.0.0x1", "127.0x1", "0", "0x0", "0.0.0.0",
    "0.0.0.0.", "1.1.1.0x1", "example.0x7f000001", "example.1",
    # IPv6, and IPv4 inside it
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::127.0.0.1]", "[::7f00:1]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:7f00:0001::1]", "[2001::7f00:1]",
    "[2001:4860::5efe:7f00:1]", "[2001:4860::200:5efe:7f00:1]", "[fe80::1]", "[fe80::1%25lo]", "[::1%lo]",
    "[fec0::1]", "[fc00::1]", "[fd00::1]", "[fd00:ec2::254]", "[fd20:ce::254]", "[ff02::1]", "[100::1]",
    "[2001:db8::1]", "[3fff::1]", "[5f00::1]",
    # inside networks, carrier-grade NAT, clouds' metadata
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.100.100.200", "100.127.255.255",
    "169.254.169.254", "169.254.170.2", "168.63.129.16", "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "192.88.99.1",
    # names
    "localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "foo.localhost", "ip6-localhost", "loopback",
    "127.0.0.1.nip.io", "127.0.0.1.nip.io.", "7f000001.nip.io", "localtest.me", "metadata.google.internal",
    "six.example.com", "mapped.example.com", "mixed.example.com", "scoped.example.com", "nonsense.example.com",
    # parsers that disagree
    "example.com@127.0.0.1", "user:pw@127.0.0.1", "@127.0.0.1", "127.0.0.1\\@example.com", "example.com\\@127.0.0.1",
    "127.0.0.1%00.example.com", "127.0.0.1%2eexample.com", "loc%61lhost", "%31%32%37.0.0.1", "127。0。0。1",
    "127\uff0e0\uff0e0\uff0e1", "①②⑦.0.0.1", "\uff11\uff12\uff17.0.0.1", "ⓛocalhost",
    "127.0.0.1 ", " 127.0.0.1", "127.0.0.1\t", "127.0.0.1\n",
    "127.0.0.1\x00", "exa_mple.com", "-example.com", "example..com", ".example.com", "*.example.com", "[127.0.0.1]",
    "[::1", "::1",
]  # fmt: skip

RESOLVED = {
    "127.0.0.1.nip.io": ["127.0.0.1"],
    "7f000001.nip.io": ["127.0.0.1"],
    "localtest.me": ["127.0.0.1", "::1"],
    "localhost": ["127.0.0.1", "::1"],
    "localhost.localdomain": ["127.0.0.1"],
    "foo.localhost": ["::1"],
    "metadata.google.internal": ["169.254.169.254"],
    "six.example.com": ["::1"],
    "mapped.example.com": ["::ffff:127.0.0.1"],
    "mixed.example.com": ["3000::1", "127.0.0.1"],
    "scoped.example.com": ["fe80::1%lo"],
    "nonsense.example.com": ["127.1"],
}


def resolve_for_test(host: str) -> list[str]:
    return RESOLVED.get(host) or ["127.0.0.1"]


def refuse_to_resolve(host: str) -> list[str]:
    raise OSError("no such name")


@pytest.fixture
def client() -> Iterator[OutboundClient]:
    client = OutboundClient(allow_loopback=True, deadline_seconds=5.0)
    yield client
    client.close()


def hurried(**settings: float) -> OutboundClient:
    return OutboundClient(allow_loopback=True, deadline_seconds=settings.get("seconds", 0.3))


def count_connections_when_quiet(url: Callable[[str], str], client: OutboundClient) -> None:
    """Make one permitted call: whatever was connected before it has been accepted by then."""
    assert client.request("GET", url("/last")).status == 200


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_no_spelling_of_an_inside_address_reaches_the_loopback(scheme: str, client: OutboundClient) -> None:
    guarded = OutboundClient(allow_loopback=False, deadline_seconds=1.0, resolve=resolve_for_test)
    assert len(SPELLINGS) >= 60
    with listening(answering(http_answer())) as listener:
        for spelling in SPELLINGS:
            with pytest.raises(Refused) as caught:
                guarded.request("GET", f"{scheme}://{spelling}:{listener.port}/")
            assert caught.value.code in {"address_not_public", "address_invalid", "https_required"}, spelling
        count_connections_when_quiet(listener.url, client)
        assert listener.connections == 1


def test_only_exact_loopback_is_allowed_for_the_sandbox() -> None:
    exact = {"127.0.0.1", "127.0.0.2", "127.255.255.254", "[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]"}
    names = {"localhost", "LOCALHOST", "localhost.localdomain", "foo.localhost", "localtest.me", "127.0.0.1.nip.io"}
    names |= {"7f000001.nip.io", "six.example.com"}
    client = OutboundClient(allow_loopback=True, deadline_seconds=0.2, resolve=resolve_for_test)
    for spelling in set(SPELLINGS) - exact - names:
        with pytest.raises(Refused):
            client.request("GET", f"http://{spelling}:9/")


@pytest.mark.parametrize("url", [
    "", "/", "//127.0.0.1/", "example.com", "http:example.com", "https:///x", "https://", "file:///etc/passwd",
    "gopher://127.0.0.1/", "ftp://127.0.0.1/", "unix:///tmp/s", "javascript://127.0.0.1/", "ws://example.com/",
    "https://example.com:0/", "https://example.com:99999/", "https://example.com:x/", "https://example.com/\r\nX: y",
    "https://example.com/a b", "https://example.com/é", "https://example.com/" + "a" * 9000,
])  # fmt: skip
def test_unusual_urls_are_refused(url: str) -> None:
    with pytest.raises(Refused):
        parse_target(url, allow_loopback=True)


@pytest.mark.parametrize("address", [
    "8.8.8.8", "1.1.1.1", "93.184.216.34", "100.63.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1",
    "192.169.0.1", "11.0.0.1", "2606:4700:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888",
])  # fmt: skip
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address)) and not is_loopback(ip_address(address))


def test_unencrypted_calls_to_the_public_internet_are_refused() -> None:
    with pytest.raises(Refused) as direct:
        OutboundClient(allow_loopback=False).request("GET", "http://example.com/")
    with pytest.raises(Refused) as resolved:
        OutboundClient(allow_loopback=True, resolve=lambda host: ["3000::1"]).request("GET", "http://example.com/")
    assert direct.value.code == resolved.value.code == "https_required"


def test_a_name_that_changes_its_answer_is_connected_where_it_was_checked() -> None:
    answers = iter([["127.0.0.2"], ["127.0.0.1"]])
    client = OutboundClient(allow_loopback=True, resolve=lambda host: next(answers))
    with (
        listening(answering(http_answer(b"second")), host="127.0.0.2") as checked,
        listening(answering(http_answer(b"first")), port=checked.port) as other,
    ):
        assert client.request("GET", f"http://api.example.com:{checked.port}/").body == b"second"
        assert (checked.connections, other.connections) == (1, 0)
        assert next(answers) == ["127.0.0.1"], "the name was resolved more than once"


def test_a_name_that_rebinds_to_the_loopback_is_never_connected(client: OutboundClient) -> None:
    # 3000::1 is public by its form and belongs to nobody.
    answers = iter([["3000::1"], ["127.0.0.1"], ["3000::1", "127.0.0.1"], ["127.0.0.1", "3000::1"]])
    guarded = OutboundClient(allow_loopback=False, deadline_seconds=0.2, resolve=lambda host: next(answers))
    with listening(answering(http_answer())) as listener:
        with pytest.raises(RetryLater) as first:
            guarded.request("GET", f"https://api.example.com:{listener.port}/")
        assert first.value.ambiguous is False
        for _ in range(3):
            with pytest.raises(Refused) as later:
                guarded.request("GET", f"https://api.example.com:{listener.port}/")
            assert later.value.code == "address_not_public"
        count_connections_when_quiet(listener.url, client)
        assert listener.connections == 1


def test_the_next_address_is_tried_when_the_first_refuses() -> None:
    client = OutboundClient(allow_loopback=True, resolve=lambda host: ["::1", "127.0.0.1"])
    with listening(answering(http_answer(b"here"))) as listener:
        assert client.request("GET", f"http://localhost:{listener.port}/").body == b"here"


def test_ipv6_literals_keep_their_brackets_in_the_host_header() -> None:
    with listening(answering(http_answer()), host="::1") as listener:
        OutboundClient(allow_loopback=True).request("GET", f"http://[::1]:{listener.port}/")
        assert f"host: [::1]:{listener.port}".encode() in listener.requests[0].lower()


def make_certificate(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def test_certificate_and_server_name_are_those_of_the_name_not_of_the_address(tmp_path: Path) -> None:
    path = make_certificate(tmp_path, "api.example.com")
    names: list[str | None] = []
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    server.sni_callback = lambda connection, name, context: names.append(name)
    client = OutboundClient(
        allow_loopback=True, resolve=resolve_for_test, tls=ssl.create_default_context(cafile=str(path))
    )
    with listening(answering(http_answer(b"safe")), tls=server) as listener:
        assert client.request("GET", f"https://api.example.com:{listener.port}/").body == b"safe"
        assert names == ["api.example.com"]
        assert f"host: api.example.com:{listener.port}".encode() in listener.requests[0].lower()
        with pytest.raises(RetryLater) as other_name:
            client.request("GET", f"https://other.example.com:{listener.port}/")
        assert (other_name.value.code, other_name.value.ambiguous) == ("certificate_not_trusted", False)
    with listening(answering(http_answer()), tls=server) as listener:
        unknown = OutboundClient(allow_loopback=True, resolve=resolve_for_test)
        with pytest.raises(RetryLater) as untrusted:
            unknown.request("GET", f"https://api.example.com:{listener.port}/")
        assert untrusted.value.code == "certificate_not_trusted"


def test_a_server_that_hangs_in_the_handshake_is_left_at_the_deadline() -> None:
    with listening(Peer.hang) as listener, pytest.raises(RetryLater) as caught:
        hurried().request("POST", f"https://127.0.0.1:{listener.port}/", json={})
    assert caught.value.ambiguous is False


def trickled_headers(peer: Peer) -> None:
    peer.read_request()
    peer.trickle(http_answer(b"x" * 1000))


def trickled_body(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    peer.trickle(b"x" * 1000)


def trickled_chunks(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    peer.trickle(b"1\r\nx\r\n" * 1000, seconds=0.005)


def endless_interim_answers(peer: Peer) -> None:
    peer.read_request()
    peer.trickle(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000, seconds=0.001)


def no_answer(peer: Peer) -> None:
    peer.read_request()
    peer.hang()


@pytest.mark.parametrize(
    "script", [trickled_headers, trickled_body, trickled_chunks, endless_interim_answers, no_answer, Peer.hang]
)
def test_the_deadline_ends_a_call_however_the_server_stretches_it(script: Script) -> None:
    with listening(script) as listener:
        started = time.monotonic()
        with pytest.raises(RetryLater) as caught:
            hurried().request("POST", listener.url(), json={})
        assert 0.25 < time.monotonic() - started < 1.5
        assert (caught.value.code, caught.value.ambiguous) == ("no_answer", True)


def test_a_server_that_does_not_read_is_left_at_the_deadline() -> None:
    with listening(Peer.hang) as listener:
        started = time.monotonic()
        with pytest.raises(RetryLater) as caught:
            hurried().request("POST", listener.url(), content=b"x" * 50_000_000)
        assert time.monotonic() - started < 1.5
        assert caught.value.ambiguous is True


def test_a_name_server_that_hangs_is_left_at_the_deadline() -> None:
    over = threading.Event()

    def hang(host: str) -> list[str]:
        over.wait()
        return []

    started = time.monotonic()
    with pytest.raises(RetryLater) as caught:
        OutboundClient(allow_loopback=False, deadline_seconds=0.2, resolve=hang).request("GET", "https://example.com/")
    over.set()
    assert time.monotonic() - started < 1.5
    assert (caught.value.code, caught.value.ambiguous) == ("cannot_connect", False)


def test_one_call_may_have_its_own_deadline(client: OutboundClient) -> None:
    with listening(no_answer) as listener:
        started = time.monotonic()
        with pytest.raises(RetryLater):
            client.request("GET", listener.url(), deadline_seconds=0.2)
        assert time.monotonic() - started < 1.5


def test_nothing_was_sent_when_nobody_listens() -> None:
    with listening(Peer.hang) as listener:
        port = listener.port
    with pytest.raises(RetryLater) as caught:
        hurried().request("POST", f"http://127.0.0.1:{port}/", json={})
    assert (caught.value.code, caught.value.ambiguous) == ("cannot_connect", False)


def resolve_nothing(host: str) -> list[str]:
    return []


def fail_to_encode(host: str) -> list[str]:
    raise UnicodeError("label too long")


@pytest.mark.parametrize("resolve", [refuse_to_resolve, resolve_nothing, fail_to_encode])
def test_nothing_was_sent_when_the_name_is_unknown(resolve: Callable[[str], list[str]]) -> None:
    with pytest.raises(RetryLater) as caught:
        OutboundClient(allow_loopback=False, resolve=resolve).request("POST", "https://example.com/", json={})
    assert (caught.value.code, caught.value.ambiguous) == ("cannot_connect", False)


def reset_after_request(peer: Peer) -> None:
    peer.read_request()
    peer.reset()


def close_after_request(peer: Peer) -> None:
    peer.read_request()


def cut_body(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


def garbage(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"canary-7f3a91 is not HTTP\r\n\r\n")


def endless_headers(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 1_000_000)


@pytest.mark.parametrize("script", [reset_after_request, close_after_request, cut_body, garbage, endless_headers])
def test_a_connection_that_breaks_after_the_request_is_ambiguous(script: Script, client: OutboundClient) -> None:
    with listening(script) as listener, pytest.raises(RetryLater) as caught:
        client.request("POST", listener.url(), json={})
    assert (caught.value.code, caught.value.ambiguous) == ("no_answer", True)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def endless_body(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        peer.send(b"x" * 65536)


@pytest.mark.parametrize("script", [
    answering(http_answer(b"x" * 1001)),
    answering(http_answer(gzip.compress(b"x" * 1001), headers={"Content-Encoding": "gzip"})),
    answering(http_answer(gzip.compress(b"\0" * 50_000_000), headers={"Content-Encoding": "gzip"})),
    answering(http_answer(gzip.compress(b"") * 100, headers={"Content-Encoding": "gzip"})),
    endless_body,
])  # fmt: skip
def test_an_answer_over_the_cap_is_refused(script: Script) -> None:
    client = OutboundClient(allow_loopback=True, max_bytes=1000)
    with listening(script) as listener, pytest.raises(Refused) as caught:
        client.request("GET", listener.url())
    assert caught.value.code == "answer_too_large"


def test_a_call_may_have_its_own_cap() -> None:
    client = OutboundClient(allow_loopback=True, max_bytes=1000)
    with listening(answering(http_answer(b"x" * 2000), http_answer(b"x" * 20))) as listener:
        assert len(client.request("GET", listener.url(), max_bytes=2000).body) == 2000
        with pytest.raises(Refused):
            client.request("GET", listener.url(), max_bytes=10)


def test_an_answer_as_large_as_the_cap_is_read() -> None:
    client = OutboundClient(allow_loopback=True, max_bytes=1000)
    zipped = gzip.compress(b"a" * 500) + gzip.compress(b"b" * 500)
    answers = http_answer(b"x" * 1000), http_answer(zipped, headers={"Content-Encoding": "gzip"})
    with listening(answering(*answers)) as listener:
        assert client.request("GET", listener.url()).body == b"x" * 1000
        assert client.request("GET", listener.url()).body == b"a" * 500 + b"b" * 500


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "compress"])
def test_encodings_that_were_not_asked_for_are_refused(encoding: str, client: OutboundClient) -> None:
    answer = http_answer(zlib.compress(b"x"), headers={"Content-Encoding": encoding})
    with listening(answering(answer)) as listener, pytest.raises(Refused) as caught:
        client.request("GET", listener.url())
    assert caught.value.code == "answer_not_readable"


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"x" * 100)[:-9], b"not gzip", gzip.compress(b"x") + b"tail"],
    ids=["cut off", "other", "tail"],
)
def test_damaged_compression_counts_as_no_answer(body: bytes, client: OutboundClient) -> None:
    answer = http_answer(body, headers={"Content-Encoding": "gzip"})
    with listening(answering(answer)) as listener, pytest.raises(RetryLater) as caught:
        client.request("POST", listener.url())
    assert caught.value.ambiguous is True


def test_an_empty_body_may_be_called_compressed(client: OutboundClient) -> None:
    with listening(answering(http_answer(headers={"Content-Encoding": "gzip"}))) as listener:
        assert client.request("HEAD", listener.url()).body == b""


def test_a_form_a_json_and_a_raw_body_arrive_as_given(client: OutboundClient) -> None:
    with listening(answering(http_answer())) as listener:
        client.request("POST", listener.url("/a?x=1#f"), params={"y": "ä &"}, form=[("To", "+49"), ("To", "b c")])
        client.request("POST", listener.url(), json={"text": "grüß"}, auth=("sid", "töken"))
        client.request("PUT", listener.url(), content=b"\x00\xff", headers={"Content-Type": "image/png"})
        client.request("POST", listener.url())
        form, document, raw, empty = listener.requests
    assert form.startswith(b"POST /a?x=1&y=%C3%A4+%26 HTTP/1.1\r\n") and form.endswith(b"\r\n\r\nTo=%2B49&To=b+c")
    assert b"content-type: application/x-www-form-urlencoded" in form and b"accept-encoding: gzip\r\n" in form
    assert document.endswith('{"text":"grüß"}'.encode()) and b"content-type: application/json" in document
    assert b"authorization: Basic c2lkOnTDtmtlbg==" in document
    assert raw.endswith(b"\r\n\r\n\x00\xff") and b"content-type: image/png" in raw
    assert b"content-length: 0" in empty and b"content-type" not in empty


def test_headers_that_decide_framing_or_host_stay_ours(client: OutboundClient) -> None:
    headers = {"Host": "evil.example", "Content-Length": "3", "Transfer-Encoding": "chunked", "Accept-Encoding": "br"}
    with listening(answering(http_answer())) as listener:
        client.request("POST", listener.url(), content=b"abcdef", headers=headers)
        request = listener.requests[0].lower()
    assert b"evil" not in request and b"chunked" not in request and b"br\r\n" not in request
    assert b"content-length: 6\r\n" in request


@pytest.mark.parametrize("headers", [
    {"A": f"{CANARY}\r\nX: y"}, {"A": f"{CANARY}é"}, {"A": f" {CANARY}"}, {"A": f"{CANARY}\x00"}, {"A b": CANARY},
    {"": CANARY},
])  # fmt: skip
def test_headers_cannot_be_split_or_leak(headers: dict[str, str], client: OutboundClient) -> None:
    with listening(answering(http_answer())) as listener:
        with pytest.raises(InvalidInput) as caught:
            client.request("GET", listener.url(), headers=headers)
        count_connections_when_quiet(listener.url, client)
        assert listener.connections == 1
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_more_than_one_body_or_an_odd_method_is_a_mistake(client: OutboundClient) -> None:
    with pytest.raises(ValueError, match="one of content, form and json"):
        client.request("POST", "https://example.com/", content=b"", json={})
    with pytest.raises(ValueError, match="CONNECT"):
        client.request("CONNECT", "https://example.com/")


def test_redirects_are_returned_and_not_followed(client: OutboundClient) -> None:
    with listening(answering(http_answer())) as target:
        moved = http_answer(status="302 Found", headers={"Location": target.url()})
        with listening(answering(moved)) as listener:
            response = client.request("GET", listener.url(), headers={"Authorization": CANARY})
        assert (response.status, response.headers["location"]) == (302, target.url())
        count_connections_when_quiet(target.url, client)
        assert target.connections == 1


def test_proxies_of_the_environment_are_ignored(client: OutboundClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(answering(http_answer(b"proxy"))) as proxy, listening(answering(http_answer(b"direct"))) as target:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        assert client.request("GET", target.url()).body == b"direct"
        assert proxy.connections == 0


def test_cookies_are_not_kept_between_calls(client: OutboundClient) -> None:
    with listening(answering(http_answer(headers={"Set-Cookie": f"a={CANARY}; Path=/"}))) as listener:
        client.request("GET", listener.url())
        client.request("GET", listener.url())
        assert b"cookie" not in listener.requests[1].lower()


def test_connections_are_reused_by_all_threads(client: OutboundClient) -> None:
    with listening(answering(http_answer())) as listener:
        client.request("GET", listener.url())
        for _ in range(3):
            thread = threading.Thread(target=client.request, args=("GET", listener.url()))
            thread.start()
            thread.join()
        assert (listener.connections, len(listener.requests)) == (1, 4)


def test_many_threads_at_once_get_their_own_answers(client: OutboundClient) -> None:
    def echo(peer: Peer) -> None:
        while request := peer.read_request():
            peer.send(http_answer(request.partition(b" ")[2].partition(b" ")[0]))

    results: dict[int, str] = {}
    with listening(echo) as listener:

        def call(number: int) -> None:
            results[number] = client.request("GET", listener.url(f"/{number}")).text()

        threads = [threading.Thread(target=call, args=(number,)) for number in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == {number: f"/{number}" for number in range(40)}


def test_a_connection_the_server_has_closed_is_not_used_again(client: OutboundClient) -> None:
    closed = threading.Event()

    def once(peer: Peer) -> None:
        peer.read_request()
        peer.send(http_answer(b"one"))
        peer.finish()
        closed.set()

    with listening(once) as listener:
        for _ in range(5):
            closed.clear()
            assert client.request("POST", listener.url()).body == b"one"
            assert closed.wait(5)


def test_a_forked_worker_does_not_use_its_parents_connections(client: OutboundClient) -> None:
    with listening(answering(http_answer())) as listener:
        client.request("GET", listener.url())
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = 0 if client.request("GET", listener.url()).status == 200 else 1
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        client.request("GET", listener.url())
        assert listener.connections == 2


def test_a_client_can_be_used_after_close(client: OutboundClient) -> None:
    with listening(answering(http_answer())) as listener:
        client.request("GET", listener.url())
        client.close()
        assert client.request("GET", listener.url()).status == 200
        assert listener.connections == 2


def test_repeated_headers_are_joined_and_names_are_lower_case(client: OutboundClient) -> None:
    answer = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n"
    with listening(answering(answer)) as listener:
        assert client.request("GET", listener.url()).headers["x-a"] == "1, 2"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"<html>", b"\xff", b"NaN", b'{"a": Infinity}', b"[" * 100_000, b"9" * 10_000]
)
def test_an_answer_that_is_not_json_is_refused_without_its_content(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        OutboundResponse(200, {}, body).json()
    assert (caught.value.code, caught.value.status, caught.value.__context__) == ("answer_not_readable", 200, None)


def test_text_survives_bytes_that_are_not_utf8() -> None:
    assert OutboundResponse(200, {}, b"a\xff").text() == "a\ufffd"


def test_errors_repr_and_logs_hold_nothing_of_the_call(
    client: OutboundClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="services.kernel.http")
    scripts = [garbage, cut_body, reset_after_request, answering(http_answer(CANARY.encode()))]
    told: list[str] = []
    for script in scripts:
        with listening(script) as listener:
            try:
                response = client.request(
                    "POST",
                    listener.url(f"/{CANARY}?token={CANARY}"),
                    headers={"Authorization": f"Bearer {CANARY}"},
                    json={"text": CANARY},
                )
                told.append(repr(response))
            except RetryLater as error:
                told.append("".join(traceback.format_exception(error)))
    for url in (f"https://{CANARY}@example.com/", f"http://example.com/?{CANARY}", f"{CANARY}"):
        with pytest.raises(Refused) as caught:
            OutboundClient(allow_loopback=False).request("GET", url)
        told.append("".join(traceback.format_exception(caught.value)))
    source = f'"{CANARY}"'
    assert [line for text in told for line in text.splitlines() if CANARY in line and source not in line] == []
    assert CANARY not in caplog.text
    assert caplog.text.count("outbound.request.finished") == len(scripts)
