"""What `patchbay doctor` gathers before it judges. ``None`` stands for what could not be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from services.operations.self_test import Seen
from services.operations.views import QueueView


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    """The key-encryption key."""

    source: str
    """A variable's name, or the file's path."""
    is_file: bool
    exists: bool = True
    mode: int = 0o600
    is_own: bool = True
    """Whether the file belongs to whoever runs this command."""
    problem: str = ""
    """Why it cannot be used, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """Connections that were granted the same scopes."""

    provider: str
    by_operator_app: bool
    """Through the operator's app; else through apps of the companies' own."""
    scopes: tuple[str, ...]
    connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """PostgreSQL."""

    skew_seconds: float
    """How far our clock is ahead of the database's."""
    settings: Mapping[str, str]
    version: int
    """``server_version_num``."""
    role: str
    is_above_isolation: bool
    """Whether that role passes row-level security by."""
    owns_tables: bool
    revision: str
    expected_revision: str
    queues: tuple[QueueView, ...] = ()
    processes: Mapping[str, int]
    has_own_webhooks: bool = False
    """Whether webhooks are to have a process of their own."""
    granted: tuple[Granted, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisFacts:
    """Redis."""

    is_told: bool = True
    """Whether it says anything about itself."""
    is_append_only: bool
    eviction: str
    memory_limit: int
    """In bytes; 0 for none."""
    append_sync: str = ""
    """When what was appended is written to the disk: ``always``, ``everysec`` or ``no``; empty if it does not say."""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressFacts:
    """What answered under the public address."""

    url: str
    is_https: bool
    is_loopback: bool
    outcome: Literal["ours", "unreachable", "foreign"]
    detail: str = ""
    refuses_forgeries: bool = True
    seen: Seen = field(default_factory=Seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFacts:
    """The operator's app at one provider."""

    provider: str
    name: str
    variables: Mapping[str, bool]
    """What it consists of, and whether that is set."""
    scopes: tuple[str, ...]
    """What the manifest asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFacts:
    """A provider that is connected, asked without a credential."""

    provider: str
    name: str
    trouble: str = ""
    """Why it was not reached, in words."""
    skew_seconds: float | None = None
    """How far our clock is ahead of its; none if it did not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFacts:
    """Where the data folder lies."""

    path: str
    free_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that is judged."""

    key: KeyFacts
    database: DatabaseFacts | None
    redis: RedisFacts | None
    address: AddressFacts | None
    apps: tuple[AppFacts, ...]
    providers: tuple[ProviderFacts, ...] = ()
    disk: DiskFacts | None
    version: str = ""
    """Patchbay's."""
    python: str = ""
