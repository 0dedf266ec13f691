"""Twilio's REST API and webhooks, held against ``twilio``."""

from datetime import UTC, datetime, timedelta

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests.integration.sandbox.conftest import Product, twilio_client
from tests.support.listener import http_answer
from tests.support.sandbox import SandboxClient

CONTACT = "+14155550142"
EMPTY_TWIML = http_answer(b"<Response></Response>", headers={"Content-Type": "text/xml"})


def assign(account: Client, product: Product, *, method: str = "POST") -> str:
    """Point the first number at the product, and return the address."""
    url = f"{product.url}/api/ai-agents/webhooks/twilio/tok/sms?x=1"
    [number] = account.incoming_phone_numbers.list(phone_number="+14155550100")
    number.update(sms_url=url, sms_method=method)
    product.answers = [EMPTY_TWIML]
    return url


def refusal(account: Client, **fields: str) -> tuple[int, int | None]:
    with pytest.raises(TwilioRestException) as caught:
        account.messages.create(**{"to": CONTACT, "from_": "+14155550100", "body": "x", **fields})
    return caught.value.status, caught.value.code


def test_credentials_are_checked(sandbox: SandboxClient, account: Client) -> None:
    sid = sandbox.identities.twilio.account_sid
    assert account.api.accounts(sid).fetch().friendly_name == "Northwind Creators"
    for wrong in (twilio_client(sandbox, token="0" * 32), twilio_client(sandbox, sid=f"AC{'0' * 32}")):
        with pytest.raises(TwilioRestException) as caught:
            wrong.api.accounts(sid).fetch()
        assert (caught.value.status, caught.value.code) == (401, 20003)


def test_numbers_are_listed_found_and_pointed_at_an_address(account: Client) -> None:
    assert [item.phone_number for item in account.incoming_phone_numbers.list()] == ["+14155550100", "+14155550101"]
    assert len(account.incoming_phone_numbers.list(page_size=1)) == 2
    [number] = account.incoming_phone_numbers.list(phone_number="+14155550101")
    assert number.sms_url == ""
    number.update(sms_url="https://example.com/sms", sms_method="POST")
    assert account.incoming_phone_numbers(number.sid or "").fetch().sms_url == "https://example.com/sms"
    with pytest.raises(TwilioRestException) as caught:
        number.update(sms_url="not an address")
    assert caught.value.code == 21502


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": ""}, 21604),
        ({"from_": ""}, 21603),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"to": "12"}, 21211),
        ({"from_": "Patchbay"}, 21212),
        ({"from_": "+14155559999"}, 21606),
        ({"to": "+14155550100"}, 21266),
        ({"status_callback": "nowhere"}, 21609),
        ({"to": "+15005550009"}, 21614),
    ],
)
def test_what_twilio_refuses_is_refused(
    sandbox: SandboxClient, account: Client, fields: dict[str, str], code: int
) -> None:
    assert refusal(account, **fields) == (400, code)
    assert not sandbox.answers()


def test_a_message_of_1600_characters_is_accepted(account: Client) -> None:
    assert account.messages.create(to=CONTACT, from_="+14155550100", body="x" * 1600).num_segments == "11"


def test_a_message_is_queued_sent_and_delivered_with_signed_receipts(
    sandbox: SandboxClient, account: Client, product: Product
) -> None:
    url = f"{product.url}/api/ai-agents/webhooks/twilio/tok/status"
    message = account.messages.create(to=CONTACT, from_="+14155550100", body="Friday.", status_callback=url)
    assert (message.status, message.direction) == ("queued", "outbound-api")
    sandbox.wait_until(lambda ledger: [item.type for item in ledger.webhooks if item.finished][1:] == ["sms.delivered"])
    assert [item.form["MessageStatus"] for item in product.received] == ["sent", "delivered"]
    validator = RequestValidator(sandbox.identities.twilio.auth_token)
    for item in product.received:
        assert validator.validate(url, item.form, item.headers["x-twilio-signature"])
    assert account.messages(message.sid or "").fetch().status == "delivered"


def test_the_network_may_not_deliver(sandbox: SandboxClient, account: Client, product: Product) -> None:
    sandbox.control("twilio/outcome", {"to": CONTACT, "status": "undelivered", "error_code": 30007})
    url = f"{product.url}/status"
    account.messages.create(to=CONTACT, from_="+14155550100", body="Friday.", status_callback=url)
    sandbox.wait_until(lambda ledger: len([item for item in ledger.webhooks if item.finished]) == 2)
    last = product.received[-1].form
    assert (last["MessageStatus"], last["ErrorCode"]) == ("undelivered", "30007")


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_contact_s_message_arrives_signed(
    sandbox: SandboxClient, account: Client, product: Product, method: str
) -> None:
    url = assign(account, product, method=method)
    written = sandbox.sms("Grüße & 1+1 😀", to="+14155550100")
    [webhook] = sandbox.wait_for_webhooks(*written.event_ids)
    assert webhook.statuses == (200,)
    [received] = product.received
    signature = received.headers["x-twilio-signature"]
    validator = RequestValidator(sandbox.identities.twilio.auth_token)
    if method == "POST":
        assert validator.validate(url, received.form, signature)
        assert not validator.validate(url, received.form | {"Body": "other"}, signature)
        assert received.form["Body"] == "Grüße & 1+1 😀"
        assert received.form["MessageSid"] == written.message_id
    else:
        assert validator.validate(f"{product.url}{received.path}", {}, signature)
    assert received.headers["i-twilio-idempotency-token"]


def test_an_unassigned_number_rings_nowhere(sandbox: SandboxClient) -> None:
    assert sandbox.sms("Hello?").event_ids == ()


@pytest.mark.parametrize(
    ("answer", "texts"),
    [
        (EMPTY_TWIML, []),
        (http_answer(b"<Response><Message>One</Message><Message><Body>Two</Body></Message></Response>",
                     headers={"Content-Type": "text/xml"}), ["One", "Two"]),
        (http_answer(b"Plain", headers={"Content-Type": "text/plain"}), ["Plain"]),
        (http_answer(b'{"ok": true}', headers={"Content-Type": "application/json"}), []),
        (http_answer(b"<Response><Mess", headers={"Content-Type": "text/xml"}), []),
    ],
)  # fmt: skip
def test_an_answer_in_twiml_is_sent(
    sandbox: SandboxClient, account: Client, product: Product, answer: bytes, texts: list[str]
) -> None:
    assign(account, product)
    product.answers = [answer]
    sandbox.wait_for_webhooks(*sandbox.sms("Hello", to="+14155550100").event_ids)
    assert [item.text for item in sandbox.wait_for_answers(len(texts), service="twilio")] == texts


@pytest.mark.parametrize("failure", [http_answer(status="503 Busy"), b"reset"])
def test_a_failing_product_is_asked_once_more_with_the_same_token(
    sandbox: SandboxClient, account: Client, product: Product, failure: bytes
) -> None:
    assign(account, product)
    product.answers = [failure]
    [webhook] = sandbox.wait_for_webhooks(*sandbox.sms("Hello", to="+14155550100").event_ids)
    assert len(webhook.statuses) == 2
    assert len({item.headers["i-twilio-idempotency-token"] for item in product.received}) == 1


def test_a_refusing_product_is_not_asked_again(sandbox: SandboxClient, account: Client, product: Product) -> None:
    assign(account, product)
    product.answers = [http_answer(status="401 Unauthorized")]
    [webhook] = sandbox.wait_for_webhooks(*sandbox.sms("Hello", to="+14155550100").event_ids)
    assert webhook.statuses == (401,)


@pytest.mark.parametrize("word", ["STOP", " stop\n", "Unsubscribe", "OPTOUT"])
def test_stop_is_kept_until_start_and_reaches_the_product(
    sandbox: SandboxClient, account: Client, product: Product, word: str
) -> None:
    assign(account, product)
    sandbox.wait_for_webhooks(*sandbox.sms(word, to="+14155550100").event_ids)
    assert product.received[0].form["Body"] == word
    assert refusal(account) == (400, 21610)
    assert account.messages.create(to=CONTACT, from_="+14155550101", body="another sender").sid
    sandbox.sms("start", to="+14155550100")
    assert account.messages.create(to=CONTACT, from_="+14155550100", body="x").sid


def test_a_sentence_with_stop_in_it_is_only_a_sentence(sandbox: SandboxClient, account: Client) -> None:
    sandbox.sms("STOP PLEASE", to="+14155550100")
    assert account.messages.create(to=CONTACT, from_="+14155550100", body="x").sid


def test_messages_are_found_by_person_and_date_in_pages(sandbox: SandboxClient, account: Client) -> None:
    sids = [account.messages.create(to=CONTACT, from_="+14155550100", body=f"{n}").sid for n in range(5)]
    account.messages.create(to="+14155550143", from_="+14155550100", body="to another")
    sandbox.sms("STOP", to="+14155550101")
    found = account.messages.list(to=CONTACT, from_="+14155550100", page_size=2)
    assert [item.sid for item in found] == sids[::-1]
    now = datetime.now(UTC)
    assert len(account.messages.list(to=CONTACT, date_sent_after=now - timedelta(minutes=1))) == 5
    assert not account.messages.list(to=CONTACT, date_sent_before=now - timedelta(minutes=1))
    assert len(account.messages.list(date_sent=now.date())) == 7


def test_one_account_does_not_see_another(sandbox: SandboxClient, account: Client) -> None:
    sent = account.messages.create(to=CONTACT, from_="+14155550100", body="x")
    other = sandbox.identities.other_twilio
    stranger = twilio_client(sandbox, sid=other.account_sid, token=other.auth_token)
    with pytest.raises(TwilioRestException) as caught:
        stranger.messages(sent.sid or "").fetch()
    assert caught.value.status == 404
    assert refusal(stranger) == (400, 21606)


@pytest.mark.parametrize(("kind", "status", "code"), [("429", 429, 20429), ("500", 500, 20500)])
def test_faults_speak_twilio(sandbox: SandboxClient, account: Client, kind: str, status: int, code: int) -> None:
    sandbox.fail("twilio", kind, method="messages.create")
    assert refusal(account) == (status, code)
    assert account.messages.create(to=CONTACT, from_="+14155550100", body="x").sid
