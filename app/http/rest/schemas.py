"""What requests to the REST API look like. Answers are the services' own views."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from models import GrantMode


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


class LimitNumbers(_Request):
    """How much is let through; none: any number."""

    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    excess: Annotated[Word, Field(description="What happens to the rest: `wait`, `hand_over` or `drop`.")] = "wait"


class GroupLimit(LimitNumbers):
    """The limit of one group."""

    group: Annotated[Word, Field(description="`slack`, `email`, `sms`, `chat` or `actions`.")]


class NewLimits(_Request):
    """An agent's limits; replaces what was set."""

    limits: Annotated[tuple[GroupLimit, ...], Field(max_length=20)]


class NewCompanyLimit(_Request):
    """What all agents together may send and do."""

    limit: LimitNumbers | None


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


class NewReply(_Request):
    """What a person answers a contact."""

    text: Text
    idempotency_key: Word = ""
    """The same key is the same reply, however often it is sent."""


class ChannelRule(_Request):
    """What agents answer in a channel."""

    mode: Word = ""
    """``all``, ``mentions`` or ``off``; empty: as the default says."""
    agent_id: UUID | None = None
    """Who answers; none: as the default says."""


class NewChannel(_Request):
    """A channel to take in before the list shows it."""

    external_id: Word
    """The provider's id."""


class NewSender(_Request):
    """An address that an agent is to write from."""

    agent_id: UUID
    address: Annotated[Word, Field(description="At a domain of the account that may be sent from.")]
    display_name: Annotated[Word, Field(description="Empty for the agent's name.")] = ""
    reply_to: Annotated[Word, Field(description="Where contacts' answers go; empty for the address itself.")] = ""


class SenderChanges(_Request):
    """A sender as it is to be."""

    agent_id: Annotated[UUID | None, Field(description="Left out: the same agent.")] = None
    address: Word
    display_name: Word = ""
    reply_to: Word = ""


class ActionGrantChange(_Request):
    """How far an agent may go with one action."""

    connection_id: UUID
    action: Word
    mode: Annotated[GrantMode | None, Field(description="None takes the grant away.")]


class Decision(_Request):
    """A person's decision on an action."""

    note: Annotated[Word, Field(description="Why, for colleagues; the contact does not see it.")] = ""


class NewReplay(_Request):
    """What to do again, and why."""

    kind: Annotated[
        Word,
        Field(
            description="`process`: route again, what took effect stays once; `rehearse`: let the agent answer into a"
            " draft that is not sent; `send`: send again what did not arrive."
        ),
    ]
    reason: Annotated[Text, Field(description="For the audit log; a dry run needs none.")] = ""
    dry_run: Annotated[bool, Field(description="Only count.")] = False
    may_double: Annotated[
        bool, Field(description="For `send`: also answers that the contact may have received already.")
    ] = False
    idempotency_key: Annotated[Word, Field(description="The same key is the same replay.")] = ""


class NewReplays(NewReplay):
    """Which deliveries to replay; at least one of the filters."""

    connection_id: UUID | None = None
    state: Word = ""
    provider: Word = ""
    event_type: Word = ""
    cause: Annotated[Word, Field(description="As a group names it.")] = ""
    since: datetime | None = None
    until: datetime | None = None
