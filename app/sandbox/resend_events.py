"""Resend's webhooks: what each event says, and how Svix signs it.

Shapes follow https://resend.com/docs/webhooks/introduction, signatures
https://docs.svix.com/receiving/verifying-payloads/how-manual.
"""

import base64
import hashlib
import hmac
import json
import secrets as random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from app.sandbox.resend_state import MailStep, ReceivedMail, ResendAccount, ResendState, SentMail
from app.sandbox.state import Delivery

EVENTS = (
    "email.sent",
    "email.scheduled",
    "email.delivered",
    "email.delivery_delayed",
    "email.complained",
    "email.bounced",
    "email.opened",
    "email.clicked",
    "email.received",
    "email.failed",
    "email.suppressed",
    "contact.created",
    "contact.updated",
    "contact.deleted",
    "domain.created",
    "domain.updated",
    "domain.deleted",
)
"""What a webhook can listen to."""
HEADER_FAMILIES: Mapping[str, Sequence[str]] = {
    "svix": ("svix",),
    "webhook": ("webhook",),
    "both": ("svix", "webhook"),
}
"""Under which names the signature's headers come; ``webhook`` are those of https://www.standardwebhooks.com."""
_SECRET_PREFIX = "whsec_"
_ID_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_DETAILS: Mapping[str, Mapping[str, object]] = {
    "bounced": {
        "bounce": {
            "type": "Permanent",
            "subType": "General",
            "message": "The recipient's email server rejected the message: the mailbox does not exist.",
            "diagnosticCode": "smtp; 550 5.1.1 user unknown",
        }
    },
    "failed": {"failed": {"reason": "reached_daily_quota"}},
    "suppressed": {
        "suppressed": {
            "type": "OnAccountSuppressionList",
            "message": "Resend has suppressed sending to this address because it is on the account's suppression list.",
        }
    },
}


def new_secret() -> str:
    """Make a signing secret in Svix's shape."""
    return _SECRET_PREFIX + base64.b64encode(random.token_bytes(24)).decode()


def iso(moment: float) -> str:
    """Return a moment as Resend writes it."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def signed_headers(
    state: ResendState, delivery: Delivery, *, moment: int, secrets: Sequence[str] | None
) -> dict[str, str]:
    """Return the headers that prove where a delivery comes from.

    Args:
        moment: the time of this attempt; each one is signed anew, under the same id.
        secrets: what to sign with instead of the webhook's own secrets.
    """
    if secrets is None:
        secrets = next(
            item.secrets for account in state.accounts for item in account.webhooks if item.id == delivery.account
        )
    signed = f"{delivery.id}.{moment}.{delivery.body}".encode()
    values = {
        "id": delivery.id,
        "timestamp": str(moment),
        "signature": " ".join(f"v1,{_signature(secret, signed)}" for secret in secrets),
    }
    return {"user-agent": "Svix-Webhooks/1.62.0 (sender-9YMgn; +https://www.svix.com/http-sender/)"} | {
        f"{family}-{name}": value for family in HEADER_FAMILIES[state.header_family] for name, value in values.items()
    }


def sent_event(account: ResendAccount, sent: SentMail, step: MailStep, *, now: float) -> list[Delivery]:
    """Return the webhooks that tell what became of a sent mail."""
    data: dict[str, object] = {
        "created_at": iso(sent.mail.at),
        "email_id": sent.mail.id,
        "message_id": sent.mail.message_id,
        "from": sent.mail.sender,
        "to": step.to,
        "subject": sent.mail.subject,
        **({"tags": sent.tags} if sent.tags else {}),
        **_DETAILS.get(step.event, {}),
    }
    return _deliveries(account, f"email.{step.event}", data, message_id=sent.mail.id, now=now)


def received_event(account: ResendAccount, received: ReceivedMail, *, now: float) -> list[Delivery]:
    """Return the webhooks that announce a mail: only what stands on its envelope and the names of its files."""
    mail = received.mail
    data: dict[str, object] = {
        "email_id": mail.id,
        "created_at": iso(mail.at),
        "from": mail.sender,
        "to": mail.to,
        "cc": mail.cc,
        "bcc": mail.bcc,
        "received_for": received.received_for,
        "message_id": mail.message_id,
        "subject": mail.subject,
        "attachments": [
            {
                "id": item.id,
                "filename": item.filename,
                "content_type": item.content_type,
                "content_disposition": "inline" if item.content_id else "attachment",
                "content_id": item.content_id or None,
            }
            for item in mail.attachments
        ],
    }
    return _deliveries(account, "email.received", data, message_id=mail.id, now=now)


def _deliveries(
    account: ResendAccount, kind: str, data: Mapping[str, object], *, message_id: str, now: float
) -> list[Delivery]:
    body = json.dumps({"type": kind, "created_at": iso(now), "data": data}, ensure_ascii=False)
    return [
        Delivery(
            id=f"msg_{''.join(random.choice(_ID_CHARACTERS) for _ in range(27))}",
            service="resend",
            type=kind,
            account=webhook.id,
            url=webhook.endpoint,
            body=body,
            content_type="application/json",
            message_id=message_id,
        )
        for webhook in account.webhooks
        if webhook.is_enabled and webhook.endpoint and kind in webhook.events
    ]


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
