"""What an agent can do beside talking: the port through which the line hands it actions, and nothing more.

The toolbox decides in code what may be called, for whom and how often; whoever answers only asks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One action as a model is told of it."""

    name: str
    description: str
    schema: Mapping[str, object]
    """JSON schema of its arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """What a model asks for. Nothing in it is proven: neither the name nor the arguments."""

    id: str
    """What the answer refers to."""
    name: str
    arguments: str
    """JSON, as the model wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A round of calls and their answers, in the calls' order."""

    text: str = ""
    """What the model wrote beside its calls; never sent to the contact."""
    calls: tuple[ToolCall, ...]
    answers: tuple[str, ...]


class Toolbox(Protocol):
    """The actions of one turn."""

    def list_tools(self) -> Sequence[Tool]:
        """Return what may be called; nothing if the agent has been granted nothing."""
        ...

    def list_earlier(self) -> Sequence[Exchange]:
        """Return what an earlier attempt at the same turn did already, so that it is not asked for again."""
        ...

    def describe_now(self) -> str:
        """Return date and time in the tenant's zone, in words."""
        ...

    def call(self, name: str, arguments: str) -> str:
        """Run an action, or say why not; the answer is data for the model. Called outside any transaction."""
        ...


class NoTools:
    """The toolbox of an agent that only talks."""

    def list_tools(self) -> Sequence[Tool]:
        """Return nothing."""
        return ()

    def list_earlier(self) -> Sequence[Exchange]:
        """Return nothing."""
        return ()

    def describe_now(self) -> str:
        """Return nothing; nobody asks."""
        return ""

    def call(self, name: str, arguments: str) -> str:
        """Refuse."""
        return f"There is no tool {name[:60]}; nothing was done. Arguments of {len(arguments)} characters were dropped."


NO_TOOLS = NoTools()
