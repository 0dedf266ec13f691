"""What the dialog about shared channels shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from services.channels import ChannelPage, ChannelView, ListingView


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One channel with its rule."""

    id: str
    name: str
    note: str
    """What else there is to know: private, not a member, how many people."""
    mode: str
    agent_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Some channels, and what holds for all others."""

    rows: tuple[Row, ...]
    default_mode: str
    default_agent_id: str
    default_words: str
    default_agent_words: str
    """The default row, as the first choices of every other row say it."""
    count: str
    next_cursor: str
    is_running: bool
    listed_at: str
    """ISO time; empty if the list was never read to its end."""
    trouble: str


MODES: tuple[tuple[str, str], ...] = (("all", "All messages"), ("mentions", "Mentions"), ("off", "Off"))
"""Mode → its name, in the order shown."""
_NAMES: Mapping[str, str] = MappingProxyType(dict(MODES))
NOTHING = Rows(
    rows=(),
    default_mode="mentions",
    default_agent_id="",
    default_words="",
    default_agent_words="",
    count="",
    next_cursor="",
    is_running=False,
    listed_at="",
    trouble="",
)


def rows_of(page: ChannelPage) -> Rows:
    """Return a page of channels as shown."""
    default = page.default
    return Rows(
        rows=tuple(_row(channel) for channel in page.channels),
        default_mode=default.mode,
        default_agent_id=str(default.agent_id) if default.agent_id else "",
        default_agent_words=f"Default: {default.agent_name or 'nobody'}",
        default_words=f"Default: {_NAMES[default.mode].lower()}",
        count=_count(page.total, page.listing),
        next_cursor=page.next_cursor,
        is_running=page.listing.is_running,
        listed_at=_iso(page.listing.finished_at),
        trouble=page.listing.error_text,
    )


def _row(channel: ChannelView) -> Row:
    people = f"{channel.people_count} people" if channel.people_count is not None else ""
    notes = (
        "private" if channel.is_private else "",
        people,
        "" if channel.is_member else "invite the agent there first",
    )
    return Row(
        id=str(channel.id),
        name=f"#{channel.name}",
        note=" · ".join(note for note in notes if note),
        mode=channel.mode,
        agent_id=str(channel.agent_id) if channel.agent_id else "",
    )


def _count(total: int, listing: ListingView) -> str:
    words = "1 channel" if total == 1 else f"{total} channels"
    return f"{words}; still reading" if listing.is_running else words


def _iso(at: datetime | None) -> str:
    return at.isoformat() if at else ""
