"""Resend's events, one line of intent each."""

import base64
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import resend

from services.kernel.errors import InvalidInput, Unauthenticated
from services.kernel.secret import Secret
from services.provider_kit.contract import (
    ConsentChanged,
    Contact,
    Ignored,
    MessageAnnounced,
    MessageStatusChanged,
    WebhookRequest,
)
from services.providers.resend import webhooks
from tests.providers.harness import NOW, build_request, load_payload, signed, wrap
from tests.providers.resend.wire import AGENT, CONTACT, DOMAIN, EMAIL_ID, MESSAGE_ID, OTHER_DOMAIN, WIRE

SETTINGS = {"domain": DOMAIN}


def changed(request: WebhookRequest, *pairs: tuple[str, str]) -> WebhookRequest:
    """Return the request with parts of its body replaced."""
    body = request.body
    for old, new in pairs:
        assert old.encode() in body
        body = body.replace(old.encode(), new.encode())
    return replace(request, body=body)


def prove(request: WebhookRequest, *, secrets: dict[str, Secret] | None = None) -> None:
    """Check a request with the connection's secret."""
    webhooks.authenticate(request, secrets=secrets or wrap(WIRE.secrets), now=NOW)


def under_other_names(request: WebhookRequest) -> WebhookRequest:
    """Return the request with the headers of Standard Webhooks."""
    return replace(
        request, headers={name.replace("svix-", "webhook-"): value for name, value in request.headers.items()}
    )


def test_both_families_of_headers_are_believed() -> None:
    request = signed(WIRE, load_payload("resend", "email.received__letter"))
    other = under_other_names(request)

    prove(request)
    prove(other)
    assert webhooks.dedupe_key(request) == webhooks.dedupe_key(other) == request.headers["svix-id"]


def test_the_families_are_never_mixed() -> None:
    request = signed(WIRE, load_payload("resend", "email.received__letter"))
    foreign = {**under_other_names(request).headers, "svix-id": "msg_another", "svix-signature": "v1,AAAA"}

    with pytest.raises(Unauthenticated):
        prove(replace(request, headers=foreign))
    half = {**under_other_names(request).headers, "svix-id": "msg_another"}
    prove(replace(request, headers=half))
    assert webhooks.dedupe_key(replace(request, headers=half)) == request.headers["svix-id"]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_fitting_signature_of_several_is_enough(place: int) -> None:
    request = signed(WIRE, load_payload("resend", "email.sent__letter"))
    wrong = ["v1," + base64.b64encode(bytes(32)).decode(), "v1a,AAAA"]
    wrong.insert(place, request.headers["svix-signature"])

    prove(replace(request, headers={**request.headers, "svix-signature": " ".join(wrong)}))


@pytest.mark.parametrize("event_id", ["msg.1", "msg 1", "", "m" * 121, "msg_é"])
def test_an_id_that_could_be_read_two_ways_is_refused(event_id: str) -> None:
    request = signed(WIRE, load_payload("resend", "email.sent__letter"))

    with pytest.raises(Unauthenticated):
        prove(replace(request, headers={**request.headers, "svix-id": event_id}))


@pytest.mark.parametrize("secret", ["whsec_", "whsec_%%%", "whsec_abc"])
def test_a_secret_that_is_none_proves_nothing(secret: str) -> None:
    request = signed(WIRE, load_payload("resend", "email.sent__letter"))

    with pytest.raises(Unauthenticated) as caught:
        prove(request, secrets={"signing_secret": Secret(secret)})
    assert caught.value.code == "no_secret"


def test_the_sdk_believes_what_we_believe() -> None:
    now = datetime.now(UTC)
    request = signed(WIRE, load_payload("resend", "email.sent__letter"), now=now)
    headers = request.headers

    webhooks.authenticate(request, secrets=wrap(WIRE.secrets), now=now)
    resend.Webhooks.verify(
        {
            "payload": request.body.decode(),
            "headers": {
                "id": headers["svix-id"],
                "timestamp": headers["svix-timestamp"],
                "signature": headers["svix-signature"],
            },
            "webhook_secret": WIRE.secrets["signing_secret"],
        }
    )


def test_without_an_id_there_is_no_key() -> None:
    with pytest.raises(InvalidInput):
        webhooks.dedupe_key(load_payload("resend", "email.sent__letter"))


def test_a_letter_is_announced_with_our_addresses() -> None:
    (event,) = webhooks.parse(load_payload("resend", "email.received__letter"), settings=SETTINGS)

    assert event == MessageAnnounced(external_id=EMAIL_ID, addresses=(AGENT,))


def test_our_address_may_stand_anywhere_among_the_recipients() -> None:
    request = load_payload("resend", "email.received__letter")
    in_copy = changed(
        request,
        ("Bri <Bri@northwind.example>", "x@elsewhere.example"),
        ("jonas@harbor.example", "Sales@Northwind.Example"),
    )
    (event,) = webhooks.parse(in_copy, settings=SETTINGS)

    assert isinstance(event, MessageAnnounced)
    assert event.addresses == ("sales@northwind.example", AGENT)


def test_a_letter_for_another_domain_is_ignored() -> None:
    (event,) = webhooks.parse(load_payload("resend", "email.received__letter"), settings={"domain": "another.example"})
    assert isinstance(event, Ignored)


def test_the_domain_decides_whose_event_it_is() -> None:
    received = load_payload("resend", "email.received__letter")
    bounced = load_payload("resend", "email.bounced__no_such_address")

    assert webhooks.account_ids(received) == (DOMAIN, "harbor.example")
    assert webhooks.account_ids(bounced) == (DOMAIN,)
    # A letter from one tenant to another: each is told of its own side.
    crossing = changed(received, ("Mia@Harbor.example", f"studio@{OTHER_DOMAIN}"))
    webhooks.check_account(crossing, account_id=DOMAIN)
    with pytest.raises(Unauthenticated):
        webhooks.check_account(crossing, account_id=OTHER_DOMAIN)


def test_an_event_that_names_no_domain_is_the_account_s() -> None:
    request = build_request("resend", "events", WIRE.webhooks.unknown[2][1] if WIRE.webhooks else b"")

    webhooks.check_account(request, account_id=DOMAIN)
    assert webhooks.account_ids(request) == ()


@pytest.mark.parametrize(("name", "status"), [("email.sent__letter", "sent"), ("email.delivered__letter", "delivered")])
def test_a_letter_s_way_is_followed(name: str, status: str) -> None:
    (event,) = webhooks.parse(load_payload("resend", name), settings=SETTINGS)

    assert isinstance(event, MessageStatusChanged)
    assert (event.external_id, event.status, event.error_text) == (EMAIL_ID, status, "")
    assert event.internet_message_id == f"{MESSAGE_ID}@{DOMAIN}"


@pytest.mark.parametrize(
    ("kind", "sub_kind", "words"),
    [
        ("Permanent", "NoEmail", "There is no such address."),
        ("Transient", "MailboxFull", "mailbox is full"),
        ("Transient", "SomethingNew", "could not be delivered now"),
        ("Permanent", "SomethingNew", "cannot be delivered"),
        ("Undetermined", "Undetermined", "came back"),
    ],
)
def test_a_bounce_is_told_in_words(kind: str, sub_kind: str, words: str) -> None:
    request = load_payload("resend", "email.bounced__no_such_address")
    other = changed(request, ('"Permanent"', f'"{kind}"'), ('"NoEmail"', f'"{sub_kind}"'))
    (event,) = webhooks.parse(other, settings=SETTINGS)

    assert isinstance(event, MessageStatusChanged) and event.status == "bounced"
    assert words in event.error_text and event.error_code == f"bounce_{kind}_{sub_kind}"


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("email.complained__letter", "complained", "spam"),
        ("email.suppressed__on_list", "failed", "suppression list"),
    ],
)
def test_who_complained_or_is_suppressed_gets_no_more_letters(name: str, status: str, words: str) -> None:
    event, consent = webhooks.parse(load_payload("resend", name), settings=SETTINGS)

    assert isinstance(event, MessageStatusChanged) and event.status == status and words in event.error_text
    assert consent == ConsentChanged(
        contact=Contact(id=CONTACT, address=CONTACT), sender=AGENT, allowed=False, keyword="complaint"
    )


def test_a_failure_is_told_in_words() -> None:
    (event,) = webhooks.parse(load_payload("resend", "email.failed__daily_quota"), settings=SETTINGS)

    assert isinstance(event, MessageStatusChanged) and event.status == "failed"
    assert "daily quota" in event.error_text and event.error_code == "failed_reached_daily_quota"


def test_an_event_about_no_letter_is_refused() -> None:
    request = changed(load_payload("resend", "email.sent__letter"), ('"email_id"', '"email"'))

    with pytest.raises(InvalidInput):
        webhooks.parse(request, settings=SETTINGS)
