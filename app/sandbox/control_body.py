"""What every request to the control API shares."""

from pydantic import BaseModel, ConfigDict


class ControlError(Exception):
    """The control request makes no sense; the message says why."""


class Body(BaseModel):
    """Base of the control requests' bodies."""

    model_config = ConfigDict(extra="forbid")
