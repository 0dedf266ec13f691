"""Broken requests by the thousand, through the real door: none of them brings anything down.

``make test`` sends 2,000 bodies for each provider, ``make fuzz`` 100,000; ``FUZZ_SEED`` repeats a run.
"""

import asyncio
import gc
import logging
import os
import random
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, cast
from urllib.parse import urlsplit

import psutil
import pytest

from app.http.webhooks import PREFIX, WebhookApp, create_webhook_app
from models import DeliveryState
from services.kernel.db import Wake
from services.kernel.errors import InvalidInput, PatchbayError
from services.kernel.kernel import Kernel
from services.kernel.settings import Settings
from services.provider_kit import registry
from services.provider_kit.contract import WebhookRequest
from tests.conformance.cases import SLUGS, every_receiver
from tests.conformance.fuzz_shop import TOKEN, open_fuzz_shop
from tests.conformance.mutations import mutate
from tests.providers.harness import WireServer, load_payloads, load_wire, signed, wire_server
from tests.support.clock import FakeClock
from tests.support.kernels import build_kernel


def _kinds_of(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _kinds_of(child)


BODIES = int(os.environ.get("FUZZ_BODIES", "2000"))
SEED = os.environ.get("FUZZ_SEED", "patchbay")
SAMPLES = {slug: [payload.request for payload in load_payloads(slug)] for slug in SLUGS}
PROCESSED = max(100, BODIES // 50)
"""How many of the accepted are processed as a worker does it; parsed are all."""
AT_ONCE = 50
REPEATS = 5
"""How often a request is sent that is answered with "send it again"."""
MAY_GROW = 50 * 1024 * 1024
"""Bytes of memory."""
FORESEEN = {kind.__name__ for kind in _kinds_of(PatchbayError)}
"""What a delivery may fail of; anything else is a crash."""
ENDED = {DeliveryState.PROCESSED, DeliveryState.IGNORED, DeliveryState.DEAD}


class _NoQueue:
    """Forgets wake-ups: the test says what is processed."""

    def wake(self, wakes: Sequence[Wake]) -> None: ...

    def wake_again(self, wakes: Sequence[Wake]) -> None: ...

    def begin(self, wake: Wake) -> None: ...


@dataclass(frozen=True, slots=True)
class _Case:
    """One request, and whether it is signed as the provider does it."""

    request: WebhookRequest
    is_signed: bool


@pytest.fixture
def provider(slug: str) -> Generator[WireServer]:
    """What plays the provider when an announced message is fetched."""
    inbox = load_wire(slug).inbox
    with wire_server(*(inbox.fetched if inbox else ())) as server:
        yield server


@pytest.fixture
def fuzz_kernel(settings: Settings, clock: FakeClock, provider: WireServer) -> Generator[Kernel]:
    """The seams, with every provider on the loopback, and one attempt for each delivery."""
    urls = {
        f"{manifest.slug}_{name}": provider.url + url.sandbox
        for manifest in registry.list_manifests()
        for name, url in manifest.urls.items()
    }
    built = build_kernel(settings.model_copy(update={"provider_urls": urls, "max_attempts": 1}), clock=clock)
    yield replace(built, queue=_NoQueue())
    built.close()


@every_receiver
def test_broken_requests_are_refused_or_come_to_an_end(
    slug: str, fuzz_kernel: Kernel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    shop = open_fuzz_shop(fuzz_kernel, slug)
    statuses, grown = asyncio.run(_send_all(slug, fuzz_kernel))
    shop.keep_some(PROCESSED)
    ends = shop.process()

    print(f"{slug}: {dict(sorted(statuses.items()))}, {grown / 2**20:.1f} MiB grown, {dict(ends)}")
    assert set(statuses) <= {*range(200, 300), *range(400, 500)}
    assert any(200 <= status < 300 for status in statuses), "no request got through: nothing was tried"
    assert grown < MAY_GROW
    assert ends and {state for state, _ in ends} <= ENDED
    assert {cause.partition("/")[0] for _, cause in ends if cause} <= FORESEEN


async def _send_all(slug: str, kernel: Kernel) -> tuple[Counter[int], int]:
    """Send every request to the door and parse what it takes; return the answers, and how much memory it took."""
    door = create_webhook_app(kernel)
    chance = random.Random(f"{SEED}:{slug}")
    statuses: Counter[int] = Counter()
    at_first = 0
    for begin in range(0, BODIES, AT_ONCE):
        cases = [_case(chance, slug, kernel) for _ in range(AT_ONCE)]
        answers = await asyncio.gather(*(_send(door, case.request) for case in cases))
        statuses.update(answers)
        for case, status in zip(cases, answers, strict=True):
            assert case.is_signed or status >= 400, case.request
            if status < 300:
                _parse(slug, case.request)
        if begin <= BODIES // 10:
            at_first = _memory()
    return statuses, _memory() - at_first


def _case(chance: random.Random, slug: str, kernel: Kernel) -> _Case:
    """Return a broken request: signed as the provider does it, as somebody else would, or not at all."""
    broken = mutate(chance, chance.choice(SAMPLES[slug]))
    broken = replace(broken, url=f"{kernel.settings.public_url}{PREFIX}{slug}/{TOKEN}/{broken.kind}")
    wire = load_wire(slug)
    secrets = chance.choice((wire.secrets, wire.secrets, wire.other_secrets, None))
    request = signed(wire, broken, secrets=secrets, now=kernel.clock.now()) if secrets else broken
    return _Case(request, secrets is wire.secrets)


async def _send(door: WebhookApp, request: WebhookRequest) -> int:
    """Send a request, and again if it was not stored, as providers do: on a busy machine that is no fault of a body."""
    for _ in range(REPEATS):
        if (status := await _post(door, request)) != 503:
            return status
    return 503


async def _post(door: WebhookApp, request: WebhookRequest) -> int:
    """Hand the door a request as the server would; return the status it answers."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": urlsplit(request.url).path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in request.headers.items()],
    }
    statuses: list[int] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await door(scope, receive, send)
    return statuses[0]


def _parse(slug: str, request: WebhookRequest) -> None:
    """Read what was taken, as the worker will: refused, or facts that the database can hold."""
    try:
        events = registry.webhooks(slug).parse(request, settings=load_wire(slug).settings)
    except InvalidInput:
        return
    for text in _texts(events):
        assert "\x00" not in text
        text.encode()  # raises for half a surrogate, which PostgreSQL would refuse


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from _texts(getattr(value, field.name))
    elif isinstance(value, (tuple, list, Mapping)):
        inner = cast("Mapping[object, object] | Sequence[object]", value)
        for item in inner.items() if isinstance(inner, Mapping) else inner:
            yield from _texts(item)


def _memory() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss
