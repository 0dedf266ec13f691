"""Plays Twilio for the conformance suite. Answers follow https://www.twilio.com/docs/usage/api."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from services.provider_kit.contract import OutboundMessage, WebhookRequest
from tests.providers.harness import (
    NOW,
    ChannelsWire,
    MessagingWire,
    ReconcileWire,
    Reply,
    WebhookWire,
    Wire,
    json_reply,
)

ACCOUNT_SID = "AC" + "5ef8732a3c49700934481addd5ce1659"
OTHER_SID = "AC" + "0000000000000000000000000000beef"
MESSAGE_SID = "SM" + "e88ba477e6c14ab58bea1e4b3a5a9d01"


def sign(request: WebhookRequest, secrets: Mapping[str, str], now: datetime) -> Mapping[str, str]:
    """Sign as Twilio documents it, without its SDK."""
    fields = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True, errors="replace")
    text = request.url + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.new(secrets["auth_token"].encode(), text.encode(), hashlib.sha1).digest()
    return {"X-Twilio-Signature": base64.b64encode(digest).decode()}


def refusal(code: int, message: str, *, status: int = 400) -> Reply:
    """Return an error of the REST API."""
    return json_reply({"code": code, "message": message, "more_info": "https://…", "status": status}, status=status)


def message_resource(**changes: object) -> dict[str, object]:
    """Return a message as the REST API shows it."""
    return {
        "sid": MESSAGE_SID,
        "account_sid": ACCOUNT_SID,
        "to": "+14155550111",
        "from": "+14155550100",
        "body": "We open at nine.",
        "status": "queued",
        "direction": "outbound-api",
        "num_segments": "1",
        "date_created": "Fri, 20 Nov 2026 11:59:30 +0000",
        "date_sent": None,
        "error_code": None,
        "uri": f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{MESSAGE_SID}.json",
        **changes,
    }


def incoming(*, to: str = "+14155550100") -> dict[str, object]:
    """Return a contact's message as the REST API shows it."""
    return message_resource(
        to=to,
        **{"from": "+14155550111"},
        body="When do you open on Saturday?",
        status="received",
        direction="inbound",
        num_media="0",
        date_sent="Fri, 20 Nov 2026 11:59:30 +0000",
    )


def messages(*items: Mapping[str, object]) -> Reply:
    """Return a list of messages."""
    return json_reply({"messages": list(items), "page": 0, "page_size": 100, "next_page_uri": None})


def number(last: str, *, sms: bool = True) -> dict[str, object]:
    """Return a phone number as the REST API shows it."""
    return {
        "sid": "PN" + last * 32,
        "account_sid": ACCOUNT_SID,
        "phone_number": f"+1415555010{last}",
        "friendly_name": f"(415) 555-010{last}",
        "capabilities": {"voice": True, "sms": sms, "mms": False, "fax": False},
        "sms_url": "",
        "sms_method": "POST",
    }


WIRE = Wire(
    account_id=ACCOUNT_SID,
    other_account_id=OTHER_SID,
    settings={"account_sid": ACCOUNT_SID},
    secrets={"auth_token": "2f9ac0ffee5d4b6a8e7f1a2b3c4d5e6f"},
    other_secrets={"auth_token": "1" * 32},
    verified=json_reply({"sid": ACCOUNT_SID, "friendly_name": "Acme", "status": "active", "type": "Full"}),
    webhooks=WebhookWire(
        sign=sign,
        signature_header="x-twilio-signature",
        timestamped=False,
        signs_url=True,
        kinds={"received": "sms", "sent": "status", "delivered": "status", "undelivered": "status", "failed": "status"},
        unknown=(
            ("status", f"MessageSid={MESSAGE_SID}&MessageStatus=partially_read&AccountSid={ACCOUNT_SID}".encode()),
            ("status", f"MessageSid={MESSAGE_SID}&MessageStatus=queued&AccountSid={ACCOUNT_SID}".encode()),
        ),
    ),
    messaging=MessagingWire(
        message=OutboundMessage(
            id="0197f0aa-7c1e-7b3a-9d52-2f6a3f6f0c11",
            channel_id="+14155550100",
            recipient="+14155550111",
            text="We open at nine.",
            status_url="https://patchbay.example/api/ai-agents/webhooks/twilio/3vGq0kT2/status",
            attempted_at=NOW - timedelta(minutes=1),
        ),
        accepted=json_reply(message_resource(), status=201),
        external_id=MESSAGE_SID,
        refusals={
            "opted_out": refusal(21610, "Attempt to send to unsubscribed recipient"),
            "invalid_recipient": refusal(21211, "Invalid 'To' Phone Number: +1canary"),
            "invalid_sender": refusal(21606, "The 'From' phone number is not valid"),
            "twilio_29999": refusal(29999, "Something new"),
            "refused": Reply(status=403, body=b"<html>no</html>"),
        },
        found=messages(
            message_resource(sid="SM" + "1" * 32, body="Something else"),
            message_resource(sid="SM" + "2" * 32, direction="inbound"),
            message_resource(),
            message_resource(sid="SM" + "3" * 32, date_created="Fri, 20 Nov 2026 10:00:00 +0000"),
        ),
        not_found=messages(),
    ),
    channels=ChannelsWire(
        listed=(
            json_reply(
                {
                    "incoming_phone_numbers": [number("0"), number("1", sms=False)],
                    "next_page_uri": f"/2010-04-01/Accounts/{ACCOUNT_SID}/IncomingPhoneNumbers.json?Page=1",
                }
            ),
            json_reply({"incoming_phone_numbers": [number("2")], "next_page_uri": None}),
        ),
        addresses=("+14155550100", "+14155550101", "+14155550102"),
        routed=json_reply(number("0")),
    ),
    reconcile=ReconcileWire(
        listed=(
            json_reply(
                {
                    "messages": [message_resource(sid="SM" + "4" * 32), incoming(), incoming(to="+14155550102")],
                    "next_page_uri": f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json?PageSize=100&Page=1",
                }
            ),
            messages(message_resource(sid="SM" + "5" * 32)),
        ),
        addresses=("+14155550100",),
        payloads=("received__text",),
    ),
)
