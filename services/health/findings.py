"""From facts to findings: a table of rules, without effects.

Each rule looks at one thing and either sees nothing or says what is wrong, since when, what stops working because of
it, when it gets worse, and which one act repairs it. An error is broken now; a warning will break at a named time; a
note is as a person wished.
"""

from collections.abc import Mapping
from types import MappingProxyType

from models import ConnectionStatus
from services.health import access_rules, calendar_rules, limit_rules, traffic_rules
from services.health.facts import Facts
from services.health.kinds import Act, Finding, Rule, Severity

_WORKING = frozenset({ConnectionStatus.ACTIVE, ConnectionStatus.DEGRADED})
_PAUSED = frozenset({ConnectionStatus.PAUSED})
_OPEN = _WORKING | _PAUSED | {ConnectionStatus.NEEDS_REAUTH}
_ENDED = frozenset({ConnectionStatus.DISCONNECTED})

RULES: tuple[Rule, ...] = (
    Rule(
        code="ended_by_provider",
        look=access_rules.ended_by_provider,
        act=Act.RECONNECT,
        judged_in=_OPEN | _ENDED,
        solved="The account is connected again.",
        family="access",
        blocks_sending=True,
    ),
    Rule(
        code="needs_reauth",
        look=access_rules.needs_reauth,
        act=Act.RECONNECT,
        judged_in=_OPEN,
        solved="{provider} accepts our access again.",
        family="access",
        blocks_sending=True,
    ),
    Rule(
        code="token_expires",
        look=access_rules.token_expires,
        act=Act.RECONNECT,
        judged_in=_WORKING | _PAUSED,
        solved="Our access to {provider} no longer ends soon.",
    ),
    Rule(
        code="testing_token",
        look=access_rules.testing_token,
        act=Act.RECONNECT,
        judged_in=_WORKING | _PAUSED,
        solved="Our access to {provider} no longer ends after days.",
    ),
    Rule(
        code="missing_scope",
        look=access_rules.missing_scope,
        act=Act.RECONNECT,
        judged_in=_WORKING,
        solved="{provider} has granted all rights.",
    ),
    Rule(
        code="provider_incident",
        look=access_rules.provider_incident,
        act=Act.TEST,
        judged_in=_WORKING,
        solved="{provider} answers our calls again.",
        family="calls",
        blocks_sending=True,
    ),
    Rule(
        code="failing",
        look=access_rules.failing,
        act=Act.TEST,
        judged_in=_WORKING,
        solved="{provider} answers our calls again.",
        family="calls",
        blocks_sending=True,
    ),
    Rule(
        code="no_signing",
        look=traffic_rules.no_signing,
        act=Act.RECONNECT,
        judged_in=_WORKING,
        solved="What {provider} sends can be checked.",
    ),
    Rule(
        code="webhooks_refused",
        look=traffic_rules.webhooks_refused,
        act=Act.OPEN_LOG,
        judged_in=_WORKING,
        solved="What {provider} sends is accepted again.",
    ),
    Rule(
        code="deliveries_failing",
        look=traffic_rules.deliveries_failing,
        act=Act.OPEN_LOG,
        judged_in=_WORKING,
        solved="What {provider} sends takes effect again.",
    ),
    Rule(
        code="sends_failing",
        look=traffic_rules.sends_failing,
        act=Act.OPEN_LOG,
        judged_in=_WORKING,
        solved="Answers leave through {provider} again.",
        blocks_sending=True,
    ),
    Rule(
        code="silence",
        look=traffic_rules.silence,
        act=Act.TEST,
        judged_in=frozenset({ConnectionStatus.ACTIVE}),
        solved="{provider} reaches us again.",
    ),
    Rule(
        code="no_number",
        look=traffic_rules.no_number,
        act=Act.ASSIGN_NUMBER,
        judged_in=_WORKING,
        solved="A number has an agent.",
    ),
    Rule(
        code="watch_expires",
        look=access_rules.watch_expires,
        act=Act.RECONNECT,
        judged_in=_WORKING,
        solved="{provider}'s notifications go on.",
        family="watch",
    ),
    Rule(
        code="watch_refused",
        look=calendar_rules.watch_refused,
        act=Act.RECONNECT,
        judged_in=_WORKING,
        solved="{provider} tells us of changes.",
        family="watch",
    ),
    Rule(
        code="sync_failing",
        look=calendar_rules.sync_failing,
        act=Act.TEST,
        judged_in=_WORKING,
        solved="The calendar at {provider} is read again.",
    ),
    Rule(
        code="limit_used",
        look=limit_rules.limit_used,
        act=Act.CHANGE_LIMIT,
        judged_in=_WORKING,
        solved="There is room again in the limit of what leaves through {provider}.",
    ),
    Rule(code="paused", look=access_rules.paused, act=Act.RESUME, judged_in=_PAUSED),
)
RULES_BY_CODE: Mapping[str, Rule] = MappingProxyType({rule.code: rule for rule in RULES})
_RANK: Mapping[Severity, int] = MappingProxyType({severity: rank for rank, severity in enumerate(Severity)})


def judge(facts: Facts) -> tuple[Finding, ...]:
    """Return what needs a person, the worst first."""
    found = [
        Finding(
            code=rule.code,
            severity=sight.severity,
            what=sight.what,
            since=sight.since,
            stops=sight.stops,
            worsens_at=sight.worsens_at,
            act=sight.act or rule.act,
            anew_since=sight.anew_since,
        )
        for rule in RULES
        if facts.status in rule.judged_in and (sight := rule.look(facts))
    ]
    return tuple(sorted(found, key=lambda finding: _RANK[finding.severity]))


def group_of(code: str) -> str:
    """Return the family of a finding's code; a code that no rule has any more is its own."""
    rule = RULES_BY_CODE.get(code)
    return rule.group if rule else code
