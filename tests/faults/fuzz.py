"""F19: bodies that make no sense, unsigned and properly signed; the product says 2xx or 4xx and grows no larger."""

import asyncio
import base64
import hashlib
import hmac
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast
from urllib.parse import parse_qsl

from app.sandbox.identities import state_path
from app.sandbox.state import read_state
from tests.faults.events import path_of, sign_slack, sign_twilio
from tests.faults.rig import Rig
from tests.faults.tenants import Tenant
from tests.faults.wire import Wire

COUNT = 1_250
"""Bodies for each provider and round."""
_AT_ONCE = 16
_UNSIGNED: Mapping[str, str] = MappingProxyType({})
_MOST_GROWTH = 50 * 1024 * 1024
_STRANGE: list[object] = [
    *json.loads('[null, 0, -1, 1e308, true, [], {}, "", "\\u0000", "\\ud83d", [{}], {"": {}}]'),
    10**30,
    "x" * 5_000,
]
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One address that a provider calls."""

    provider: str
    url: str
    content_type: str
    sample: bytes
    """What a proper body looks like."""
    sign: Callable[[bytes], Mapping[str, str]]


def fuzz(rig: Rig) -> None:
    """Post nonsense at every door, half of it signed; then see that all is as before."""
    web = rig.product.children["web"]
    _post_all(rig, count=200)  # what is loaded on first use is no growth
    before = web.memory_info().rss
    statuses: Counter[int] = Counter()
    for _ in rig.rounds(quick=1, whole=20):
        statuses += _post_all(rig, count=COUNT)
        rig.recovers(within=60)
    grown = web.memory_info().rss - before
    assert all(200 <= status < 500 for status in statuses), f"answers: {statuses}"
    assert grown < _MOST_GROWTH, f"the web process grew by {grown / 1024**2:.0f} MiB"
    assert not rig.errors(), f"logged at error level: {rig.errors()}"
    rig.begin()  # what came of the nonsense that was signed is nobody's question
    rig.ask(20)


def _post_all(rig: Rig, *, count: int) -> Counter[int]:
    return sum((rig.sender.run(_post(rig, door, count=count)) for door in _doors(rig)), Counter[int]())


async def _post(rig: Rig, door: Door, *, count: int) -> Counter[int]:
    wire = Wire(*rig.listens_at)
    statuses: Counter[int] = Counter()
    left = iter(range(count))

    async def post() -> None:
        for _ in left:
            body = fuzzed(door.sample, rig.rng)
            proof: Mapping[str, str] = door.sign(body) if rig.rng.random() < 0.5 else _UNSIGNED
            reply = await wire.post(
                path_of(door.url), headers={"content-type": door.content_type, **proof}, body=body, seconds=30
            )
            statuses[reply.status if reply else 0] += 1

    await asyncio.gather(*(post() for _ in range(_AT_ONCE)))
    wire.close()
    return statuses


def fuzzed(sample: bytes, rng: random.Random) -> bytes:
    """Return bytes that are nearly, or not at all, like the sample."""
    return rng.choice(_WAYS)(sample, rng)


def _cut(sample: bytes, rng: random.Random) -> bytes:
    return sample[: rng.randrange(len(sample) + 1)]


def _flip(sample: bytes, rng: random.Random) -> bytes:
    changed = bytearray(sample or b"\0")
    for _ in range(rng.randint(1, 8)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _noise(_sample: bytes, rng: random.Random) -> bytes:
    return rng.randbytes(rng.randrange(2_000))


def _deep(_sample: bytes, rng: random.Random) -> bytes:
    return rng.choice((b"[", b'{"a":', b"(")) * rng.choice((10, 1_000, 20_000))


def _repeat(sample: bytes, rng: random.Random) -> bytes:
    return sample * rng.choice((2, 10)) + rng.choice((b"", b"\0", b"\xff\xfe", b"&" * 3_000))


def _other_types(sample: bytes, rng: random.Random) -> bytes:
    """Every value becomes something else: numbers for words, lists for objects, nothing for something."""
    try:
        values: object = json.loads(sample)
    except ValueError:
        pairs = [(name, str(rng.choice(_STRANGE))) for name, _ in parse_qsl(sample.decode())]
        return "&".join(f"{name}={value}" for name, value in pairs).encode("utf-8", "surrogatepass")
    return json.dumps(_strange(values, rng)).encode()


def _strange(value: object, rng: random.Random) -> object:
    if rng.random() < 0.2:
        return rng.choice(_STRANGE)
    if isinstance(value, dict):
        return {name: _strange(item, rng) for name, item in cast(dict[str, object], value).items()}
    return value


_WAYS = (_cut, _flip, _noise, _deep, _repeat, _other_types, _other_types, _other_types)


def _doors(rig: Rig) -> list[Door]:
    """Return the doors of tenants that do not matter much to the others."""
    *_, small = rig.tenants
    mail = next(item for item in rig.tenants if item.number == 1)
    return [_slack(rig, small), _twilio(rig, small), _resend(rig, mail.mail_url), _google(rig)]


def _slack(rig: Rig, tenant: Tenant) -> Door:
    secret = tenant.company.app.signing_secret
    sample = rig.contacts.in_slack(tenant).body
    return Door(
        provider="slack",
        url=tenant.slack_url,
        content_type=_JSON,
        sample=sample,
        sign=lambda body: sign_slack(secret, body, time.time()),
    )


def _twilio(rig: Rig, tenant: Tenant) -> Door:
    token, url = tenant.company.account.auth_token, tenant.twilio_url

    def sign(body: bytes) -> Mapping[str, str]:
        fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        return sign_twilio(token, url, fields)

    sample = rig.contacts.by_phone(tenant).body
    return Door(provider="twilio", url=url, content_type=_FORM, sample=sample, sign=sign)


def _resend(rig: Rig, url: str) -> Door:
    identity = rig.product.sandbox.identities.other_resend
    key = base64.b64decode(identity.webhook_secret.removeprefix("whsec_"))
    sample: dict[str, object] = {"type": "email.received", "created_at": "2026-11-20T10:00:00.000Z"}
    sample["data"] = {"email_id": "e", "from": "mia@harbor.example", "to": [f"bri@{identity.domain}"], "subject": "s"}

    def sign(body: bytes) -> Mapping[str, str]:
        event, moment = f"msg_{rig.rng.randbytes(14).hex()}", str(int(time.time()))
        signed = f"{event}.{moment}.".encode() + body
        proof = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return {"svix-id": event, "svix-timestamp": moment, "svix-signature": f"v1,{proof}"}

    return Door(provider="resend", url=url, content_type=_JSON, sample=json.dumps(sample).encode(), sign=sign)


def _google(rig: Rig) -> Door:
    """Google's notifications are all headers, and signed by none: what proves them is the channel's token."""
    state = read_state(state_path(rig.product.data_dir)).google
    channel = next(item for item in state.channels if not item.is_stopped)

    def sign(_body: bytes) -> Mapping[str, str]:
        strange = ("", "0", "-1", "9" * 40, "exists", "sync", "x" * 3_000, "\x7f", "ä", channel.resource_id)
        proper = {"state": "exists", "number": str(rig.rng.randrange(10**9)), "resource": channel.resource_id}
        values = {name: rig.rng.choice((value, rig.rng.choice(strange))) for name, value in proper.items()}
        return {
            "x-goog-channel-id": channel.id,
            "x-goog-channel-token": channel.token,
            "x-goog-resource-state": values["state"],
            "x-goog-message-number": values["number"],
            "x-goog-resource-id": values["resource"],
        }

    return Door(provider="google", url=channel.address, content_type="application/json; utf-8", sample=b"{}", sign=sign)
