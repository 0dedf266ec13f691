"""Plays Resend for the conformance suite. Answers follow https://resend.com/docs/api-reference."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from services.provider_kit.contract import MessageAnnounced, OutboundMessage, OutgoingEmail, WebhookRequest
from tests.providers.harness import (
    DomainsWire,
    InboxWire,
    MessagingWire,
    Reply,
    WebhookWire,
    Wire,
    json_reply,
)

DOMAIN = "northwind.example"
OTHER_DOMAIN = "harborstudio.example"
AGENT = f"bri@{DOMAIN}"
CONTACT = "mia@harbor.example"
EMAIL_ID = "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"
DOMAIN_ID = "d91cd9bd-1176-453e-8fc1-35364d380206"
MESSAGE_ID = "0197f0aa-7c1e-7b3a-9d52-2f6a3f6f0c11"


def sign(request: WebhookRequest, secrets: Mapping[str, str], now: datetime) -> Mapping[str, str]:
    """Sign as Svix documents it, without its package."""
    event_id, moment = f"msg_{hashlib.sha256(request.body).hexdigest()[:27]}", str(int(now.timestamp()))
    key = base64.b64decode(secrets["signing_secret"].strip().removeprefix("whsec_"))
    digest = hmac.new(key, b".".join((event_id.encode(), moment.encode(), request.body)), hashlib.sha256).digest()
    return {
        "svix-id": event_id,
        "svix-timestamp": moment,
        "svix-signature": "v1," + base64.b64encode(digest).decode(),
    }


def refusal(status: int, name: str, message: str) -> Reply:
    """Return an error of the REST API."""
    return json_reply({"statusCode": status, "name": name, "message": message}, status=status)


def domain(name: str = DOMAIN, *, status: str = "verified", **changes: object) -> dict[str, object]:
    """Return a domain as the REST API lists it."""
    return {
        "id": DOMAIN_ID,
        "name": name,
        "status": status,
        "created_at": "2026-04-26T20:21:26.347412+00:00",
        "region": "eu-west-1",
        "capabilities": {"sending": "enabled", "receiving": "enabled"},
        **changes,
    }


def domains(*items: Mapping[str, object], has_more: bool = False) -> Reply:
    """Return a page of domains."""
    return json_reply({"object": "list", "has_more": has_more, "data": list(items)})


def record(kind: str, name: str, value: str, **changes: object) -> dict[str, object]:
    """Return a DNS record as the REST API shows it."""
    record = {"record": kind, "name": name, "type": "TXT", "ttl": "Auto", "status": "verified", "value": value}
    return {**record, **changes}


RECORDS = (
    record("SPF", "send", "feedback-smtp.eu-west-1.amazonses.com", type="MX", priority=10),
    record("DKIM", "resend._domainkey", "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCB"),
)


def received(**changes: object) -> dict[str, object]:
    """Return a received letter as the REST API shows it."""
    return {
        "object": "email",
        "id": EMAIL_ID,
        "to": [AGENT],
        "from": "Mia Ortega <Mia@Harbor.example>",
        "created_at": "2026-11-20T11:59:30.894719+00:00",
        "subject": "Opening hours",
        "html": None,
        "text": "When do you open?\n",
        "headers": {"return-path": f"<{CONTACT}>", "mime-version": "1.0"},
        "bcc": [],
        "cc": [],
        "reply_to": [],
        "received_for": [AGENT],
        "message_id": "<CAF+0123@mail.harbor.example>",
        "attachments": [],
        **changes,
    }


WIRE = Wire(
    account_id=DOMAIN,
    other_account_id=OTHER_DOMAIN,
    settings={"domain": DOMAIN, "domain_id": DOMAIN_ID, "region": "eu-west-1"},
    secrets={
        "api_key": "re_9fK2xQ7w_Tz3Bv6Nq8Lm1Rc4Yh5Jd0Sg",
        "signing_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    },
    other_secrets={"api_key": "re_00000000_canary", "signing_secret": "whsec_" + "C2FuYXJ5" * 4},
    verified=domains(domain()),
    webhooks=WebhookWire(
        sign=sign,
        signature_header="svix-signature",
        timestamped=True,
        unknown=(
            (
                "events",
                b'{"type":"email.opened","created_at":"2026-11-20T12:00:00.000Z","data":{"email_id":"49a3999c",'
                b'"from":"Bri <bri@northwind.example>","to":["mia@harbor.example"],"subject":"Hi"}}',
            ),
            (
                "events",
                b'{"type":"email.delivery_delayed","created_at":"2026-11-20T12:00:00.000Z","data":'
                b'{"email_id":"49a3999c","from":"bri@northwind.example","to":["mia@harbor.example"],"subject":"Hi"}}',
            ),
            (
                "events",
                b'{"type":"contact.created","created_at":"2026-11-20T12:00:00.000Z","data":{"id":"e169aa45",'
                b'"audience_id":"78261eea","email":"mia@harbor.example","unsubscribed":false}}',
            ),
        ),
    ),
    messaging=MessagingWire(
        message=OutboundMessage(
            id=MESSAGE_ID,
            channel_id=AGENT,
            recipient=CONTACT,
            text="We open at **nine**.",
            attempted_at=datetime.now(UTC) - timedelta(minutes=1),
            email=OutgoingEmail(
                internet_message_id=f"{MESSAGE_ID}@{DOMAIN}",
                in_reply_to="CAF+0123@mail.harbor.example",
                references=("first@mail.harbor.example", "CAF+0123@mail.harbor.example"),
                subject="Re: Opening hours",
                from_address=AGENT,
                from_name="Bri, Northwind",
                reply_to=f"team@{DOMAIN}",
                to=(CONTACT,),
                headers={"X-Agent-ID": "7f2c", "Auto-Submitted": "auto-replied"},
            ),
        ),
        accepted=json_reply({"id": EMAIL_ID}),
        external_id=EMAIL_ID,
        refusals={
            "restricted_api_key": refusal(401, "restricted_api_key", "This API key is restricted to only send emails"),
            "domain_not_verified": refusal(403, "validation_error", f"The {DOMAIN} domain is not verified."),
            "test_letters_only": refusal(
                403, "validation_error", "You can only send testing emails to your own email address."
            ),
            "invalid_from_address": refusal(422, "invalid_from_address", "Invalid `from` field."),
            "validation_error": refusal(422, "validation_error", "Invalid `to` field: nobody@nowhere"),
            "invalid_idempotent_request": refusal(409, "invalid_idempotent_request", "Same key, another body."),
            "monthly_quota_exceeded": refusal(429, "monthly_quota_exceeded", "You have reached your monthly quota."),
        },
        # The same key and the same letter: Resend answers with what it accepted the first time.
        found=json_reply({"id": EMAIL_ID}),
        not_found=None,
    ),
    inbox=InboxWire(
        announced=MessageAnnounced(external_id=EMAIL_ID, addresses=(AGENT,)),
        fetched=(json_reply(received()),),
        external_id=EMAIL_ID,
        contact_id=CONTACT,
        text="When do you open?",
    ),
    domains=DomainsWire(
        listed=(
            domains(domain(f"news.{DOMAIN}", id="second", status="pending"), domain()),
            json_reply({"object": "domain", **domain(), "records": RECORDS}),
            json_reply({"object": "domain", **domain(f"news.{DOMAIN}", id="second", status="pending"), "records": []}),
        ),
        names=(DOMAIN, f"news.{DOMAIN}"),
        checked=json_reply({"object": "domain", "id": DOMAIN_ID}),
        domain_id=DOMAIN_ID,
    ),
)
