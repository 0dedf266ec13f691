"""What the page's address asks for: filters, a place in the list, and the open conversation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app import routes
from services.conversations import COUNTED_MOST, PlaceView

STATES = (("open", "Open"), ("waiting", "Waiting"), ("closed", "Closed"), ("all", "All"))
CHANNELS = (("", "All channels"), ("slack", "Slack"), ("email", "E-mail"), ("sms", "SMS"))
OTHERS = (("chat", "Chat"),)
"""Channels that are offered only where somebody has written in one."""
MOST_WORDS = 200
"""Characters of a search; no more are looked for."""
_ENDS = {"email": "Mailbox", "sms": "Number", "slack": "Channel"}
"""Channel → what one of our own ends of it is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is looked at. All of it lives in the address, so that a link shows the same."""

    agent_id: str
    show: str = "open"
    channel: str = ""
    address: str = ""
    """One of our own numbers, mailboxes or channels."""
    words: str = ""
    """What was said in what is listed, as one types it into a search engine; empty for everything."""
    before: str = ""
    """Cursor: conversations before this place in the list."""
    open_id: str = ""
    until: str = ""
    """A message of the open conversation: only what came before it is shown."""

    def path(self) -> str:
        """Return the address."""
        return routes.agent_conversations(
            self.agent_id,
            show=self.show,
            channel=self.channel,
            address=self.address,
            words=self.words,
            before=self.before,
            conversation_id=self.open_id,
            until=self.until,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One of the filters, with its count; it lives in the address."""

    name: str
    label: str
    path: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One of our own numbers, mailboxes or channels, to choose from."""

    address: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the list can be narrowed to."""

    states: tuple[Filter, ...]
    channels: tuple[Filter, ...]
    ends: tuple[End, ...]
    """Empty unless there are several to choose from."""
    ends_label: str


def read_look(agent_id: str, query: dict[str, str]) -> Look:
    """Return what a query asks for; what no filter knows counts as not said."""
    show, channel = query.get("show", ""), query.get("channel", "")
    channel = channel if channel in {name for name, _ in (*CHANNELS, *OTHERS)} else ""
    return Look(
        agent_id=agent_id,
        show=show if show in {name for name, _ in STATES} else "open",
        channel=channel,
        address=query.get("address", "") if channel else "",
        words=query.get("q", "").strip()[:MOST_WORDS],
        before=query.get("before", ""),
        open_id=query.get("c", ""),
        until=query.get("until", "") if query.get("c") else "",
    )


def everywhere(look: Look) -> str:
    """Return the address that searches all of the agent's conversations; empty if that is done already."""
    wide = replace(look, show="all", channel="", address="", before="")
    return wide.path() if replace(look, before="") != wide else ""


def choices(look: Look, places: Sequence[PlaceView]) -> Choices:
    """Return the filters. Choosing one starts the list afresh and keeps the open conversation."""
    afresh = replace(look, before="")
    there = {place.channel for place in places}
    shown = [place for place in places if look.channel in ("", place.channel) and look.address in ("", place.address)]
    counts = {
        "open": sum(place.open for place in shown),
        "waiting": sum(place.waiting for place in shown),
        "closed": sum(place.closed for place in shown),
        "all": sum(place.open + place.closed for place in shown),
    }
    more = "+" if sum(place.open + place.closed for place in places) >= COUNTED_MOST else ""
    channels = (*CHANNELS, *(item for item in OTHERS if item[0] in there or item[0] == look.channel))
    return Choices(
        states=tuple(
            _filter(name, f"{label} {counts[name]}{more}", replace(afresh, show=name), look.show)
            for name, label in STATES
        ),
        channels=tuple(
            _filter(name, label, replace(afresh, channel=name, address=""), look.channel) for name, label in channels
        ),
        ends=_ends(look, places),
        ends_label=_ENDS.get(look.channel, ""),
    )


def _filter(name: str, label: str, target: Look, current: str) -> Filter:
    return Filter(name=name, label=label, path=target.path(), is_current=name == current)


def _ends(look: Look, places: Sequence[PlaceView]) -> tuple[End, ...]:
    found = {place.address: place.label for place in places if place.channel == look.channel and place.address}
    if look.address:
        found.setdefault(look.address, look.address)
    if look.channel not in _ENDS or (len(found) < 2 and not look.address):
        return ()
    return tuple(End(address=address, label=label) for address, label in found.items())
