"""What the sandbox remembers: the providers' side of the world as plain data, kept in one file."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from app.sandbox.google_state import GoogleState
from app.sandbox.record import JsonObject, Record
from app.sandbox.resend_state import ResendState
from services.kernel.errors import ConfigurationError

_FLUSH_AFTER_SECONDS = 0.2
_LEDGER_SIZE = 2000
_STORED = TypeAdapter(JsonObject)


class SlackUser(Record):
    """A person in a workspace."""

    id: str
    name: str
    real_name: str
    email: str
    title: str = ""


class SlackChannel(Record):
    """A channel, or a direct conversation between ``user`` and the bot user ``bot``."""

    id: str
    name: str = ""
    is_private: bool = False
    user: str = ""
    bot: str = ""
    members: list[str] = Field(default_factory=list[str])
    topic: str = ""

    @property
    def is_im(self) -> bool:
        """Whether this is a direct conversation."""
        return bool(self.user)


class SlackMessage(Record):
    """One message in a channel."""

    ts: str
    user: str
    text: str
    thread_ts: str = ""
    bot_id: str = ""
    app_id: str = ""
    client_msg_id: str = ""
    blocks: list[JsonValue] = Field(default_factory=list[JsonValue])
    metadata: JsonObject | None = None


class SlackTeam(Record):
    """A workspace."""

    id: str
    name: str
    domain: str
    users: list[SlackUser]
    channels: dict[str, SlackChannel]
    messages: dict[str, list[SlackMessage]] = Field(default_factory=dict[str, list[SlackMessage]])


class SlackApp(Record):
    """An app as its owner configured it at Slack."""

    id: str
    name: str
    client_id: str
    client_secret: str
    signing_secret: str
    verification_token: str
    bot_user_id: str
    bot_id: str
    redirect_uris: list[str] = Field(default_factory=list[str])
    events_url: str = ""
    home_team_id: str = ""
    """Set for an app that a workspace made for itself: installed there from the start, and nowhere else."""
    token_seconds: int = 0
    """How long its bot tokens live; 0 if token rotation is off and they live until they are revoked."""


class SlackInstallation(Record):
    """An app in a workspace, with its bot token."""

    app_id: str
    team_id: str
    token: str
    scopes: list[str]
    installed_by: str
    revoked: bool = False
    expires_at: float = 0.0
    """When the token ends; 0 if it does not."""
    refresh_token: str = ""
    """What renews it, once; empty without token rotation."""
    previous_token: str = ""
    """The token before the last renewal; it lives to its own end."""
    previous_expires_at: float = 0.0


class SlackCode(Record):
    """An authorization code on its way from the consent page to the token exchange."""

    app_id: str
    team_id: str
    user_id: str
    scopes: list[str]
    redirect_uri: str
    """Empty if the authorization request named none."""
    code_challenge: str
    expires_at: float
    used: bool = False


class SlackState(Record):
    """All of Slack."""

    teams: list[SlackTeam]
    apps: list[SlackApp]
    installations: list[SlackInstallation]
    codes: dict[str, SlackCode] = Field(default_factory=dict[str, SlackCode])
    last_ts: float = 0.0


class TwilioNumber(Record):
    """A phone number of an account, and where its messages go."""

    sid: str
    phone_number: str
    friendly_name: str
    sms_url: str = ""
    sms_method: str = "POST"
    status_callback: str = ""


class TwilioMessage(Record):
    """One text message, in or out."""

    sid: str
    direction: str
    sender: str
    to: str
    body: str
    status: str
    created_at: float
    sent_at: float | None = None
    updated_at: float
    status_callback: str = ""
    error_code: int | None = None
    notice: bool = False
    """True for the network's own answer to STOP, START and HELP, which the API does not list."""


class TwilioAccount(Record):
    """An account with its numbers, messages and opt-outs."""

    sid: str
    auth_token: str
    friendly_name: str
    numbers: list[TwilioNumber]
    messages: list[TwilioMessage] = Field(default_factory=list[TwilioMessage])
    opted_out: list[tuple[str, str]] = Field(default_factory=list[tuple[str, str]])
    """Pairs of our number and the contact's."""


class TwilioState(Record):
    """All of Twilio, and what the network will do with messages to a number (status, error code)."""

    accounts: list[TwilioAccount]
    outcomes: dict[str, tuple[str, int]] = Field(default_factory=dict[str, tuple[str, int]])


class ModelState(Record):
    """The language model: its key, and the answers it was told to give next."""

    api_key: str
    scripted: list[JsonObject] = Field(default_factory=list[JsonObject])


class Fault(Record):
    """Something that goes wrong the next ``count`` times."""

    service: str
    method: str = "*"
    kind: str
    count: int = Field(default=1, ge=1)
    retry_after: int = Field(default=1, ge=0)
    seconds: float = Field(default=30.0, ge=0, le=600)


class Happened(Record):
    """A fault that came true."""

    service: str
    method: str
    kind: str
    at: float


class Accepted(Record):
    """A message that the product handed over and a provider accepted."""

    service: str
    id: str
    at: float
    account: str
    channel: str
    sender: str
    text: str
    thread_ts: str = ""
    metadata: JsonObject | None = None


class Attempt(Record):
    """One try at delivering a webhook."""

    number: int
    at: float
    milliseconds: int
    status: int | None = None
    reason: str = ""
    answer: str = ""


class Delivery(Record):
    """A webhook that the sandbox sent to the product, with what came of it."""

    id: str
    service: str
    type: str
    account: str
    """Whose secret signs it: Slack app id, Twilio account SID, Resend webhook id."""
    url: str
    method: str = "POST"
    body: str
    content_type: str
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    message_id: str = ""
    """The Slack ``ts`` or Twilio SID it is about."""
    attempts: list[Attempt] = Field(default_factory=list[Attempt])
    finished: bool = False


class Pace(Record):
    """How fast time runs here: real retry schedules last minutes."""

    slack_timeout_seconds: float = 3.0
    slack_retry_seconds: tuple[float, ...] = (0.2, 1.0, 3.0)
    twilio_timeout_seconds: float = 15.0
    twilio_retry_seconds: tuple[float, ...] = (0.2,)
    sms_step_seconds: float = 0.15
    resend_timeout_seconds: float = 15.0
    resend_retry_seconds: tuple[float, ...] = (0.2, 1.0, 3.0)
    resend_send_seconds: float = Field(default=0.0, ge=0, le=10)
    """How long an e-mail is being accepted: the time in which its idempotency key is taken."""
    google_timeout_seconds: float = 15.0
    google_retry_seconds: tuple[float, ...] = (0.2, 1.0, 3.0)
    mail_step_seconds: float = 0.15


class SandboxState(Record):
    """Everything."""

    slack: SlackState
    twilio: TwilioState
    model: ModelState
    resend: ResendState
    google: GoogleState
    pace: Pace = Field(default_factory=Pace)
    faults: list[Fault] = Field(default_factory=list[Fault])
    happened: list[Happened] = Field(default_factory=list[Happened])
    accepted: list[Accepted] = Field(default_factory=list[Accepted])
    deliveries: list[Delivery] = Field(default_factory=list[Delivery])
    calls: dict[str, int] = Field(default_factory=dict[str, int])
    """How often each method was called, as ``slack chat.postMessage``."""


def read_state(path: Path) -> SandboxState:
    """Read a state file.

    Raises:
        ConfigurationError: it was written by another version, or damaged.
    """
    try:
        return SandboxState.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise _unreadable(path) from error


def complete_state(path: Path, *, fresh: Callable[[], SandboxState]) -> SandboxState:
    """Read a state file; the services that joined since it was written are added to it and saved.

    Args:
        fresh: makes what is missing.

    Raises:
        ConfigurationError: the file is damaged.
    """
    try:
        stored = _STORED.validate_json(path.read_bytes())
        if stored.keys() >= SandboxState.model_fields.keys():
            return SandboxState.model_validate(stored)
        state = SandboxState.model_validate({**fresh().model_dump(mode="json"), **stored})
    except ValidationError as error:
        raise _unreadable(path) from error
    write_state(path, state)
    return state


def _unreadable(path: Path) -> ConfigurationError:
    return ConfigurationError(f"The sandbox cannot read {path}; delete the file to start afresh.")


def write_state(path: Path, state: SandboxState, *, exclusive: bool = False) -> None:
    """Write a state file in one step, readable by its owner only.

    Args:
        exclusive: leave a file that exists already as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # mkstemp makes the file with mode 0600.
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(state.model_dump_json().encode())
        if exclusive:
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(draft)
        else:
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


class Store:
    """Holds the state of one running sandbox. Only the event loop's thread touches it.

    Args:
        path: the state file; it must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._flush: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self.released = asyncio.Event()
        self.state = read_state(path)
        self.version = 0

    def touch(self) -> None:
        """Note a change: readers that wait are woken, and the file follows soon."""
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(_FLUSH_AFTER_SECONDS, self.flush)

    def release(self) -> None:
        """Let callers go whom a fault keeps waiting."""
        self.released.set()
        self.released = asyncio.Event()

    def flush(self) -> None:
        """Write the file now."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        for ledger in (self.state.accepted, self.state.deliveries):
            del ledger[:-_LEDGER_SIZE]
        write_state(self._path, self.state)

    async def wait_for_change(self, *, after: int, seconds: float) -> None:
        """Return when there is a version later than ``after``, or the time is up."""
        try:
            async with asyncio.timeout(seconds):
                while self.version <= after:
                    await self._changed.wait()
        except TimeoutError:
            return
