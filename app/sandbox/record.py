"""The base of everything that the sandbox stores."""

from pydantic import BaseModel, ConfigDict, JsonValue

JsonObject = dict[str, JsonValue]


class Record(BaseModel):
    """Base of everything that is stored."""

    model_config = ConfigDict(extra="forbid")
