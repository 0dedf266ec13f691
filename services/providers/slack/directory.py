"""Who a Slack user id stands for."""

from collections.abc import Mapping
from typing import cast

from services.provider_kit.contract import Contact
from services.providers.slack.client import SlackClient, text_of


def get_contact(client: SlackClient, contact_id: str) -> Contact:
    """Return a member of the workspace by name (``users.info``, scope ``users:read``).

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    user = cast(Mapping[str, object], client.users_info(user=contact_id).get("user") or {})
    profile = cast(Mapping[str, object], user.get("profile") or {})
    name = text_of(profile.get("real_name")) or text_of(user.get("real_name")) or text_of(user.get("name"))
    return Contact(id=contact_id, scope=text_of(user.get("team_id")), name=name)
