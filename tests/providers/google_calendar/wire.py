"""Plays Google for the conformance suite. Answers follow https://developers.google.com/workspace/calendar/api/v3/reference."""

from collections.abc import Mapping
from datetime import UTC, datetime

from services.provider_kit.contract import WebhookRequest
from tests.providers.harness import CalendarWire, OAuthWire, Reply, RevokeWire, WebhookWire, Wire, json_reply

CHANNEL = "0197f0aa-7c1e-7b3a-9d52-2f6a3f6f0c11"
RESOURCE = "ret08u3rv24htgh289g"
ACCOUNT = "110169484474386276334"
EMAIL = "bri@northwind.example"
EVENTS_SCOPE = "https://www.googleapis.com/auth/calendar.events"

TIMED: Mapping[str, object] = {
    "kind": "calendar#event",
    "etag": '"3528472384000000"',
    "id": "7nq1kf4h2ud8m9s3a0cb5e6g",
    "status": "confirmed",
    "htmlLink": "https://www.google.com/calendar/event?eid=N25xMWtmNGg",
    "created": "2026-11-18T09:00:00.000Z",
    "updated": "2026-11-19T16:09:52.000Z",
    "summary": "Shoot planning",
    "description": "Bring the storyboard.",
    "location": "Studio 2",
    "creator": {"email": "ana@northwind.example"},
    "organizer": {"email": "Ana@northwind.example"},
    "start": {"dateTime": "2026-11-20T15:00:00+01:00", "timeZone": "Europe/Berlin"},
    "end": {"dateTime": "2026-11-20T15:45:00+01:00", "timeZone": "Europe/Berlin"},
    "iCalUID": "7nq1kf4h2ud8m9s3a0cb5e6g@google.com",
    "sequence": 0,
    "attendees": [
        {"email": "ana@northwind.example", "organizer": True, "responseStatus": "accepted"},
        {"email": EMAIL, "self": True, "responseStatus": "needsAction"},
        {"displayName": "A guest whose address is hidden", "responseStatus": "declined"},
    ],
    "hangoutLink": "https://meet.google.com/abc-defg-hij",
    "conferenceData": {
        "entryPoints": [{"entryPointType": "video", "uri": "https://meet.google.com/abc-defg-hij"}],
        "conferenceSolution": {"key": {"type": "hangoutsMeet"}, "name": "Google Meet"},
        "conferenceId": "abc-defg-hij",
    },
    "reminders": {"useDefault": True},
    "eventType": "default",
}
ALL_DAY: Mapping[str, object] = {
    "kind": "calendar#event",
    "etag": '"3528472384000002"',
    "id": "3b9d2kq7v1m5n8p0r4t6s2u9_20261123",
    "status": "tentative",
    "htmlLink": "https://www.google.com/calendar/event?eid=M2I5ZDJrcTc",
    "updated": "2026-11-19T16:09:52.000Z",
    "summary": "Trade fair",
    "organizer": {"email": EMAIL, "self": True},
    "start": {"date": "2026-11-23"},
    "end": {"date": "2026-11-25"},
    "recurringEventId": "3b9d2kq7v1m5n8p0r4t6s2u9",
    "originalStartTime": {"date": "2026-11-23"},
    "eventType": "default",
}
CANCELLED_DATE: Mapping[str, object] = {
    "kind": "calendar#event",
    "etag": '"3528472384000004"',
    "id": "3b9d2kq7v1m5n8p0r4t6s2u9_20261130",
    "status": "cancelled",
    "recurringEventId": "3b9d2kq7v1m5n8p0r4t6s2u9",
    "originalStartTime": {"date": "2026-11-30"},
}
WORKPLACE: Mapping[str, object] = {
    **ALL_DAY,
    "id": "5w0rkp1ace",
    "eventType": "workingLocation",
    "summary": "Home",
}


def page(*items: Mapping[str, object], **more: str) -> Reply:
    """Return a page of ``events.list``."""
    head = {"kind": "calendar#events", "etag": '"p33g"', "summary": EMAIL, "timeZone": "Europe/Berlin"}
    return json_reply({**head, "accessRole": "owner", "defaultReminders": [], "items": items, **more})


def refusal(status: int, reason: str, *, location: str = "", headers: Mapping[str, str] | None = None) -> Reply:
    """Return Google's way of saying no."""
    first = {"domain": "global", "reason": reason, "message": "canary"}
    if location:
        first |= {"locationType": "parameter", "location": location}
    return json_reply(
        {"error": {"errors": [first], "code": status, "message": "canary"}}, status=status, headers=headers
    )


def sign(request: WebhookRequest, secrets: Mapping[str, str], now: datetime) -> Mapping[str, str]:
    """Repeat the token of the subscription, which is all that Google offers."""
    return {"X-Goog-Channel-Token": secrets[CHANNEL].partition(" ")[2]}


WIRE = Wire(
    account_id=ACCOUNT,
    other_account_id="110169484474386279999",
    settings={"email": EMAIL},
    secrets={
        "access_token": "ya29.a0Canary1-access",
        "refresh_token": "1//0Canary2-refresh",
        CHANNEL: f"{RESOURCE} canary3token0123456789abcdef01234",
    },
    other_secrets={
        "access_token": "ya29.a0Other-access",
        "refresh_token": "1//0Other-refresh",
        CHANNEL: f"{RESOURCE} other0token0123456789abcdef012345",
    },
    verified=json_reply({"sub": ACCOUNT, "email": EMAIL, "email_verified": True, "hd": "northwind.example"}),
    webhooks=WebhookWire(
        sign=sign,
        signature_header="x-goog-channel-token",
        timestamped=False,
        signs_body=False,
        unknown=(("push", b""),),
        unknown_headers={
            "x-goog-channel-id": CHANNEL,
            "x-goog-resource-id": RESOURCE,
            "x-goog-resource-state": "moved",
            "x-goog-message-number": "7",
        },
        subscription_id=CHANNEL,
    ),
    revoke=RevokeWire(
        path="/revoke",
        revoked=json_reply({}),
        kept=None,
        ended_before=json_reply(
            {"error": "invalid_token", "error_description": "Token expired or revoked"}, status=400
        ),
    ),
    calendar=CalendarWire(
        pages=(page(TIMED, ALL_DAY, nextPageToken="CkAKMAo"), page(CANCELLED_DATE, nextSyncToken="CPDAlvWDx70CEPDA")),
        event_ids=(str(TIMED["id"]), str(ALL_DAY["id"])),
        removed_ids=(str(CANCELLED_DATE["id"]),),
        cursor_expired=(
            refusal(410, "fullSyncRequired"),
            refusal(410, "updatedMinTooLongAgo"),
            refusal(400, "invalid", location="syncToken"),
            refusal(400, "invalid", location="pageToken"),
        ),
        subscribed=json_reply(
            {
                "kind": "api#channel",
                "id": CHANNEL,
                "resourceId": RESOURCE,
                "resourceUri": "https://www.googleapis.com/calendar/v3/calendars/primary/events?alt=json",
                "token": "canary3token0123456789abcdef01234",
                "expiration": "1795867200000",
            }
        ),
        resource_id=RESOURCE,
        expires_at=datetime(2026, 11, 28, 12, 0, tzinfo=UTC),
        unsubscribed=Reply(status=204),
        gone=refusal(404, "notFound"),
    ),
    oauth=OAuthWire(
        granted={
            "access_token": "ya29.a0Canary1-access",
            "refresh_token": "1//0Canary2-refresh",
            "expires_in": 3599,
            "scope": f"openid https://www.googleapis.com/auth/userinfo.email {EVENTS_SCOPE}",
            "token_type": "Bearer",
            "id_token": "canary.canary.canary",
        },
        refused=(
            {"access_token": "ya29.canary", "expires_in": 3599, "scope": EVENTS_SCOPE, "token_type": "Bearer"},
            {"access_token": "ya29.canary", "refresh_token": "1//canary", "expires_in": 3599, "token_type": "mac"},
            {"access_token": "", "refresh_token": "1//canary", "expires_in": 3599, "token_type": "Bearer"},
            {"access_token": "ya29.canary", "refresh_token": "1//canary", "expires_in": 0, "token_type": "Bearer"},
            {"error": "invalid_grant", "error_description": "canary"},
        ),
    ),
)
