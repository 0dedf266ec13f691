"""Google's side of the world as plain data: people, their calendars, and what apps may do with them."""

import secrets

from pydantic import Field

from app.sandbox.record import JsonObject, Record


class GoogleEvent(Record):
    """An entry of a calendar: a single event, a series, or an exception of a series."""

    id: str
    body: JsonObject
    """The resource, without what is worked out on the way out (kind, etag)."""
    revision: int
    """The calendar's revision that last changed it."""
    gone: dict[str, int] = Field(default_factory=dict[str, int])
    """A series' occurrences that are no more, with the revision since which they are not."""

    @property
    def is_cancelled(self) -> bool:
        """Whether it was deleted."""
        return self.body.get("status") == "cancelled"

    @property
    def series(self) -> str:
        """The id of the series it is an exception of; empty if it is none."""
        return str(self.body.get("recurringEventId", ""))


class GoogleCalendar(Record):
    """A calendar of one account."""

    id: str
    summary: str
    time_zone: str
    primary: bool = False
    revision: int = 0
    generation: int = 0
    """Sync tokens of earlier generations are no longer valid."""
    events: dict[str, GoogleEvent] = Field(default_factory=dict[str, GoogleEvent])
    conferences: dict[str, str] = Field(default_factory=dict[str, str])
    """Meet codes by the request id they were made for."""


class GoogleAccount(Record):
    """A person with a Google account."""

    sub: str
    email: str
    name: str
    calendars: list[GoogleCalendar]


class GoogleClient(Record):
    """An OAuth client as its owner registered it in the Google Cloud console."""

    client_id: str
    client_secret: str
    name: str
    redirect_uris: list[str] = Field(default_factory=list[str])
    is_testing: bool = False
    """A consent screen in Testing: refresh tokens end after seven days."""


class GoogleCode(Record):
    """An authorization code on its way from the consent page to the token exchange."""

    client_id: str
    sub: str
    scopes: list[str]
    redirect_uri: str
    code_challenge: str
    code_challenge_method: str
    offline: bool
    consented: bool
    """Whether the person was asked anew, as ``prompt=consent`` demands."""
    expires_at: float
    used: bool = False


class GoogleRefreshToken(Record):
    """What renews access tokens; it does not change when it is used."""

    token: str
    scopes: list[str]
    expires_at: float = 0.0
    """0 if it has no end of its own."""


class GoogleAccessToken(Record):
    """What opens the APIs for an hour."""

    token: str
    scopes: list[str]
    expires_at: float


class GoogleGrant(Record):
    """What one person allowed one client. Revoking any of its tokens ends it with all of them."""

    client_id: str
    sub: str
    scopes: list[str] = Field(default_factory=list[str])
    """All that was ever allowed: what ``include_granted_scopes`` adds to a new token."""
    refresh_tokens: list[GoogleRefreshToken] = Field(default_factory=list[GoogleRefreshToken])
    access_tokens: list[GoogleAccessToken] = Field(default_factory=list[GoogleAccessToken])
    is_refused: bool = False
    """Set by a test: the APIs answer 401 whatever token is shown."""


class GoogleChannel(Record):
    """A notification channel: a watch on the events of one calendar."""

    id: str
    token: str
    address: str
    client_id: str
    sub: str
    calendar_id: str
    resource_id: str
    resource_uri: str
    expires_at: float
    number: int = 0
    """Of the last message: they grow, but skip."""
    is_stopped: bool = False


class GoogleState(Record):
    """All of Google."""

    clients: list[GoogleClient]
    accounts: list[GoogleAccount]
    codes: dict[str, GoogleCode] = Field(default_factory=dict[str, GoogleCode])
    grants: list[GoogleGrant] = Field(default_factory=list[GoogleGrant])
    channels: list[GoogleChannel] = Field(default_factory=list[GoogleChannel])
    seeded_at: float = 0.0
    """When the calendars were filled; 0 if they have not been."""
    watch_seconds: int = 604_800
    """The longest life of a channel."""
    drop_notifications: int = 0
    """How many of the next notifications get lost."""
    double_notifications: int = 0
    """How many of the next notifications are sent twice."""


def new_google_state() -> GoogleState:
    """Make fresh keys, and people whose calendars are empty until the sandbox first looks at its clock."""
    digits = "".join(secrets.choice("0123456789") for _ in range(12))
    return GoogleState(
        clients=[
            GoogleClient(
                client_id=f"{digits}-{secrets.token_hex(16)}.apps.googleusercontent.com",
                client_secret=f"GOCSPX-{secrets.token_urlsafe(21)}",
                name="Patchbay",
            )
        ],
        accounts=[_new_account(*person) for person in _PEOPLE],
    )


def with_same_google_keys(old: GoogleState) -> GoogleState:
    """Return a fresh Google in which the clients have the keys they had, and nobody has allowed anything."""
    clients = [client.model_copy(update={"is_testing": False}) for client in old.clients]
    return new_google_state().model_copy(update={"clients": clients})


_PEOPLE = (
    ("104000000000000000001", "bri@northwind.example", "Bri Northwind", "Europe/Berlin"),
    ("104000000000000000002", "ops@northwind.example", "Northwind Operations", "America/New_York"),
    ("104000000000000000003", "studio@harbor.example", "Harbor Studio", "America/Los_Angeles"),
)


def _new_account(sub: str, email: str, name: str, time_zone: str) -> GoogleAccount:
    calendars = [
        GoogleCalendar(id=email, summary=email, time_zone=time_zone, primary=True),
        GoogleCalendar(
            id=f"c_{sub}@group.calendar.google.com", summary=f"{name}: launches", time_zone=time_zone, primary=False
        ),
    ]
    return GoogleAccount(sub=sub, email=email, name=name, calendars=calendars)
