"""Every way in which a call to a provider can fail, and what it must come to."""

import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from services.kernel.errors import NeedsReauth, PatchbayError, RetryLater
from services.provider_kit import registry
from tests.providers.harness import Reply, build_context, load_wire, wire_server


def open_client(slug: str, url: str) -> object:
    """Return a provider's client for a server that plays it."""
    return registry.client(slug).build_client(build_context(slug, url))


def find_failure(reply: Reply, call: Callable[[str], object]) -> tuple[PatchbayError, int]:
    """Return what a call raises for an answer, and how often it asked."""
    with wire_server(reply) as server:
        with pytest.raises(PatchbayError) as caught:
            call(server.url)
        return caught.value, len(server.calls)


def check_failures(slug: str, call: Callable[[str], object]) -> None:
    """Every way in which an HTTP call can fail, with a body that repeats the secrets."""
    secrets = load_wire(slug).secrets
    echo = ('{"error":"' + " ".join(secrets.values()) + '"}').encode()

    def failure(reply: Reply) -> PatchbayError:
        error, calls = find_failure(replace(reply, body=reply.body or echo), call)
        shown = "".join(traceback.format_exception(error)) + repr(vars(error))
        assert not [secret for secret in secrets.values() if secret in shown]
        assert calls == 1, "the SDK's own retries must be off: only we know what is ambiguous"
        return error

    assert isinstance(failure(Reply(status=401)), NeedsReauth)
    for after, expected in (("7", timedelta(seconds=7)), ("soon", None), ("1e999", None)):
        busy = failure(Reply(status=429, headers={"Retry-After": after}))
        assert isinstance(busy, RetryLater) and busy.after == expected and not busy.ambiguous
    for status in (500, 502, 503, 504):
        broken = failure(Reply(status=status))
        assert isinstance(broken, RetryLater) and broken.ambiguous
    for reply in (Reply(body=b"<html>"), Reply(body=b"[]"), Reply(body=b"\xff"), Reply(drop=True)):
        unread = failure(reply)
        assert isinstance(unread, RetryLater) and unread.ambiguous
    assert isinstance(failure(Reply(status=302, headers={"Location": "http://127.0.0.1:1/"})), PatchbayError)
    with pytest.raises(RetryLater) as caught:
        call("http://127.0.0.1:1")
    assert not caught.value.ambiguous
