"""Plays Telegram for the conformance suite."""

from collections.abc import Mapping
from datetime import datetime

from services.provider_kit.contract import OutboundMessage, WebhookRequest
from tests.providers.harness import NOW, MessagingWire, Reply, WebhookWire, Wire, json_reply

BOT, OTHER_BOT = "123456789", "987654321"
CONTACT = "5512340987"


def sign(request: WebhookRequest, secrets: Mapping[str, str], now: datetime) -> Mapping[str, str]:
    """Repeat the secret, as Telegram does with every update."""
    return {"X-Telegram-Bot-Api-Secret-Token": secrets["signing_secret"]}


def refusal(status: int, description: str, **more: object) -> Reply:
    """Return an unsuccessful answer in Telegram's form."""
    return json_reply({"ok": False, "error_code": status, "description": description, **more}, status=status)


WIRE = Wire(
    account_id=BOT,
    other_account_id=OTHER_BOT,
    settings={},
    secrets={
        "api_token": f"{BOT}:AAcanary-token-0c9d8e7f6a5b4c3d2e1f",
        "signing_secret": f"{BOT}_canary-0c9d8e7f6a5b4c3d2e1f0a9b",
    },
    other_secrets={
        "api_token": f"{OTHER_BOT}:AAanother-token-1d0e9f8a7b6c5d4e3f2a",
        "signing_secret": f"{OTHER_BOT}_another-1d0e9f8a7b6c5d4e3f2a1b0c",
    },
    secret_in_path="api_token",
    verified=json_reply(
        {
            "ok": True,
            "result": {"id": int(BOT), "is_bot": True, "first_name": "Northwind", "username": "northwind_bot"},
        }
    ),
    webhooks=WebhookWire(
        sign=sign,
        signature_header="x-telegram-bot-api-secret-token",
        timestamped=False,
        signs_body=False,
        unknown=(
            ("updates", b'{"update_id":871349210,"edited_message":{"message_id":41}}'),
            ("updates", b'{"update_id":871349211,"my_chat_member":{"date":1795176000}}'),
        ),
    ),
    messaging=MessagingWire(
        message=OutboundMessage(
            id="0197f0aa-7c1e-7b3a-9d52-2f6a3f6f0c11",
            channel_id=CONTACT,
            recipient=CONTACT,
            text="We open at nine.",
            attempted_at=NOW,
        ),
        accepted=json_reply(
            {
                "ok": True,
                "result": {
                    "message_id": 44,
                    "from": {"id": int(BOT), "is_bot": True, "first_name": "Northwind", "username": "northwind_bot"},
                    "chat": {"id": int(CONTACT), "first_name": "Ada", "type": "private"},
                    "date": 1795176005,
                    "text": "We open at nine.",
                },
            }
        ),
        external_id=f"{CONTACT}:44",
        refusals={
            "contact_blocked": refusal(403, "Forbidden: bot was blocked by the user"),
            "contact_gone": refusal(403, "Forbidden: user is deactivated"),
            "contact_never_wrote": refusal(403, "Forbidden: bot can't initiate conversation with a user"),
            "chat_not_found": refusal(400, "Bad Request: chat not found"),
            "refused": refusal(400, "Bad Request: message text is empty"),
        },
        found=None,
        not_found=None,
    ),
)
