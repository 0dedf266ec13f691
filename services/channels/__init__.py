"""Shared channels: listed page by page, and for each what the agent answers there."""

from services.channels.listing import request_listing, work_listing
from services.channels.service import add_channel, list_channels, list_heard, set_default, set_policy
from services.channels.views import ChannelPage, ChannelView, DefaultView, HeardView, ListingView

__all__ = [
    "ChannelPage",
    "ChannelView",
    "DefaultView",
    "HeardView",
    "ListingView",
    "add_channel",
    "list_channels",
    "list_heard",
    "request_listing",
    "set_default",
    "set_policy",
    "work_listing",
]
