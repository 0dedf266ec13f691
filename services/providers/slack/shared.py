"""The workspace's channels, page by page. https://docs.slack.dev/reference/methods/conversations.list"""

from collections.abc import Mapping
from typing import cast

from services.kernel.errors import Refused
from services.provider_kit.contract import SharedChannel, SharedChannelPage
from services.providers.slack.client import SlackClient, text_of

_PAGE = 200
"""Slack recommends no more; the answer may hold fewer and still not be the last page."""
_TYPES = "public_channel,private_channel"


def list_page(client: SlackClient, *, cursor: str) -> SharedChannelPage:
    """Return one page of the channels that are not archived (scopes ``channels:read``, ``groups:read``).

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    answer = client.conversations_list(
        types=_TYPES, exclude_archived=True, limit=_PAGE, **({"cursor": cursor} if cursor else {})
    )
    channels = cast(list[Mapping[str, object]], answer.get("channels") or [])
    metadata = cast(Mapping[str, object], answer.get("response_metadata") or {})
    return SharedChannelPage(
        channels=tuple(_channel(item) for item in channels if text_of(item.get("id"))),
        next_cursor=text_of(metadata.get("next_cursor")),
    )


def get_channel(client: SlackClient, channel_id: str) -> SharedChannel:
    """Return one channel by its id (``conversations.info``).

    Raises:
        NeedsReauth, RetryLater
        Refused: there is no such channel, or the agent cannot see it.
    """
    channel = cast(Mapping[str, object], client.conversations_info(channel=channel_id).get("channel") or {})
    if not text_of(channel.get("id")) or channel.get("is_im") is True:
        raise Refused("Slack knows no channel with this id.", code="channel_not_found", provider="slack")
    return _channel(channel)


def _channel(item: Mapping[str, object]) -> SharedChannel:
    people = item.get("num_members")
    return SharedChannel(
        id=text_of(item.get("id")),
        name=text_of(item.get("name")),
        is_private=item.get("is_private") is True,
        is_member=item.get("is_member") is True,
        people_count=people if isinstance(people, int) else None,
    )
