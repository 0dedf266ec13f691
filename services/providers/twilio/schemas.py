"""What Twilio posts about text messages. https://www.twilio.com/docs/messaging/guides/webhook-request"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Sid = Annotated[str, Field(pattern=r"^[A-Z]{2}[0-9a-zA-Z]{32}$")]
Address = Annotated[str, Field(min_length=1, max_length=120)]


class IncomingMessage(BaseModel):
    """A message that came in on one of the numbers; only what we read."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    message_sid: Sid = Field(alias="MessageSid")
    account_sid: Sid = Field(alias="AccountSid")
    sender: Address = Field(alias="From")
    recipient: Address = Field(alias="To")
    body: str = Field(default="", alias="Body")
    opt_out_type: str = Field(default="", alias="OptOutType", max_length=20)


class StatusReport(BaseModel):
    """What became of a message of ours. https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks"""

    model_config = ConfigDict(extra="ignore", frozen=True)
    message_sid: Sid = Field(alias="MessageSid")
    account_sid: Sid = Field(alias="AccountSid")
    status: str = Field(alias="MessageStatus", min_length=1, max_length=40)
    error_code: str = Field(default="", alias="ErrorCode", max_length=20)
