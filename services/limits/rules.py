"""What is counted together, what holds without a choice, and how limits are put in words. Without effects."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from models import AgentLimit, Excess, LimitGroup, LimitSpan
from services.kernel.limiter import SPANS
from services.provider_kit.contract import ChannelKind

MOST = 1_000_000
"""Largest number that may be set."""
ALARM_AT = 0.8

GROUPS: Mapping[str, LimitGroup] = MappingProxyType(
    {
        ChannelKind.SLACK_DM: LimitGroup.SLACK,
        ChannelKind.SLACK_CHANNEL: LimitGroup.SLACK,
        ChannelKind.EMAIL: LimitGroup.EMAIL,
        ChannelKind.SMS: LimitGroup.SMS,
        ChannelKind.CHAT: LimitGroup.CHAT,
    }
)
"""Channel kind → what its messages count as."""
LABELS: Mapping[LimitGroup, str] = MappingProxyType(
    {
        LimitGroup.SLACK: "Slack",
        LimitGroup.EMAIL: "E-mail",
        LimitGroup.SMS: "SMS",
        LimitGroup.CHAT: "Chat",
        LimitGroup.ACTIONS: "Actions",
        LimitGroup.ALL: "All channels",
    }
)
AGENT_GROUPS = tuple(group for group in LimitGroup if group is not LimitGroup.ALL)
_PLACES: Mapping[LimitGroup, str] = MappingProxyType(
    {
        LimitGroup.SLACK: "in Slack",
        LimitGroup.EMAIL: "by e-mail",
        LimitGroup.SMS: "on SMS",
        LimitGroup.CHAT: "in chats",
        LimitGroup.ACTIONS: "for actions",
        LimitGroup.ALL: "on all channels",
    }
)
_ARTICLES: Mapping[LimitSpan, str] = MappingProxyType(
    {LimitSpan.MINUTE: "a minute", LimitSpan.HOUR: "an hour", LimitSpan.DAY: "a day"}
)
LENGTHS: Mapping[LimitSpan, timedelta] = MappingProxyType(dict(zip(LimitSpan, SPANS, strict=True)))

Numbers = tuple[int | None, int | None, int | None]
Used = tuple[int, int, int]
"""This minute, this hour, this day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How much of a group is let through, and what happens to the rest."""

    group: LimitGroup
    most: Numbers
    excess: Excess = Excess.WAIT
    is_default: bool = True


DEFAULTS: Mapping[LimitGroup, Rule] = MappingProxyType(
    {
        rule.group: rule
        for rule in (
            Rule(group=LimitGroup.SLACK, most=(120, 2_000, 20_000)),
            Rule(group=LimitGroup.EMAIL, most=(60, 500, 2_000)),
            Rule(group=LimitGroup.SMS, most=(60, 500, 2_000)),
            Rule(group=LimitGroup.CHAT, most=(120, 2_000, 20_000)),
            Rule(group=LimitGroup.ACTIONS, most=(60, 500, 2_000)),
            Rule(group=LimitGroup.ALL, most=(600, 10_000, 50_000)),
        )
    }
)
"""Out of reach of people who talk with an agent, and within reach of two machines that answer one another."""


def rule_of(row: AgentLimit | None, group: LimitGroup) -> Rule:
    """Return what holds for a group."""
    if row is None:
        return DEFAULTS[group]
    most = (row.per_minute, row.per_hour, row.per_day)
    return Rule(group=group, most=most, excess=row.excess, is_default=False)


def alarm_at(most: int) -> int:
    """Return how many of a limit are four fifths of it, or more."""
    return -int(-most * ALARM_AT // 1)


def limit_words(most: int, span: LimitSpan, group: LimitGroup, *, agent: str) -> str:
    """Return a limit in words: "60 an hour for Bri on SMS"; without an agent it is for all of them."""
    return f"{most:,} {_ARTICLES[span]} for {agent or 'all agents together'} {_PLACES[group]}"


def clock_words(at: datetime, *, now: datetime, exact: bool = False) -> str:
    """Return a time that is near: "15:40 UTC", with its day if that is another one."""
    said = f"{at:%H:%M:%S} UTC" if exact else f"{at:%H:%M} UTC"
    return said if at.date() == now.date() else f"{at.day} {at:%B}, {said}"
