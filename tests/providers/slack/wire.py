"""Plays Slack for the conformance suite. Answers follow https://docs.slack.dev/reference/methods."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from services.provider_kit.contract import OutboundMessage, WebhookRequest
from tests.providers.harness import (
    NOW,
    DirectoryWire,
    MessagingWire,
    OAuthWire,
    Reply,
    RevokeWire,
    WebhookWire,
    Wire,
    json_reply,
)

MESSAGE_ID = "0197f0aa-7c1e-7b3a-9d52-2f6a3f6f0c11"
MARKER: Mapping[str, object] = {"event_type": "patchbay_message", "event_payload": {"message_id": MESSAGE_ID}}


def sign(request: WebhookRequest, secrets: Mapping[str, str], now: datetime) -> Mapping[str, str]:
    """Sign as Slack documents it, without its SDK."""
    timestamp = str(int(now.timestamp()))
    base = b"v0:" + timestamp.encode() + b":" + request.body
    digest = hmac.new(secrets["signing_secret"].encode(), base, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}"}


def refusal(word: str) -> Reply:
    """Return Slack's way of saying no: 200 and a word."""
    return json_reply({"ok": False, "error": word})


WIRE = Wire(
    account_id="T061EG9R6",
    other_account_id="T0OTHER99",
    settings={"bot_user_id": "U0LAN0Z89", "bot_id": "B0LAN0Z89", "bot_name": "frontdesk"},
    secrets={
        "bot_token": "xoxb-" + "17653672481-19874698323-canary1",
        "signing_secret": "8f742231b10e8888abcd99aaabbb85a5",
    },
    other_secrets={"bot_token": "xoxb-" + "99999999999-other", "signing_secret": "0" * 31 + "1"},
    verified=json_reply(
        {
            "ok": True,
            "url": "https://acme.slack.com/",
            "team": "Acme",
            "user": "frontdesk",
            "team_id": "T061EG9R6",
            "user_id": "U0LAN0Z89",
            "bot_id": "B0LAN0Z89",
        },
        headers={"x-oauth-scopes": "chat:write,im:history"},
    ),
    webhooks=WebhookWire(
        sign=sign,
        signature_header="x-slack-signature",
        timestamped=True,
        unknown=(
            (
                "events",
                json.dumps(
                    {
                        "type": "event_callback",
                        "team_id": "T061EG9R6",
                        "event_id": "Ev0UNKNOWN1",
                        "event": {"type": "user_change", "user": {"id": "U061F7AUR", "name": "kim"}},
                    }
                ).encode(),
            ),
            ("events", b'{"type":"app_requested","team_id":"T061EG9R6","event_id":"Ev0UNKNOWN2"}'),
        ),
    ),
    messaging=MessagingWire(
        message=OutboundMessage(
            id=MESSAGE_ID,
            channel_id="D024BE91L",
            recipient="U061F7AUR",
            reply_to="1763640000.000100",
            text="We open at nine.",
            attempted_at=NOW - timedelta(minutes=1),
        ),
        accepted=json_reply({"ok": True, "channel": "D024BE91L", "ts": "1763640005.000200", "message": {}}),
        external_id="D024BE91L:1763640005.000200",
        refusals={
            "channel_not_found": refusal("channel_not_found"),
            "is_archived": refusal("is_archived"),
            "not_in_channel": refusal("not_in_channel"),
            "missing_scope": json_reply({"ok": False, "error": "missing_scope", "needed": "chat:write"}),
            "brand_new_word": refusal("brand_new_word"),
            "unknown_error": refusal("<script>alert(1)</script>"),
        },
        found=json_reply(
            {
                "ok": True,
                "messages": [
                    {"type": "message", "user": "U061F7AUR", "text": "When?", "ts": "1763640000.000100"},
                    {"type": "message", "text": "other", "ts": "1763640004.000100", "metadata": {"event_type": "x"}},
                    {"type": "message", "text": "We open", "ts": "1763640005.000200", "metadata": MARKER},
                ],
                "has_more": False,
            }
        ),
        not_found=json_reply({"ok": True, "messages": [], "response_metadata": {"next_cursor": ""}}),
    ),
    directory=DirectoryWire(
        contact_id="U061F7AUR",
        known=json_reply(
            {
                "ok": True,
                "user": {
                    "id": "U061F7AUR",
                    "team_id": "T061EG9R6",
                    "name": "kim",
                    "profile": {"real_name": "Kim Larsen", "display_name": "kim"},
                },
            }
        ),
        name="Kim Larsen",
    ),
    revoke=RevokeWire(
        path="/auth.revoke",
        revoked=json_reply({"ok": True, "revoked": True}),
        kept=json_reply({"ok": True, "revoked": False}),
        ended_before=refusal("token_revoked"),
    ),
    oauth=OAuthWire(
        granted={
            "ok": True,
            "access_token": "xoxb-" + "17653672481-19874698323-canary1",
            "token_type": "bot",
            "scope": "chat:write,im:history",
            "bot_user_id": "U0LAN0Z89",
            "app_id": "A0KRD7HC3",
            "team": {"name": "Acme", "id": "T061EG9R6"},
            "enterprise": None,
            "authed_user": {"id": "U1234"},
        },
        refused=(
            {"ok": False, "error": "invalid_code"},
            {"ok": True},
            {
                "ok": True,
                "access_token": "xoxp-canary",
                "token_type": "user",
                "bot_user_id": "U1",
                "team": {"id": "T1"},
            },
            {
                "ok": True,
                "access_token": "xoxb-canary",
                "token_type": "bot",
                "bot_user_id": "U1",
                "team": None,
                "enterprise": {"id": "E1", "name": "Acme Group"},
                "is_enterprise_install": True,
            },
        ),
    ),
)
