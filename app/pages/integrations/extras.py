"""What only some services show on their card: a calendar's meetings, a mailbox's sender, a workspace's channels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

from app.pages.integrations.card import Fact, Rule
from services.calendar import CalendarCardView, EventView
from services.channels import HeardView
from services.email import EmailCardView

CHANNELS_SHOWN = 6
_MODES: Mapping[str, str] = MappingProxyType(
    {"all": "answers all messages", "mentions": "answers mentions", "off": "off"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What was read beside the connections, by connection."""

    calendars: Mapping[UUID, CalendarCardView] = field(default_factory=dict[UUID, CalendarCardView])
    letters: Mapping[UUID, EmailCardView] = field(default_factory=dict[UUID, EmailCardView])
    channels: Mapping[UUID, Sequence[HeardView]] = field(default_factory=dict[UUID, Sequence[HeardView]])
    """The channels that the agent is in; a connection without shared channels is not in here."""


def calendar_facts(view: CalendarCardView) -> tuple[Fact, ...]:
    """Return what a calendar's card says of its meetings and of how we hear of changes."""
    facts = [
        Fact(label="Watch status", text=f"{view.watch.words}. {view.watch.means}".strip()),
        Fact(label="Meetings today", text=str(view.meetings_today)),
    ]
    if view.next_meeting:
        facts.append(Fact(label="Next", text=_meeting(view.next_meeting, zone=view.time_zone)))
    if view.calendar.synced_at:
        facts.append(Fact(label="Read", at=view.calendar.synced_at.isoformat()))
    return tuple(facts)


def _meeting(meeting: EventView, *, zone: str) -> str:
    """Return when a meeting begins, in the tenant's zone, and what it is: "Fri 15:30, Kick-off"."""
    begins = meeting.starts_at.astimezone(ZoneInfo(zone))
    when = begins.strftime("%a %-d %b") if meeting.is_all_day else begins.strftime("%a %H:%M")
    return f"{when}, {meeting.title or 'busy'}"


def letter_facts(view: EmailCardView) -> tuple[Fact, ...]:
    """Return what a mailbox's card says of its sender."""
    if view.sender is None:
        return (Fact(label="Send from", text="no address yet"),)
    name = f" ({view.display_name})" if view.display_name else ""
    facts = [
        Fact(label="Send from", text=f"{view.send_from}{name}"),
        Fact(label="E-mails sent today", text=str(view.sent_today)),
    ]
    if view.domain_status and view.domain_status != "verified":
        facts.append(Fact(label="Domain", text=f"{view.domain_status}: set its DNS records under Configure"))
    elif not view.can_receive:
        facts.append(Fact(label="Incoming", text="off: the domain receives no mail at this provider yet"))
    return tuple(facts)


def channel_rules(heard: Sequence[HeardView], *, agent_name: str) -> tuple[Rule, ...]:
    """Return the channels with their rules, some of them and how many more there are."""
    rules = [Rule(place=f"#{item.name}", what=_what(item, agent_name)) for item in heard[:CHANNELS_SHOWN]]
    more = len(heard) - len(rules)
    if more > 0:
        rules.append(Rule(place=f"{more} more", what="under Configure channels"))
    if not heard:
        rules.append(Rule(place="channels", what="none yet; invite it to one there"))
    return tuple(rules)


def _what(item: HeardView, agent_name: str) -> str:
    words = _MODES[item.mode]
    if item.mode == "off" or item.agent_name == agent_name:
        return words
    return f"{item.agent_name} {words}" if item.agent_name else "no agent"
