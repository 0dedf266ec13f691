"""What a calendar holds, what changed in it, and being told of changes.

https://developers.google.com/workspace/calendar/api/guides/sync
https://developers.google.com/workspace/calendar/api/guides/push
"""

from datetime import UTC, datetime

from services.kernel.errors import Refused
from services.provider_kit.contract import CursorExpired, EventPage, SubscriptionGrant, SubscriptionRequest
from services.providers.google_calendar.client import GoogleClient
from services.providers.google_calendar.errors import CURSOR_EXPIRED
from services.providers.google_calendar.events import is_meeting, read_event
from services.providers.google_calendar.schemas import Channel, EventList

# Small enough that a page of invitations to hundreds stays below the largest answer that we read.
_PAGE_SIZE = 100


def read_page(
    client: GoogleClient, *, calendar_id: str, cursor: str, page: str, begins_at: datetime, ends_at: datetime
) -> EventPage:
    """Return one page of all single dates between two times, or of what changed since a cursor.

    Google expects every page and every later list to be asked for like the first, but for the times, which the cursor
    remembers; deleted events are always among the changes.

    Raises:
        CursorExpired: also if Google has lost the place in a list that is being read.
        NeedsReauth, RetryLater, Refused
    """
    place = {"syncToken": cursor} if cursor else {"timeMin": _stamp(begins_at), "timeMax": _stamp(ends_at)}
    if page:
        place["pageToken"] = page
    request = client.events.list(
        calendarId=calendar_id, singleEvents=True, showDeleted=True, maxResults=_PAGE_SIZE, **place
    )
    try:
        listed = client.read(request, EventList)
    except Refused as error:
        if error.status == 410 or error.code == CURSOR_EXPIRED:
            raise CursorExpired from error
        raise
    return EventPage(
        events=tuple(read_event(item, time_zone=listed.timeZone) for item in listed.items if is_meeting(item)),
        next_page=listed.nextPageToken,
        next_cursor=listed.nextSyncToken,
        calendar_name=listed.summary,
        time_zone=listed.timeZone,
    )


def subscribe(client: GoogleClient, request: SubscriptionRequest) -> SubscriptionGrant:
    """Open a notification channel (``events.watch``). How long it lives, Google decides.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    body = {"id": request.id, "token": request.token.reveal(), "type": "web_hook", "address": request.url}
    opened = client.read(client.events.watch(calendarId=request.calendar_id, body=body), Channel)
    return SubscriptionGrant(
        resource_id=opened.resourceId, expires_at=datetime.fromtimestamp(opened.expiration / 1000, UTC)
    )


def unsubscribe(client: GoogleClient, *, subscription_id: str, resource_id: str) -> None:
    """Close a notification channel (``channels.stop``); one that is gone already is no error.

    Without the resource id, which an unfinished subscription lacks, Google closes nothing: such a channel ends by
    itself, and what it says until then is refused.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    if not resource_id:
        return
    try:
        client.run(client.channels.stop(body={"id": subscription_id, "resourceId": resource_id}))
    except Refused as error:
        if error.status != 404:
            raise


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
