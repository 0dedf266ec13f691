"""The account's phone numbers, and where Twilio sends what comes in on them."""

from collections.abc import Mapping, Sequence
from typing import cast

from twilio.rest.api.v2010.account.incoming_phone_number import IncomingPhoneNumberInstance

from services.kernel.errors import Refused
from services.provider_kit.contract import ExternalChannel
from services.providers.twilio.client import TwilioClient, guard

_PAGE_SIZE = 100
_MAX_NUMBERS = 2000


def list_channels(client: TwilioClient) -> Sequence[ExternalChannel]:
    """Return the account's phone numbers.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    numbers: list[IncomingPhoneNumberInstance] = guard(
        lambda: client.incoming_phone_numbers.list(page_size=_PAGE_SIZE, limit=_MAX_NUMBERS)
    )
    return tuple(_channel(number) for number in numbers if number.sid and number.phone_number)


def route_channel(client: TwilioClient, channel: ExternalChannel, *, webhook_urls: Mapping[str, str]) -> None:
    """Make Twilio post the number's incoming messages to our ``sms`` address.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    if "sms" not in channel.capabilities:
        raise Refused("This number cannot receive text messages. Pick another one.", code="no_sms", provider="twilio")
    guard(
        lambda: client.incoming_phone_numbers(channel.id).update(
            sms_url=webhook_urls["sms"],
            sms_method="POST",
            # A TwiML app on the number would win over the address.
            sms_application_sid="",
        )
    )


def _channel(number: IncomingPhoneNumberInstance) -> ExternalChannel:
    # The SDK's annotation says text; Twilio sends an object of flags.
    able = cast(Mapping[str, object], number.capabilities or {})
    return ExternalChannel(
        id=str(number.sid),
        address=str(number.phone_number),
        label=str(number.friendly_name or ""),
        capabilities=tuple(sorted(name.lower() for name, on in able.items() if on is True)),
    )
