"""Deadlines: however slowly a provider answers, and through whichever library it is asked, a call comes to its end."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from services.kernel.errors import RetryLater
from services.kernel.http import OutboundClient
from services.kernel.settings import Settings
from services.provider_kit import registry
from tests.conformance.cases import every_provider, every_sender, messaging_wire
from tests.providers.harness import build_context
from tests.support.listener import Peer, listening

_DEADLINE_SECONDS = 0.4
_ENDLESS = 10**9
_HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {_ENDLESS}\r\n\r\n".encode()


def hang_after_accepting(peer: Peer) -> None:
    """Take the connection and nothing else."""
    peer.hang()


def hang_after_reading(peer: Peer) -> None:
    """Take the request, and answer nothing."""
    peer.read_request()
    peer.hang()


def drip_the_head(peer: Peer) -> None:
    """Answer for ever, a byte at a time: no single read takes long."""
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    peer.trickle(b"x" * 100_000)


def drip_the_body(peer: Peer) -> None:
    """Begin an answer, and go on with it for ever."""
    peer.read_request()
    peer.send(_HEAD)
    peer.trickle(b" " * 100_000)


every_slowness = pytest.mark.parametrize(
    "script",
    [hang_after_accepting, hang_after_reading, drip_the_head, drip_the_body],
    ids=lambda script: script.__name__,
)


def hurried(slug: str, url: str) -> object:
    """Return a provider's client as it is built for a call, with little time."""
    http = OutboundClient(allow_loopback=True, deadline_seconds=_DEADLINE_SECONDS)
    return registry.client(slug).build_client(replace(build_context(slug, url), http=http))


def ends_unsure(script: Callable[[Peer], None], call: Callable[[str], object]) -> None:
    """Make a call that cannot succeed; it ends with words that leave open whether the provider acted."""
    with listening(script) as listener:
        with pytest.raises(RetryLater) as caught:
            call(listener.url("").rstrip("/"))
        assert listener.connections == 1, "the library's own retries must be off"
    assert caught.value.ambiguous and caught.value.code == "no_answer"


@every_provider
@every_slowness
def test_a_proof_ends_at_the_deadline(slug: str, script: Callable[[Peer], None]) -> None:
    ends_unsure(script, lambda url: registry.client(slug).verify_credentials(hurried(slug, url)))


@every_sender
@every_slowness
def test_a_send_ends_at_the_deadline(slug: str, script: Callable[[Peer], None]) -> None:
    ends_unsure(
        script, lambda url: registry.messaging(slug).send_message(hurried(slug, url), messaging_wire(slug).message)
    )


def test_the_deadline_is_fifteen_seconds_unless_somebody_chose_another() -> None:
    assert Settings.model_fields["outbound_deadline_seconds"].default == 15.0
