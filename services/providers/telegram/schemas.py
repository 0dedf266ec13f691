"""What Telegram posts to us, and how it says no. https://core.telegram.org/bots/api#update"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[int, Field(strict=True, gt=-(2**53), lt=2**53)]
"""At most 52 significant bits, negative for groups: https://core.telegram.org/bots/api#chat"""


class Person(BaseModel):
    """Who wrote."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: Id
    is_bot: bool = False
    first_name: str = Field(default="", max_length=256)
    last_name: str = Field(default="", max_length=256)


class Chat(BaseModel):
    """Where it was written."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: Id
    type: str = Field(min_length=1, max_length=40)


class Message(BaseModel):
    """A message; only what we read."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    message_id: Id
    date: int = Field(strict=True, ge=0, lt=2**33)
    """In seconds."""
    chat: Chat
    sender: Person | None = Field(default=None, alias="from")
    """Absent in channels."""
    text: str = ""

    @property
    def external_id(self) -> str:
        """What names it within the bot; Telegram numbers messages in each chat anew."""
        return f"{self.chat.id}:{self.message_id}"


class Update(BaseModel):
    """What every request has. Beside the id, exactly one field says what happened, and is named after it."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    update_id: Id


class MessageUpdate(Update):
    """Somebody wrote."""

    message: Message


class RefusalParameters(BaseModel):
    """What helps to go on after a refusal. https://core.telegram.org/bots/api#responseparameters"""

    model_config = ConfigDict(extra="ignore", frozen=True)
    retry_after: int = Field(default=0, ge=0)
    """In seconds."""


class Refusal(BaseModel):
    """An unsuccessful answer. https://core.telegram.org/bots/api#making-requests"""

    model_config = ConfigDict(extra="ignore", frozen=True)
    error_code: int = 0
    description: str = ""
    parameters: RefusalParameters = RefusalParameters()
