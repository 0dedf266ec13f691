"""Webhooks: only the provider's own requests are believed, and no bytes can break us."""

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kernel.errors import InvalidInput, PatchbayError, Unauthenticated
from services.provider_kit import registry
from services.provider_kit.contract import Answer, Ignored, InboundEvent, WebhookRequest
from tests.conformance.cases import (
    every_account_payload,
    every_body_signer,
    every_payload,
    every_receiver,
    every_time_signer,
    every_url_signer,
    webhook_wire,
)
from tests.providers.harness import (
    NOW,
    Payload,
    build_request,
    load_payloads,
    load_wire,
    signed,
    webhook_url,
    wrap,
)

REFUSALS = {"missing_signature", "bad_signature", "stale", "no_secret"}
HOSTILE: Mapping[str, bytes] = {
    "empty": b"",
    "half": b'{"type":',
    "list": b"[]",
    "null": b"null",
    "text": b'"text"',
    "not utf-8": b'{"type":"\xff\xfe"}',
    "nul": b'{"type":"a\\u0000b","event_id":"\\ud800"}',
    "deep": b"[" * 100_000,
    "deep object": b'{"a":' * 50_000,
    "long number": b'{"type":' + b"9" * 1_000_000 + b"}",
    "not a number": b'{"type":NaN}',
    "twice": b'{"type":"event_callback","type":"x"}',
    "wrong types": json.dumps({"type": {}, "event": [], "team_id": 1, "event_id": None, "challenge": {}}).encode(),
    "event of wrong types": json.dumps(
        {"type": "event_callback", "event_id": "E", "event": {"type": "message", "user": {}, "ts": "NaN", "text": 1}}
    ).encode(),
    "form twice": b"AccountSid=a&AccountSid=b&MessageSid=c",
    "form broken": b"a&b=%ff&=&&%",
    "form large": b"&".join(b"a%d=b" % index for index in range(5_000)),
    "percent": b"Body=%00%ED%A0%80&MessageStatus=%00",
    "script": b"<script>alert(1)</script>",
}


@every_payload
def test_the_provider_s_request_is_accepted(payload: Payload) -> None:
    wire = load_wire(payload.slug)
    module = registry.webhooks(payload.slug)
    request = signed(wire, payload.request)

    module.authenticate(request, secrets=wrap(wire.secrets), now=NOW)
    module.check_account(request, account_id=wire.account_id)

    assert (webhook_wire(payload.slug).subscription_id or wire.account_id) in module.account_ids(request)
    assert module.event_type(request) == payload.event
    assert module.handshake(request) is None
    assert 200 <= module.answer(request).status < 300


@every_payload
def test_the_payload_becomes_events_the_same_ones_every_time(payload: Payload) -> None:
    wire = load_wire(payload.slug)
    module = registry.webhooks(payload.slug)

    events = module.parse(payload.request, settings=wire.settings)

    assert events and all(isinstance(event, get_args(InboundEvent)) for event in events)
    assert list(events) == list(module.parse(payload.request, settings=wire.settings))
    assert all(event.reason for event in events if isinstance(event, Ignored))


@every_payload
def test_what_is_stored_is_enough_to_read_it_later_and_proves_nothing(payload: Payload) -> None:
    wire, module = load_wire(payload.slug), registry.webhooks(payload.slug)
    (kind,) = [kind for kind in registry.get_manifest(payload.slug).webhooks if kind.name == payload.kind]
    request = signed(wire, payload.request)
    stored = {name: value for name, value in request.headers.items() if name in {"content-type", *kind.kept_headers}}

    again = module.parse(replace(request, headers=stored), settings=wire.settings)
    assert again == module.parse(request, settings=wire.settings)
    assert webhook_wire(payload.slug).signature_header not in kind.kept_headers


@every_payload
def test_the_dedupe_key_is_the_provider_s_id_and_not_the_spelling(payload: Payload) -> None:
    module = registry.webhooks(payload.slug)
    request = signed(load_wire(payload.slug), payload.request)
    key = module.dedupe_key(request)
    headers = {**request.headers, "user-agent": "another", "x-slack-retry-num": "2"}

    assert 0 < len(key) <= 255
    assert key == module.dedupe_key(replace(request, headers=headers))


@every_receiver
def test_some_payload_of_each_provider_reaches_the_agent(slug: str) -> None:
    module = registry.webhooks(slug)
    parsed = [module.parse(payload.request, settings=load_wire(slug).settings) for payload in load_payloads(slug)]

    assert [events for events in parsed if not all(isinstance(event, Ignored) for event in events)]


@every_account_payload
def test_another_account_is_refused(payload: Payload) -> None:
    wire = load_wire(payload.slug)
    module = registry.webhooks(payload.slug)
    body = payload.request.body.replace(wire.account_id.encode(), wire.other_account_id.encode())

    for request, account_id in (
        (replace(payload.request, body=body), wire.account_id),
        (payload.request, wire.other_account_id),
        (payload.request, ""),
    ):
        with pytest.raises(Unauthenticated) as caught:
            module.check_account(request, account_id=account_id)
        assert caught.value.code == "other_account"


@every_receiver
def test_a_missing_signature_is_refused(slug: str) -> None:
    wire, request = load_wire(slug), _signed_sample(slug)
    for value in (None, "", " "):
        headers = {name: text for name, text in request.headers.items() if name != webhook_wire(slug).signature_header}
        if value is not None:
            headers[webhook_wire(slug).signature_header] = value
        assert _code(slug, replace(request, headers=headers), wire.secrets) in {"missing_signature", "bad_signature"}


@every_receiver
@pytest.mark.parametrize("secrets", [None, "", " ", "\t"])
def test_without_a_secret_nothing_is_accepted(slug: str, secrets: str | None) -> None:
    wire = load_wire(slug)
    blank = {} if secrets is None else dict.fromkeys(wire.secrets, secrets)
    request = signed(wire, _sample(slug), secrets=dict.fromkeys(wire.secrets, secrets or ""))

    assert _code(slug, request, blank) == "no_secret"
    assert _code(slug, _signed_sample(slug), blank) == "no_secret"


@every_receiver
def test_another_tenant_s_or_an_old_secret_is_refused(slug: str) -> None:
    wire = load_wire(slug)

    assert _code(slug, signed(wire, _sample(slug), secrets=wire.other_secrets), wire.secrets) == "bad_signature"
    assert _code(slug, _signed_sample(slug), wire.other_secrets) == "bad_signature"


@every_receiver
def test_a_changed_signature_is_refused_at_every_byte(slug: str) -> None:
    wire, request, header = load_wire(slug), _signed_sample(slug), webhook_wire(slug).signature_header
    value = request.headers[header]
    changed = [value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :] for at in range(len(value))]
    changed += [value[:length] for length in range(len(value))]
    changed += [
        value + "0",
        value + value,
        f"{value},{value}",
        value[::-1],
        "é" + value[1:],
        value + "\ud800",
        "=" * 64,
    ]

    for forged in changed:
        code = _code(slug, replace(request, headers={**request.headers, header: forged}), wire.secrets)
        assert code in {"bad_signature", "missing_signature"}, forged


@every_body_signer
def test_a_changed_body_is_refused(slug: str) -> None:
    wire, request = load_wire(slug), _signed_sample(slug)
    body = request.body
    bodies = [body[:-1], body[1:], b"", body + b"&x=y", body + body, body.upper(), b"\xff" + body]
    # An odd step, so that every kind of byte is hit.
    bodies += [body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :] for at in range(0, len(body), 7)]

    for forged in bodies:
        assert _code(slug, replace(request, body=forged), wire.secrets) == "bad_signature"


@every_time_signer
def test_an_old_request_is_refused(slug: str) -> None:
    wire, request = load_wire(slug), _signed_sample(slug)

    for seconds in (299, -299):
        late = NOW + timedelta(seconds=seconds)
        registry.webhooks(slug).authenticate(request, secrets=wrap(wire.secrets), now=late)
    for seconds in (301, -301, 86_400):
        assert _code(slug, request, wire.secrets, late=timedelta(seconds=seconds)) == "stale"


@every_time_signer
def test_a_timestamp_that_is_none_is_refused(slug: str) -> None:
    wire, request = load_wire(slug), _signed_sample(slug)
    stamp = str(int(NOW.timestamp()))
    for header in [name for name, value in request.headers.items() if value == stamp]:
        for value in ("", "-1", "1e9", "NaN", "١٧٦٣", "9" * 400, stamp + " ", "+" + stamp, stamp[:5] + "_" + stamp[5:]):
            forged = replace(request, headers={**request.headers, header: value})
            assert _code(slug, forged, wire.secrets) in REFUSALS


@every_receiver
def test_forged_forwarding_headers_change_nothing(slug: str) -> None:
    wire, request = load_wire(slug), _sample(slug)
    forged = {"host": "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": "http"}
    forged |= {"x-original-host": "evil.example", "forwarded": "host=evil.example;proto=http", "x-forwarded-port": "1"}

    accepted = signed(wire, request)
    accepted = replace(accepted, headers={**accepted.headers, **forged})
    registry.webhooks(slug).authenticate(accepted, secrets=wrap(wire.secrets), now=NOW)


@every_url_signer
def test_a_request_that_was_signed_for_another_address_is_refused(slug: str) -> None:
    wire, request = load_wire(slug), _sample(slug)
    elsewhere = replace(request, url=webhook_url(slug, request.kind).replace("patchbay.example", "evil.example"))
    headers = {**signed(wire, elsewhere).headers, "host": "evil.example", "x-forwarded-host": "evil.example"}

    assert _code(slug, replace(request, headers=headers), wire.secrets) == "bad_signature"
    assert _code(slug, replace(signed(wire, request), url=request.url + "?a=b"), wire.secrets) == "bad_signature"


@every_receiver
def test_an_event_that_nobody_handles_is_ignored_with_a_reason(slug: str) -> None:
    wire, module = load_wire(slug), registry.webhooks(slug)
    for kind, body in webhook_wire(slug).unknown:
        request = signed(wire, build_request(slug, kind, body))
        request = replace(request, headers={**request.headers, **webhook_wire(slug).unknown_headers})

        assert module.dedupe_key(request)
        assert module.event_type(request)
        assert module.event_type(request) not in registry.get_manifest(slug).handled_events
        events = module.parse(request, settings=wire.settings)
        assert [event.reason for event in events if isinstance(event, Ignored)] and len(events) == 1


@every_receiver
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bytes_end_in_a_refusal(slug: str, body: bytes) -> None:
    _survives(slug, body)


@every_receiver
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_end_in_a_refusal(slug: str, data: st.DataObject) -> None:
    sample = _sample(slug).body
    at = data.draw(st.integers(0, len(sample)))
    _survives(slug, data.draw(st.one_of(st.binary(max_size=200), st.just(sample[:at] + b"\x80" + sample[at:]))))


@every_receiver
def test_no_secret_shows_in_a_refusal(slug: str, caplog: pytest.LogCaptureFixture) -> None:
    wire, request = load_wire(slug), _signed_sample(slug)
    with caplog.at_level("DEBUG"), pytest.raises(Unauthenticated) as caught:
        registry.webhooks(slug).authenticate(
            replace(request, url=request.url + "?x"), secrets=wrap(wire.other_secrets), now=NOW
        )

    shown = "\n".join(
        [repr(caught.value), str(caught.value.__cause__), *(record.getMessage() for record in caplog.records)]
    )
    for secret in (*wire.secrets.values(), *wire.other_secrets.values(), request.body.decode()):
        assert not secret or secret not in shown


def _sample(slug: str) -> WebhookRequest:
    return load_payloads(slug)[0].request


def _signed_sample(slug: str) -> WebhookRequest:
    return signed(load_wire(slug), _sample(slug))


def _code(slug: str, request: WebhookRequest, secrets: Mapping[str, str], *, late: timedelta = timedelta()) -> str:
    with pytest.raises(Unauthenticated) as caught:
        registry.webhooks(slug).authenticate(request, secrets=wrap(secrets), now=NOW + late)
    assert caught.value.code in REFUSALS
    return caught.value.code


def _survives(slug: str, body: bytes) -> None:
    for kind in registry.get_manifest(slug).webhooks:
        _survives_request(slug, signed(load_wire(slug), build_request(slug, kind.name, body)))


def _survives_request(slug: str, request: WebhookRequest) -> None:
    wire, module = load_wire(slug), registry.webhooks(slug)
    _only(Unauthenticated, lambda: module.authenticate(request, secrets=wrap(wire.secrets), now=NOW))
    _only(InvalidInput, lambda: module.dedupe_key(request))
    _only(InvalidInput, lambda: module.parse(request, settings=wire.settings))
    _only(Unauthenticated, lambda: module.check_account(request, account_id=wire.account_id))
    handshake = module.handshake(request)
    assert handshake is None or isinstance(handshake, Answer)
    assert isinstance(module.event_type(request), str)
    assert all(isinstance(found, str) and found for found in module.account_ids(request))


def _only(allowed: type[PatchbayError], call: Callable[[], object]) -> None:
    with contextlib.suppress(allowed):
        call()
