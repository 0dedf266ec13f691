"""Each rule at its boundaries: a moment before it sees nothing, at it it does."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models import CauseClass, ConnectionStatus
from services.health.facts import (
    CalendarTrouble,
    DeliveryTrouble,
    Facts,
    Incident,
    LimitUse,
    Outage,
    Refusals,
    SendTrouble,
    find_incidents,
)
from services.health.findings import RULES, judge
from services.health.kinds import LABELS, Act, Finding, Severity

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
DAY, HOUR, MINUTE, MOMENT = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(microseconds=1)
MONTH_AGO = NOW - 30 * DAY
WELL = Facts(
    now=NOW,
    provider="Slack",
    account="Northwind",
    agents=("Bri",),
    status=ConnectionStatus.ACTIVE,
    status_since=MONTH_AGO,
    connected_at=MONTH_AGO,
    last_event_at=NOW - MINUTE,
)


def facts(**changes: Any) -> Facts:
    """Return the facts of a connection that is well but for these."""
    return replace(WELL, **changes)


def found(**changes: Any) -> Finding | None:
    """Return the one finding there is."""
    findings = judge(facts(**changes))
    assert len(findings) <= 1, findings
    return findings[0] if findings else None


def seen(**changes: Any) -> tuple[str, str]:
    """Return code and severity of the one finding there is; empty if none."""
    finding = found(**changes)
    return (finding.code, finding.severity.value) if finding else ("", "")


def refused(count: int, *, reason: str = "bad_signature", last_at: datetime = NOW) -> tuple[Refusals, ...]:
    return (Refusals(reason=reason, count=count, first_at=NOW - 5 * HOUR, last_at=last_at),)


def sends(failed: int, tried: int, *, last_at: datetime = NOW, last_sent_at: datetime | None = None) -> SendTrouble:
    return SendTrouble(
        failed=failed,
        tried=tried,
        first_at=NOW - 5 * HOUR,
        last_at=last_at,
        last_sent_at=last_sent_at,
        words="The channel is archived",
    )


LIMIT = LimitUse(
    limit="60 an hour for Bri in Slack",
    used=48,
    most=60,
    excess="wait",
    began_at=NOW - 40 * MINUTE,
    since=NOW,
    resets_at=NOW + 20 * MINUTE,
)
SICK: Mapping[str, Mapping[str, Any]] = {
    "ended_by_provider": {"status": ConnectionStatus.DISCONNECTED, "status_reason": "The app was uninstalled"},
    "needs_reauth": {"status": ConnectionStatus.NEEDS_REAUTH, "cause": CauseClass.AUTHORISATION},
    "token_expires": {"token_expires_at": NOW + DAY},
    "testing_token": {"token_dies_at": NOW + DAY},
    "missing_scope": {"wanted_scopes": (("chat:write", "To send."),), "granted_scopes": frozenset({"users:read"})},
    "provider_incident": {
        "status": ConnectionStatus.DEGRADED,
        "cause": CauseClass.PROVIDER_DOWN,
        "incident": Incident(connections=5, since=NOW - HOUR),
    },
    "failing": {"status": ConnectionStatus.DEGRADED, "cause": CauseClass.PROVIDER_DOWN},
    "no_signing": {"can_check_webhooks": False},
    "webhooks_refused": {"refusals": refused(3)},
    "deliveries_failing": {"deliveries": DeliveryTrouble(dead=1, dead_since=NOW - HOUR)},
    "sends_failing": {"sends": sends(3, 3)},
    "silence": {"last_event_at": NOW - 3 * DAY, "events_per_day": (40, 40, 40)},
    "no_number": {"numbers": 2},
    "watch_expires": {"watch_expires_at": NOW + HOUR},
    "watch_refused": {"calendar": CalendarTrouble(failed_subscriptions=3, subscribe_words="Use https")},
    "sync_failing": {"calendar": CalendarTrouble(failed_syncs=3, sync_words="No such calendar.")},
    "limit_used": {"limits": (LIMIT,)},
    "paused": {"status": ConnectionStatus.PAUSED},
}
"""For each rule, the least that it sees."""


def test_nothing_is_said_of_a_connection_that_is_well() -> None:
    assert judge(WELL) == ()
    assert judge(facts(numbers=1, assigned_numbers=1)) == ()


def test_every_rule_has_its_example() -> None:
    assert set(SICK) == {rule.code for rule in RULES}
    assert len(SICK) == len(RULES)


@pytest.mark.parametrize("code", SICK)
def test_each_finding_says_what_since_when_what_stops_and_what_repairs_it(code: str) -> None:
    finding = found(**SICK[code])
    assert finding is not None
    assert finding.code == code
    assert finding.since <= NOW
    for words in (finding.what, finding.stops):
        assert words[0].isupper() or words[0].isdigit()
        assert words.endswith(".")
        assert ".." not in words
        assert "{" not in words
    assert finding.act in LABELS
    assert (finding.worsens_at is not None) == (finding.severity is Severity.WARNING)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.code != "paused"], ids=lambda rule: rule.code)
def test_each_rule_says_when_it_is_over(rule: Any) -> None:
    assert rule.solved.format(provider="Slack").endswith(".")


@pytest.mark.parametrize("status", ConnectionStatus)
def test_rules_are_quiet_where_they_cannot_tell(status: ConnectionStatus) -> None:
    for rule in RULES:
        if status not in rule.judged_in:
            sick = {**SICK[rule.code], "status": status}
            assert rule.code not in {finding.code for finding in judge(facts(**sick))}


def test_an_unfinished_set_up_needs_nobody_yet() -> None:
    assert judge(facts(status=ConnectionStatus.PENDING)) == ()


def test_the_worst_comes_first() -> None:
    findings = judge(facts(token_expires_at=NOW + DAY, can_check_webhooks=False))
    assert [finding.code for finding in findings] == ["no_signing", "token_expires"]


def test_what_a_person_ended_is_no_finding() -> None:
    assert seen(**SICK["ended_by_provider"], is_by_person=True) == ("", "")


def test_a_refused_credential_names_the_answers_that_wait() -> None:
    finding = found(**SICK["needs_reauth"], waiting=2)
    assert finding is not None
    assert finding.stops == "Bri cannot answer there until the account is connected again. 2 answers wait until then."
    assert found(**SICK["needs_reauth"], agents=()).stops.startswith("Nobody can answer")  # pyright: ignore[reportOptionalMemberAccess]


def test_a_paused_connection_keeps_a_refused_credential_in_mind() -> None:
    codes = [f.code for f in judge(facts(status=ConnectionStatus.PAUSED, cause=CauseClass.AUTHORISATION))]
    assert codes == ["needs_reauth", "paused"]


@pytest.mark.parametrize(
    ("ends_at", "is_renewed", "expected"),
    [
        (None, False, ("", "")),
        (NOW + 7 * DAY + MOMENT, False, ("", "")),
        (NOW + 7 * DAY, False, ("token_expires", "warning")),
        (NOW + MOMENT, False, ("token_expires", "warning")),
        (NOW, False, ("token_expires", "error")),
        (NOW + MOMENT, True, ("", "")),
        (NOW, True, ("token_expires", "error")),
    ],
)
def test_token_expires(ends_at: datetime | None, is_renewed: bool, expected: tuple[str, str]) -> None:
    assert seen(token_expires_at=ends_at, is_renewed=is_renewed) == expected


def test_a_forecast_names_its_date_and_begins_no_earlier_than_the_connection() -> None:
    finding = found(token_expires_at=NOW + 6 * DAY, connected_at=NOW - HOUR)
    assert finding is not None
    assert (finding.worsens_at, finding.since, finding.act) == (NOW + 6 * DAY, NOW - HOUR, Act.RECONNECT)
    assert "26 November 2026, 10:00 UTC" in finding.what
    late = found(token_expires_at=NOW - DAY, is_renewed=True)
    assert late is not None
    assert (late.since, late.act) == (NOW - DAY, Act.TEST)


@pytest.mark.parametrize(
    ("ends_at", "expected"),
    [
        (NOW + 7 * DAY + MOMENT, ("", "")),
        (NOW + 7 * DAY, ("testing_token", "warning")),
        (NOW + MOMENT, ("testing_token", "warning")),
        (NOW, ("testing_token", "error")),
    ],
)
def test_testing_token_dies_although_it_is_renewed(ends_at: datetime, expected: tuple[str, str]) -> None:
    assert seen(token_dies_at=ends_at, is_renewed=True) == expected


@pytest.mark.parametrize(
    ("ends_at", "expected"),
    [
        (NOW + 24 * HOUR + MOMENT, ("", "")),
        (NOW + 24 * HOUR, ("watch_expires", "warning")),
        (NOW + MOMENT, ("watch_expires", "warning")),
        (NOW, ("watch_expires", "error")),
    ],
)
def test_watch_expires(ends_at: datetime, expected: tuple[str, str]) -> None:
    assert seen(watch_expires_at=ends_at) == expected


def test_missing_scope_names_each_right_and_what_it_is_for() -> None:
    wanted = (("chat:write", "To send."), ("users:read", "To show names."))
    finding = found(wanted_scopes=wanted, granted_scopes=frozenset({"im:history"}))
    assert finding is not None
    assert finding.what == "Slack has not granted: chat:write, users:read."
    assert finding.stops == "What that is for does not work. To send. To show names."
    assert seen(wanted_scopes=wanted, granted_scopes=frozenset({"chat:write", "users:read", "more"})) == ("", "")


def test_nothing_is_missing_where_the_provider_does_not_say_what_it_granted() -> None:
    assert seen(wanted_scopes=(("chat:write", "To send."),)) == ("", "")


def test_a_call_refused_for_a_right_is_a_missing_scope_and_not_told_twice() -> None:
    finding = found(status=ConnectionStatus.DEGRADED, cause=CauseClass.PERMISSION, status_reason="A right is missing")
    assert finding is not None
    assert (finding.code, finding.what) == ("missing_scope", "Slack refuses some of our calls: A right is missing.")


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (CauseClass.PROVIDER_DOWN, "Slack does not answer our calls."),
        (CauseClass.RATE_LIMIT, "Slack asks us to slow down."),
        (CauseClass.CONFIGURATION, "Slack refuses our calls: Odd."),
        (CauseClass.NONE, "Our calls to Slack fail: Odd."),
    ],
)
def test_failing_names_its_cause(cause: CauseClass, words: str) -> None:
    finding = found(status=ConnectionStatus.DEGRADED, cause=cause, status_reason="Odd.")
    assert finding is not None
    assert (finding.code, finding.what, finding.act) == ("failing", words, Act.TEST)


def test_an_incident_takes_the_place_of_the_failing_calls() -> None:
    finding = found(**SICK["provider_incident"])
    assert finding is not None
    assert (finding.code, finding.since) == ("provider_incident", MONTH_AGO)
    assert "5 connections here fail, not only yours" in finding.what
    limited = {**SICK["provider_incident"], "cause": CauseClass.RATE_LIMIT}
    assert seen(**limited) == ("failing", "error")
    assert {rule.group for rule in RULES if rule.code in ("failing", "provider_incident")} == {"calls"}


def outage(tenant: int, minutes: float, provider: str = "slack") -> Outage:
    return Outage(provider=provider, tenant_number=tenant, since=NOW + minutes * MINUTE)


@pytest.mark.parametrize(
    ("outages", "connections"),
    [
        ([], 0),
        ([outage(1, 0)], 0),
        ([outage(1, 0), outage(1, 1)], 0),  # one tenant's trouble
        ([outage(1, 0), outage(2, 15)], 2),
        ([outage(1, 0), outage(2, 15.001)], 0),
        ([outage(1, 0), outage(2, 0, "twilio")], 0),
        ([outage(2, 3), outage(1, 0), outage(1, 1), outage(3, 40)], 3),
        ([outage(1, 0), outage(2, 1), outage(1, 60), outage(2, 61), outage(3, 62)], 3),
    ],
)
def test_an_incident_is_several_tenants_within_a_quarter_of_an_hour(outages: list[Outage], connections: int) -> None:
    incident = find_incidents(outages).get("slack")
    assert (incident.connections if incident else 0) == connections


@pytest.mark.parametrize(
    ("refusals", "accepted", "expected"),
    [
        (refused(2), 0, ""),
        (refused(3), 0, "webhooks_refused"),
        (refused(2) + refused(1, reason="stale"), 97, "webhooks_refused"),
    ],
)
def test_webhooks_refused(refusals: tuple[Refusals, ...], accepted: int, expected: str) -> None:
    assert seen(refusals=refusals, accepted=accepted)[0] == expected


def test_refused_webhooks_name_rate_and_main_reason_and_are_repaired_by_it() -> None:
    finding = found(refusals=refused(1) + refused(4, reason="stale"), accepted=95)
    assert finding is not None
    assert finding.what == (
        "5 of 100 requests from Slack were refused within a day (5 %): they are too old, or the clocks differ."
    )
    assert (finding.act, finding.since) == (Act.OPEN_LOG, NOW - 5 * HOUR)
    forged = found(refusals=refused(4, reason="bad_signature"))
    assert forged is not None
    assert (forged.act, forged.stops) == (Act.RECONNECT, "What they said is lost; Bri does not hear of it.")


@pytest.mark.parametrize(
    ("last_at", "last_event_at", "expected"),
    [
        (NOW - HOUR, NOW - MINUTE, ""),
        (NOW - HOUR + MOMENT, NOW - MINUTE, "webhooks_refused"),
        (NOW - HOUR, NOW - HOUR, "webhooks_refused"),
        (NOW - 20 * HOUR, None, "webhooks_refused"),
    ],
)
def test_refusals_are_over_after_an_hour_with_an_accepted_one_since(
    last_at: datetime, last_event_at: datetime | None, expected: str
) -> None:
    assert seen(refusals=refused(9, last_at=last_at), last_event_at=last_event_at)[0] == expected


def test_without_a_secret_refusals_are_its_consequence() -> None:
    assert seen(can_check_webhooks=False, refusals=refused(9, reason="no_secret")) == ("no_signing", "error")


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (DeliveryTrouble(), ("", "")),
        (DeliveryTrouble(dead=1, dead_since=NOW), ("deliveries_failing", "error")),
        (
            DeliveryTrouble(failing=1, failing_since=NOW - 10 * MINUTE, next_attempt_at=NOW + HOUR),
            ("deliveries_failing", "warning"),
        ),
        (DeliveryTrouble(failing=1, failing_since=NOW - 10 * MINUTE + MOMENT, next_attempt_at=NOW + HOUR), ("", "")),
    ],
)
def test_deliveries_failing(trouble: DeliveryTrouble, expected: tuple[str, str]) -> None:
    assert seen(deliveries=trouble) == expected


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (sends(2, 2), ""),
        (sends(3, 3), "sends_failing"),
        (sends(3, 30), "sends_failing"),
        (sends(3, 31), ""),
        (sends(3, 4, last_at=NOW - HOUR, last_sent_at=NOW), ""),
        (sends(3, 4, last_at=NOW - HOUR + MOMENT, last_sent_at=NOW), "sends_failing"),
        (sends(3, 4, last_at=NOW - 9 * HOUR, last_sent_at=NOW - 10 * HOUR), "sends_failing"),
    ],
)
def test_sends_failing(trouble: SendTrouble, expected: str) -> None:
    assert seen(sends=trouble)[0] == expected


@pytest.mark.parametrize(
    ("since", "per_day", "expected"),
    [
        (3 * DAY, (40, 40, 40), ("silence", "warning")),
        (3 * DAY - MOMENT, (40, 40, 40), ("", "")),
        (7 * DAY - MOMENT, (40, 40, 40), ("silence", "warning")),
        (7 * DAY, (40, 40, 40), ("silence", "error")),
        (3 * DAY, (40, 40), ("", "")),  # nothing is usual after two days
        (3 * DAY, (0, 1, 1), ("silence", "warning")),
        (3 * DAY, (0, 0, 90, 90), ("silence", "warning")),
        (3 * DAY, (0, 0, 90), ("", "")),
        (3 * DAY, (0, 1, 0, 1), ("", "")),  # a half is less than one a day
    ],
)
def test_silence(since: timedelta, per_day: tuple[int, ...], expected: tuple[str, str]) -> None:
    assert seen(last_event_at=NOW - since, events_per_day=per_day) == expected


def test_silence_says_what_is_usual_and_when_it_counts_as_broken() -> None:
    finding = found(last_event_at=NOW - 3 * DAY, events_per_day=(30, 40, 50))
    assert finding is not None
    assert finding.what == "No event for 3 days, usual is 40 a day."
    assert finding.worsens_at == NOW + 4 * DAY
    assert seen(last_event_at=None, events_per_day=(40, 40, 40)) == ("", "")


def test_no_number() -> None:
    assert seen(numbers=2) == ("no_number", "error")
    assert seen(numbers=0) == ("no_number", "error")
    assert seen(numbers=2, assigned_numbers=1) == ("", "")
    assert seen(numbers=None) == ("", "")


def test_a_limit_warns_at_four_fifths_and_is_an_error_when_used_up() -> None:
    assert seen(limits=(LIMIT,)) == ("limit_used", "warning")
    full = found(limits=(LIMIT, replace(LIMIT, used=60, excess="drop", resets_at=NOW + MINUTE)))
    assert full and full.worsens_at is None
    assert full.severity is Severity.ERROR, "what is used up comes before what is nearly so"
    assert full.what == "The limit is used up until 20 November 2026, 10:01 UTC: 60 an hour for Bri in Slack."
    assert full.stops == "What is over it is not sent until then."
    assert full.act is Act.CHANGE_LIMIT


@pytest.mark.parametrize(
    ("since", "now", "expected"),
    [
        (NOW, NOW, NOW + 10 * MINUTE),
        (NOW, NOW + 10 * MINUTE, NOW + 20 * MINUTE),
        (NOW + 10 * MINUTE, NOW + 10 * MINUTE, NOW + 20 * MINUTE),
    ],
    ids=["four fifths in 40 minutes, the rest in 10", "slower than it was", "not before it begins anew"],
)
def test_a_limit_is_used_up_at_the_rate_so_far_or_begins_anew(
    since: datetime, now: datetime, expected: datetime
) -> None:
    finding = found(now=now, limits=(replace(LIMIT, since=since),))
    assert finding and finding.worsens_at == expected


def test_paused_is_a_note() -> None:
    finding = found(status=ConnectionStatus.PAUSED, status_reason="Paused by Ana")
    assert finding is not None
    assert (finding.severity, finding.act, finding.worsens_at) == (Severity.NOTE, Act.RESUME, None)
