"""What an agent may do in Slack beside answering: post a message to a channel."""

from pydantic import BaseModel, ConfigDict, Field

from services.kernel.errors import Refused
from services.provider_kit.contract import (
    Action,
    ActionContext,
    ActionResult,
    ActionRisk,
    OutboundMessage,
    SentMessage,
)
from services.providers.slack.client import SlackClient
from services.providers.slack.messaging import find_sent, send_message

_SHOWN_CHARACTERS = 200


class PostMessage(BaseModel):
    """A message to a channel of the workspace."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    # Channels only: the id or the name of a person would open a direct conversation with somebody in the workspace.
    channel: str = Field(
        pattern=r"^(#[^\s#@,]{1,80}|[CG][A-Z0-9]{8,20})$",
        description="Where to post: a channel's name with its #, such as #sales, or its id, such as C0123456789.",
    )
    text: str = Field(min_length=1, max_length=4000, description="What to post, in plain text.")


def describe_post(given: PostMessage) -> str:
    """Return what is to be posted, in one line."""
    text = " ".join(given.text.split())
    cut = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
    return f"Post to {given.channel}: “{cut}”"


def post_message(client: SlackClient, given: PostMessage, context: ActionContext) -> ActionResult:
    """Post the message with our mark.

    Raises:
        RetryLater: with ``ambiguous=True`` if Slack may have posted it.
        NeedsReauth, Refused
    """
    return _result(given, send_message(client, _outbound(given, context)))


def find_post(client: SlackClient, given: PostMessage, context: ActionContext) -> ActionResult | None:
    """Look for our mark in the channel.

    Raises:
        RetryLater: the look-up itself failed.
        Refused: the channel is known by its name only, or too much was posted since.
        NeedsReauth
    """
    if given.channel.startswith("#"):
        # Slack posts to a name but reads only by id. https://docs.slack.dev/reference/methods/conversations.history
        raise Refused("Slack does not look up messages by a channel's name.", code="no_sure_way", provider="slack")
    found = find_sent(client, _outbound(given, context))
    return _result(given, found) if found else None


def _outbound(given: PostMessage, context: ActionContext) -> OutboundMessage:
    return OutboundMessage(
        id=context.run_id,
        channel_id=given.channel,
        recipient="",
        text=given.text,
        attempted_at=context.attempted_at,
    )


def _result(given: PostMessage, sent: SentMessage) -> ActionResult:
    output = {"channel": sent.receipt["channel"], "ts": sent.receipt["ts"]}
    return ActionResult(output=output, said=f"Posted to {given.channel}.")


ACTIONS = (
    Action(
        name="post_message",
        label="Post a message to a Slack channel",
        description=(
            "Posts a message to a channel of the company's Slack workspace, which colleagues read. Use it to let them"
            " know something; never to answer the person you talk with."
        ),
        risk=ActionRisk.WRITES,
        input=PostMessage,
        describe=describe_post,
        run=post_message,
        find=find_post,
    ),
)
