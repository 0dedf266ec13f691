"""The truth about a calendar, and how it is told: in pages, by changes since a cursor, to whoever subscribed.

Pages are told as Google tells them: which meetings a list holds is fixed when it begins, what they are when their page
is read; removed ones come as removed in a list of changes, and not at all in a list of everything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from services.kernel.clock import Clock
from services.kernel.errors import Refused
from services.provider_kit.contract import (
    CursorExpired,
    EventPage,
    ExternalEvent,
    SubscriptionGrant,
    SubscriptionRequest,
)

SOURCES: dict[str, "Source"] = {}
"""By the account's name."""
RESOURCE = "resource-1"
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """One entry: a single meeting, or a series of ``count`` dates, one each day."""

    title: str
    starts_at: datetime
    count: int = 1
    cancelled: frozenset[int] = frozenset()
    """Dates that do not take place."""
    moved: Mapping[int, datetime] = field(default_factory=dict[int, datetime])

    def dates(self, id: str) -> dict[str, ExternalEvent]:
        """Return its single dates by their ids."""
        if self.count == 1:
            return {id: self._date(id, 0, series_id="")}
        return {f"{id}_{number}": self._date(f"{id}_{number}", number, series_id=id) for number in range(self.count)}

    def _date(self, id: str, number: int, *, series_id: str) -> ExternalEvent:
        starts_at = self.moved.get(number, self.starts_at + timedelta(days=number))
        return ExternalEvent(
            id=id,
            series_id=series_id,
            title=self.title,
            starts_at=starts_at,
            ends_at=starts_at + HOUR,
            status="cancelled" if number in self.cancelled else "confirmed",
        )


@dataclass(slots=True)
class Listing:
    """A list that is being told."""

    ids: list[str]
    is_full: bool
    begins_at: datetime
    ends_at: datetime
    next_cursor: str


@dataclass(slots=True)
class Told:
    """A subscription at the source."""

    request: SubscriptionRequest
    expires_at: datetime


def _nothing(call: str) -> None:
    del call


@dataclass(slots=True)
class Source:
    """One account's calendar."""

    account: str
    clock: Clock
    page_size: int = 3
    life: timedelta = timedelta(days=7)
    random: Random = field(default_factory=lambda: Random(7))
    hook: Callable[[str], None] = _nothing
    """Called as each call begins; may raise what the call shall fail with."""
    after: Callable[[str], None] = _nothing
    """Called when each call has taken effect, before its answer is read."""
    meetings: dict[str, Meeting] = field(default_factory=dict[str, Meeting])
    changes: list[str] = field(default_factory=list[str])
    """Ids of dates, in the order in which they changed."""
    epoch: int = 0
    listings: dict[str, Listing] = field(default_factory=dict[str, Listing])
    subscriptions: dict[str, Told] = field(default_factory=dict[str, Told])
    notifications: list[str] = field(default_factory=list[str])
    """Ids of subscriptions that were told of a change, and not delivered yet."""
    overlaps: list[int] = field(default_factory=list[int])
    """How many subscriptions there were whenever one was ended."""
    tokens: dict[str, datetime] = field(default_factory=dict[str, datetime])
    """Access token → when it ends."""

    def __post_init__(self) -> None:
        """Be found by the account's name."""
        SOURCES[self.account] = self

    def forget(self) -> None:
        """Have no meetings and no past, and know no cursor."""
        self.meetings.clear()
        self.changes.clear()
        self.listings.clear()
        self.notifications.clear()
        self.epoch += 1

    def put(self, id: str, meeting: Meeting | None) -> None:
        """Create or change an entry, or delete it with None; subscribers are told."""
        before = self.dates()
        if meeting is None:
            self.meetings.pop(id, None)
        else:
            self.meetings[id] = meeting
        after = self.dates()
        changed = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
        self.changes += sorted(changed)
        now = self.clock.now()
        if changed:
            self.notifications += [id for id, told in self.subscriptions.items() if told.expires_at > now]

    def dates(self) -> dict[str, ExternalEvent]:
        """Return all single dates, cancelled ones included."""
        return {key: date for id, meeting in self.meetings.items() for key, date in meeting.dates(id).items()}

    def truth(self, begins_at: datetime, ends_at: datetime) -> dict[str, tuple[str, datetime]]:
        """Return what takes place between two times: id → title and begin."""
        return {
            key: (date.title, date.starts_at)
            for key, date in self.dates().items()
            if date.status == "confirmed" and date.starts_at and _is_inside(date, begins_at, ends_at)
        }

    def lose_cursors(self) -> None:
        """Forget what was told to whom."""
        self.epoch += 1
        self.listings.clear()

    def read(self, *, cursor: str, page: str, begins_at: datetime, ends_at: datetime) -> EventPage:
        """Tell a page."""
        listing_id, _, offset_text = page.partition("/")
        if not page:
            listing_id = f"{self.epoch}-{len(self.listings)}-{len(self.changes)}"
            self.listings[listing_id] = self._begin(cursor, begins_at, ends_at)
        listing = self.listings.get(listing_id)
        if listing is None:
            raise CursorExpired
        offset = int(offset_text or 0)
        end = offset + self.page_size
        is_last = end >= len(listing.ids)
        found = [self._tell(id, listing) for id in listing.ids[offset:end]]
        return EventPage(
            events=tuple(event for event in found if event is not None),
            next_page="" if is_last else f"{listing_id}/{end}",
            next_cursor=listing.next_cursor if is_last else "",
            calendar_name=self.account,
            time_zone="Europe/Berlin",
        )

    def _begin(self, cursor: str, begins_at: datetime, ends_at: datetime) -> Listing:
        epoch, _, since = cursor.partition("+")
        if cursor and int(epoch) != self.epoch:
            raise CursorExpired
        ids = sorted(set(self.changes[int(since) :]) if cursor else self.truth(begins_at, ends_at))
        self.random.shuffle(ids)
        next_cursor = f"{self.epoch}+{len(self.changes)}"
        return Listing(ids, not cursor, begins_at, ends_at, next_cursor)

    def _tell(self, id: str, listing: Listing) -> ExternalEvent | None:
        date = self.dates().get(id)
        if date is None:
            return None if listing.is_full else ExternalEvent(id=id, is_removed=True)
        is_told = date.status == "confirmed" and _is_inside(date, listing.begins_at, listing.ends_at)
        return date if is_told or not listing.is_full else None

    def subscribe(self, request: SubscriptionRequest) -> SubscriptionGrant:
        """Begin to tell.

        Raises:
            Refused: the id was used before.
        """
        if request.id in self.subscriptions:
            raise Refused("Channel id not unique.", code="channelIdNotUnique", provider="planner")
        expires_at = self.clock.now() + self.life
        self.subscriptions[request.id] = Told(request, expires_at)
        return SubscriptionGrant(resource_id=RESOURCE, expires_at=expires_at)

    def unsubscribe(self, subscription_id: str, resource_id: str) -> None:
        """Tell no more."""
        assert resource_id == RESOURCE
        self.overlaps.append(len(self.living()))
        self.subscriptions.pop(subscription_id, None)

    def living(self) -> list[str]:
        """Return the ids of the subscriptions that have not expired."""
        now = self.clock.now()
        return [id for id, told in self.subscriptions.items() if told.expires_at > now]

    def grant_token(self, *, lifetime: timedelta) -> str:
        """Hand out an access token."""
        token = f"token-{len(self.tokens)}"
        self.tokens[token] = self.clock.now() + lifetime
        return token

    def accepts(self, token: str) -> bool:
        """Return whether a token is good."""
        return self.tokens.get(token, datetime.min.replace(tzinfo=UTC)) > self.clock.now()


def _is_inside(date: ExternalEvent, begins_at: datetime, ends_at: datetime) -> bool:
    return date.starts_at is not None and date.starts_at < ends_at and date.starts_at + HOUR > begins_at
