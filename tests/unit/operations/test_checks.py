"""What the doctor says to every state of affairs: one row each."""

from dataclasses import replace

import pytest

from services.operations.checks import judge
from services.operations.facts import (
    AddressFacts,
    AppFacts,
    DatabaseFacts,
    DiskFacts,
    Facts,
    Granted,
    KeyFacts,
    ProviderFacts,
    RedisFacts,
)
from services.operations.self_test import Seen
from services.operations.views import Finding, QueueView

GIB = 1024**3
KEY = KeyFacts(source="/data/key", is_file=True)
DATABASE = DatabaseFacts(
    skew_seconds=0.1,
    settings={"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"},
    version=160_004,
    role="patchbay_app",
    is_above_isolation=False,
    owns_tables=False,
    revision="0006",
    expected_revision="0006",
    queues=(QueueView(name="deliveries", open=3, due=0, oldest_seconds=0.0),),
    processes={"worker": 2, "scheduler": 1, "web": 1},
    granted=(
        Granted(provider="slack", by_operator_app=True, scopes=("chat:write", "im:read"), connections=4),
        Granted(provider="slack", by_operator_app=False, scopes=("chat:write", "im:read"), connections=1),
        Granted(provider="slack", by_operator_app=False, scopes=(), connections=1),
    ),
)
REDIS = RedisFacts(is_append_only=True, eviction="noeviction", memory_limit=0, append_sync="everysec", version="6.2.14")
SLACK = ProviderFacts(provider="slack", name="Slack", skew_seconds=0.3)
ADDRESS = AddressFacts(
    url="https://p.example.com", is_https=True, is_loopback=False, outcome="ours", seen=Seen(host="p.example.com")
)
APP = AppFacts(
    provider="slack",
    name="Slack",
    variables={"client_id": True, "client_secret": True, "signing_secret": True},
    scopes=("chat:write", "im:read"),
)
DISK = DiskFacts(path="/data", free_bytes=50 * GIB, total_bytes=100 * GIB)
GOOD = Facts(key=KEY, database=DATABASE, redis=REDIS, address=ADDRESS, apps=(APP,), providers=(SLACK,), disk=DISK)
OWN = Granted(provider="slack", by_operator_app=False, scopes=("chat:write",), connections=1)


def late(seconds: float) -> DatabaseFacts:
    """The oldest due delivery has been waiting for so long."""
    return replace(DATABASE, queues=(QueueView(name="action_runs", open=3, due=1, oldest_seconds=seconds),))


def troubles(facts: Facts) -> dict[str, Finding]:
    """Return what is not ok, by name."""
    return {finding.name: finding for finding in judge(facts) if finding.status != "ok"}


def test_a_good_installation_has_nothing_to_do() -> None:
    findings = judge(GOOD)
    assert {finding.status for finding in findings} == {"ok"}
    assert {finding.remedy for finding in findings} == {""}
    assert len({finding.name for finding in findings}) == len(findings)


@pytest.mark.parametrize(
    ("facts", "name", "status", "words"),
    [
        (replace(GOOD, key=replace(KEY, mode=0o640)), "key", "fail", "mode 0640"),
        (replace(GOOD, key=replace(KEY, is_own=False)), "key", "warn", "another user"),
        (replace(GOOD, key=replace(KEY, exists=False)), "key", "fail", "There is no key file"),
        (replace(GOOD, key=replace(KEY, problem="It does not open.")), "key", "fail", "It does not open."),
        (replace(GOOD, database=None), "database", "fail", "does not answer"),
        (replace(GOOD, database=replace(DATABASE, skew_seconds=-3.0)), "clock", "warn", "3.0 s apart"),
        (replace(GOOD, database=replace(DATABASE, skew_seconds=61.0)), "clock", "fail", "61.0 s apart"),
        (replace(GOOD, database=replace(DATABASE, revision="0005")), "schema", "fail", "revision 0005"),
        (replace(GOOD, database=replace(DATABASE, revision="")), "schema", "fail", "revision none"),
        (replace(GOOD, database=replace(DATABASE, is_above_isolation=True)), "isolation", "fail", "patchbay_app"),
        (replace(GOOD, database=replace(DATABASE, owns_tables=True)), "isolation", "fail", "patchbay_app"),
        (
            replace(GOOD, database=replace(DATABASE, settings={**DATABASE.settings, "fsync": "off"})),
            *("durability", "fail", "fsync is off"),
        ),
        (
            replace(GOOD, database=replace(DATABASE, settings={**DATABASE.settings, "synchronous_commit": "off"})),
            *("durability", "fail", "synchronous_commit is off"),
        ),
        (replace(GOOD, database=replace(DATABASE, version=130_011)), "version", "warn", "PostgreSQL 13"),
        (replace(GOOD, database=replace(DATABASE, processes={"scheduler": 1})), "worker", "fail", "None was heard"),
        (replace(GOOD, database=replace(DATABASE, processes={"worker": 1})), "scheduler", "fail", "None was heard"),
        (replace(GOOD, database=replace(DATABASE, has_own_webhooks=True)), "webhooks", "fail", "Nobody answers"),
        (replace(GOOD, database=late(90)), "waiting", "warn", "action runs"),
        (replace(GOOD, database=late(400)), "waiting", "fail", "400 s"),
        (replace(GOOD, redis=None), "redis", "fail", "does not answer"),
        (replace(GOOD, redis=replace(REDIS, is_append_only=False)), "redis_persistence", "warn", "no work is lost"),
        (replace(GOOD, redis=replace(REDIS, append_sync="no")), "redis_persistence", "warn", "leaves it to the system"),
        (replace(GOOD, redis=replace(REDIS, version="5.0.7")), "redis_version", "fail", "Redis 5.0.7 lacks"),
        (replace(GOOD, redis=replace(REDIS, is_told=False)), "redis_persistence", "warn", "does not say"),
        (replace(GOOD, redis=replace(REDIS, eviction="allkeys-lru")), "redis_eviction", "warn", "allkeys-lru"),
        (
            replace(GOOD, redis=replace(REDIS, eviction="allkeys-lru", memory_limit=GIB)),
            *("redis_eviction", "fail", "allkeys-lru"),
        ),
        (replace(GOOD, address=None), "address", "warn", "no key"),
        (
            replace(GOOD, address=replace(ADDRESS, outcome="unreachable", detail="ConnectError.")),
            *("address", "fail", "cannot be reached"),
        ),
        (
            replace(GOOD, address=replace(ADDRESS, outcome="foreign", detail="it answered 404.")),
            *("address", "fail", "not this installation"),
        ),
        (replace(GOOD, address=replace(ADDRESS, refuses_forgeries=False)), "address", "fail", "forged"),
        (
            replace(GOOD, address=replace(ADDRESS, url="http://p.example.com", is_https=False)),
            *("https", "fail", "not encrypted"),
        ),
        (replace(GOOD, address=replace(ADDRESS, seen=Seen(host="web:8000"))), "proxy", "warn", "web:8000"),
        (
            replace(GOOD, address=replace(ADDRESS, seen=Seen(host="p.example.com", forwarded_proto="http"))),
            *("proxy", "warn", "called by http"),
        ),
        (
            replace(GOOD, apps=(replace(APP, variables={**APP.variables, "signing_secret": False}),)),
            *("app:slack", "fail", "signing_secret"),
        ),
        (
            replace(
                GOOD,
                apps=(replace(APP, scopes=(*APP.scopes, "users:read")),),
                database=replace(DATABASE, granted=DATABASE.granted[:1]),
            ),
            *("scopes:slack", "warn", "4 connections without users:read"),
        ),
        (
            replace(GOOD, database=replace(DATABASE, granted=(OWN,))),
            *("scopes:slack:own", "warn", "own apps: 1 connection without im:read"),
        ),
        (
            replace(GOOD, providers=(replace(SLACK, trouble="No such name."),)),
            *("provider:slack", "warn", "cannot be reached from here: No such name."),
        ),
        (replace(GOOD, providers=(replace(SLACK, skew_seconds=-3.0),)), "provider:slack", "warn", "3.0 s apart"),
        (replace(GOOD, providers=(replace(SLACK, skew_seconds=61.0),)), "provider:slack", "fail", "61.0 s apart"),
        (replace(GOOD, disk=replace(DISK, free_bytes=GIB // 4)), "disk", "fail", "0.2 GiB"),
        (replace(GOOD, disk=replace(DISK, free_bytes=4 * GIB)), "disk", "warn", "4.0 GiB"),
        (replace(GOOD, disk=None), "disk", "warn", "does not exist"),
    ],
)
def test_each_trouble_is_named_with_what_to_do(facts: Facts, name: str, status: str, words: str) -> None:
    found = troubles(facts)
    assert set(found) == {name}
    assert found[name].status == status
    assert words in found[name].sentence
    assert found[name].remedy


@pytest.mark.parametrize(
    "facts",
    [
        replace(GOOD, key=KeyFacts(source="PATCHBAY_KEY", is_file=False)),
        replace(GOOD, apps=(replace(APP, variables=dict.fromkeys(APP.variables, False)),)),
        replace(GOOD, database=replace(DATABASE, granted=())),
        replace(GOOD, redis=replace(REDIS, append_sync="", version="")),
        replace(GOOD, providers=(replace(SLACK, skew_seconds=None),)),
        replace(GOOD, disk=replace(DISK, free_bytes=40 * GIB, total_bytes=1000 * GIB)),
        replace(
            GOOD,
            address=replace(
                ADDRESS,
                url="http://127.0.0.1:8000",
                is_https=False,
                is_loopback=True,
                seen=Seen(host="127.0.0.1:8000"),
            ),
        ),
    ],
)
def test_what_is_a_choice_is_no_trouble(facts: Facts) -> None:
    assert troubles(facts) == {}


def test_an_address_that_is_not_reached_says_nothing_about_its_proxy() -> None:
    findings = judge(replace(GOOD, address=replace(ADDRESS, outcome="unreachable", seen=Seen())))
    assert "proxy" not in {finding.name for finding in findings}
