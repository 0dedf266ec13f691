"""Lists the text messages that Twilio had for us. It calls a webhook once; what failed is never sent again.

https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources
"""

from collections.abc import Collection
from datetime import UTC, datetime
from urllib.parse import urlencode

from twilio.rest.api.v2010.account.message import MessageInstance, MessagePage

from services.provider_kit.contract import MissedPage, MissedRequest
from services.providers.twilio.client import TwilioClient, guard

_PAGE_SIZE = 100


def list_missed(client: TwilioClient, *, since: datetime, addresses: Collection[str], cursor: str = "") -> MissedPage:
    """Return a page of the messages that came in on our numbers, the latest first, as Twilio would have posted them.

    Raises:
        NeedsReauth, RetryLater, Refused
    """

    def ask() -> tuple[list[MessageInstance], str]:
        page: MessagePage = (
            client.messages.get_page(cursor)
            if cursor
            else client.messages.page(date_sent_after=since, page_size=_PAGE_SIZE)
        )
        return list(page), page.next_page_url or ""

    listed, following = guard(ask)
    return MissedPage(
        requests=tuple(
            _request(client.sid, item, at)
            for item in listed
            if item.direction == "inbound" and item.sid and item.to in addresses and (at := _time(item)) is not None
        ),
        next_cursor=following,
    )


def _request(account_sid: str, item: MessageInstance, at: datetime) -> MissedRequest:
    fields: dict[str, object] = {
        "MessageSid": item.sid,
        "SmsMessageSid": item.sid,
        "SmsSid": item.sid,
        "SmsStatus": "received",
        "AccountSid": account_sid,
        "From": item.from_,
        "To": item.to,
        "Body": item.body or "",
        "NumMedia": item.num_media or "0",
        "NumSegments": item.num_segments or "1",
    }
    return MissedRequest(
        kind="sms", at=at, body=urlencode({name: str(value) for name, value in fields.items()}).encode()
    )


def _time(item: MessageInstance) -> datetime | None:
    at = item.date_sent or item.date_created
    if not isinstance(at, datetime):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
