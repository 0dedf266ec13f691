"""What an agent may do through Twilio beside answering: send a text message."""

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
from services.providers.twilio.client import TwilioClient
from services.providers.twilio.messaging import find_sent
from services.providers.twilio.messaging import send_message as send

_SHOWN_CHARACTERS = 200


class SendSms(BaseModel):
    """A text message to a phone number."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    to: str = Field(
        pattern=r"^\+[1-9][0-9]{6,14}$",
        description="The phone number with + and country code and nothing else, such as +14155550123 (E.164).",
    )
    body: str = Field(min_length=1, max_length=1600, description="What to write, in plain text.")


def describe_sms(given: SendSms) -> str:
    """Return what is to be sent, in one line."""
    text = " ".join(given.body.split())
    cut = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
    return f"Text {given.to}: “{cut}”"


def recipients_of(given: SendSms) -> tuple[str, ...]:
    """Return whom the message reaches."""
    return (given.to,)


def send_sms(client: TwilioClient, given: SendSms, context: ActionContext) -> ActionResult:
    """Send the message from the agent's own number.

    Raises:
        RetryLater: with ``ambiguous=True`` if Twilio may have accepted it.
        Refused: the agent has no number, or Twilio does not accept the message.
        NeedsReauth
    """
    return _result(given, send(client, _outbound(given, context)))


def find_sms(client: TwilioClient, given: SendSms, context: ActionContext) -> ActionResult | None:
    """Look for the same text to the same number since the attempt.

    Raises:
        RetryLater: the look-up itself failed.
        Refused: too much was sent since then to be sure.
        NeedsReauth
    """
    found = find_sent(client, _outbound(given, context))
    return _result(given, found) if found else None


def _outbound(given: SendSms, context: ActionContext) -> OutboundMessage:
    if not context.senders:
        raise Refused(
            "The agent has no phone number of its own on this account. Assign one to it on the connection's card.",
            code="no_sender",
            provider="twilio",
        )
    return OutboundMessage(
        id=context.run_id,
        channel_id=context.senders[0],
        recipient=given.to,
        text=given.body,
        attempted_at=context.attempted_at,
    )


def _result(given: SendSms, sent: SentMessage) -> ActionResult:
    return ActionResult(output={"sid": sent.external_id, "to": given.to}, said=f"Sent a text message to {given.to}.")


ACTIONS = (
    Action(
        name="send_sms",
        label="Send a text message",
        description=(
            "Sends a text message from your own number. Use it when the person asks for a text message; never to"
            " answer somebody who already writes to you by text message."
        ),
        risk=ActionRisk.WRITES,
        input=SendSms,
        describe=describe_sms,
        run=send_sms,
        find=find_sms,
        recipients=recipients_of,
    ),
)
