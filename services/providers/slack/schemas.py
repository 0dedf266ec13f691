"""What Slack's Events API posts. https://docs.slack.dev/apis/events-api/"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[str, Field(max_length=120)]
Timestamp = Annotated[str, Field(pattern=r"^([0-9]{1,12}\.[0-9]{1,9})?$")]


class Authorization(BaseModel):
    """An installation that an event is for."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    team_id: Id | None = None


class RevokedTokens(BaseModel):
    """Whose tokens ended: people's (``oauth``) or the app's own (``bot``)."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    bot: tuple[Id, ...] = ()


class Event(BaseModel):
    """The inner event; only what we read."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    type: Id
    subtype: Id = ""
    channel: Id = ""
    channel_type: Id = ""
    user: Id = ""
    bot_id: Id | None = None
    text: str = ""
    ts: Timestamp = ""
    thread_ts: Timestamp = ""
    tokens: RevokedTokens | None = None


class Envelope(BaseModel):
    """One request of the Events API."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    type: Id
    team_id: Id = ""
    event_id: Id = ""
    minute_rate_limited: int = 0
    authorizations: tuple[Authorization, ...] = ()
