"""What requests to the REST API look like. Answers are the services' own views."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("Remove zero characters.")
    return text


Text = Annotated[str, Field(max_length=20_000), AfterValidator(_storable)]
"""A text that the database can hold."""
Word = Annotated[str, Field(max_length=200), AfterValidator(_storable)]
"""A short one."""
Slug = Annotated[str, Field(max_length=50, pattern=r"^[a-z0-9_-]+$")]
"""A name that the catalogue gives out."""
Cursor = Annotated[
    str,
    Query(max_length=200, description="`next_cursor` of the page before; leave it out for the first page."),
    AfterValidator(_storable),
]
Limit = Annotated[int, Query(ge=1, le=100, description="Most items on a page.")]


class _Request(BaseModel):
    """Refuses what it does not know, so that a misspelt name is an error and no other column can be set."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class NewAgent(_Request):
    """An agent to create."""

    name: Text
    purpose: Text = ""
    instructions: Text = ""
    model: Text = ""


class AgentChanges(_Request):
    """What to change of an agent; what is left out stays."""

    name: Text | None = None
    purpose: Text | None = None
    instructions: Text | None = None
    model: Text | None = None


class PlaybookItem(_Request):
    """One question with its answer."""

    question: Text
    answer: Text


class NewPlaybook(_Request):
    """All entries of a playbook, in order; replaces what was there."""

    entries: Annotated[tuple[PlaybookItem, ...], Field(max_length=1000)]


class NewConnection(_Request):
    """An account to connect by keys."""

    provider: Slug
    scheme: Annotated[Slug, Field(description="Id of one of the provider's ways to connect.")]
    agent_id: UUID | None = None
    values: Annotated[
        dict[Word, Text | bool],
        Field(max_length=50, description="By field name, as the provider's catalogue entry lists them."),
    ]


class ConnectionChanges(_Request):
    """What to change of a connection; what is left out stays."""

    name: Annotated[Word | None, Field(description="Empty takes the name away.")] = None
    agent_id: Annotated[UUID | None, Field(description="None gives it to the whole company.")] = None


class NewKeys(_Request):
    """Keys to repair a connection with."""

    values: Annotated[
        dict[Word, Text | bool],
        Field(max_length=50, description="By field name; what is not secret may be left out."),
    ]


class NewApp(_Request):
    """An app that the tenant registered at a provider."""

    provider: Slug
    values: Annotated[
        dict[Word, Text],
        Field(max_length=50, description="By field name, as the provider's app guide lists them."),
    ]
    manifest_version: Annotated[
        int, Field(ge=0, le=10_000, description="Of the manifest it was made from; 0 if it was made by hand.")
    ] = 0


class AppChanges(_Request):
    """What to change of an app; what is left out stays."""

    values: Annotated[dict[Word, Text], Field(max_length=50, description="By field name.")] = Field(
        default_factory=dict[Word, Text]
    )
    manifest_version: Annotated[int | None, Field(ge=0, le=10_000)] = None


class Disconnection(_Request):
    """How to disconnect."""

    keep_history: Annotated[bool, Field(description="False deletes conversations and deliveries.")] = True


class NumberAssignment(_Request):
    """Who answers on a number."""

    agent_id: Annotated[UUID | None, Field(description="None takes the number from its agent.")]


class NewNoticeTarget(_Request):
    """A place where owners are told."""

    connection_id: Annotated[UUID, Field(description="What the notices go through.")]
    channel_id: Annotated[Word, Field(description="Id of a channel or person there, or a phone number.")]
    label: Annotated[Word, Field(description="What people call the place; the id if left out.")] = ""
