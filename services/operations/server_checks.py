"""What the doctor thinks of PostgreSQL and Redis. Nothing here has effects."""

from collections.abc import Callable, Iterator

from services.operations.facts import DatabaseFacts, Facts, RedisFacts
from services.operations.verdicts import SKEW_FAILS, SKEW_WARNS, fail, graded, ok, warn
from services.operations.views import Finding

WAIT_WARNS, WAIT_FAILS = 60.0, 300.0
OLDEST_VERSION = 150_000
"""PostgreSQL's own last supported one when this was written."""
OLDEST_REDIS = (6, 2)


def check_database(facts: Facts) -> Iterator[Finding]:
    """Judge PostgreSQL, and what is read from it."""
    if facts.database is None:
        yield fail("database", "PostgreSQL does not answer.", "Check PATCHBAY_DATABASE_URL and that the server runs.")
        return
    yield ok("database", "PostgreSQL answers.")
    for check in _DATABASE_CHECKS:
        yield from check(facts.database)


def _clock(database: DatabaseFacts) -> Iterator[Finding]:
    skew = abs(database.skew_seconds)
    words = f"This machine's clock and the database's are {skew:.1f} s apart."
    yield graded("clock", words, skew, SKEW_WARNS, SKEW_FAILS, remedy="Keep both machines' clocks by NTP.")


def _schema(database: DatabaseFacts) -> Iterator[Finding]:
    if database.revision == database.expected_revision:
        yield ok("schema", f"The schema is at revision {database.revision}.")
    else:
        found = database.revision or "none"
        yield fail(
            "schema", f"The schema is at revision {found}; needed is {database.expected_revision}.", "patchbay migrate"
        )


def _role(database: DatabaseFacts) -> Iterator[Finding]:
    if database.is_above_isolation or database.owns_tables:
        yield fail(
            "isolation",
            f"The product works as the role {database.role}, which row-level security does not hold back.",
            "Let PATCHBAY_DATABASE_URL name a role that may become patchbay_app, and let that one own nothing.",
        )
    else:
        yield ok("isolation", f"The product works as {database.role}; row-level security holds it back.")


def _durability(database: DatabaseFacts) -> Iterator[Finding]:
    off = [name for name in ("fsync", "full_page_writes") if database.settings.get(name) != "on"]
    commit = database.settings.get("synchronous_commit", "")
    if commit in ("off", ""):
        off.append("synchronous_commit")
    if off:
        yield fail(
            "durability",
            f"A power cut may lose webhooks that were acknowledged: {', '.join(off)} is off.",
            "Switch it on in postgresql.conf and reload the server.",
        )
    else:
        yield ok("durability", "PostgreSQL keeps what it has committed.")


def _version(database: DatabaseFacts) -> Iterator[Finding]:
    major = database.version // 10_000
    if database.version < OLDEST_VERSION:
        yield warn("version", f"PostgreSQL {major} gets no repairs any more.", "Move to a newer one.")
    else:
        yield ok("version", f"PostgreSQL {major}.")


def _processes(database: DatabaseFacts) -> Iterator[Finding]:
    needed = [
        ("worker", "Webhooks are stored, and nothing is done about them.", "patchbay worker"),
        ("scheduler", "What nobody was woken for waits.", "patchbay scheduler"),
    ]
    if database.has_own_webhooks:
        needed.append(("webhooks", "Nobody answers at PATCHBAY_WEBHOOKS_PORT.", "patchbay web --only webhooks"))
    for process, effect, command in needed:
        count = database.processes.get(process, 0)
        if count:
            yield ok(process, f"Heard of {count} within a minute.")
        else:
            yield fail(process, f"None was heard of for a minute. {effect}", f"Start `{command}`.")


def _waiting(database: DatabaseFacts) -> Iterator[Finding]:
    oldest = max(database.queues, key=lambda queue: queue.oldest_seconds, default=None)
    if oldest is None or not oldest.due:
        yield ok("waiting", "No work is overdue.")
        return
    words = f"The oldest due work ({oldest.name.replace('_', ' ')}) has been waiting for {oldest.oldest_seconds:.0f} s."
    remedy = "Look at the workers' log; start more of them if they are busy."
    yield graded("waiting", words, oldest.oldest_seconds, WAIT_WARNS, WAIT_FAILS, remedy=remedy)


def check_redis(facts: Facts) -> Iterator[Finding]:
    """Judge Redis."""
    if facts.redis is None:
        yield fail("redis", "Redis does not answer.", "Check PATCHBAY_REDIS_URL and that the server runs.")
        return
    yield ok("redis", f"Redis {facts.redis.version} answers." if facts.redis.version else "Redis answers.")
    if not facts.redis.is_told:
        yield warn("redis_persistence", "Redis does not say how it is set up.", "Allow its user the command INFO.")
        return
    yield from _redis_version(facts.redis)
    yield from _persistence(facts.redis)
    yield from _eviction(facts.redis)


def _redis_version(redis: RedisFacts) -> Iterator[Finding]:
    found = tuple(int(part) for part in redis.version.split(".")[:2] if part.isdigit())
    if found and found < OLDEST_REDIS:
        yield fail(
            "redis_version",
            f"Redis {redis.version} lacks commands that Patchbay needs.",
            f"Move to {'.'.join(str(part) for part in OLDEST_REDIS)} or newer.",
        )


def _persistence(redis: RedisFacts) -> Iterator[Finding]:
    if redis.is_append_only and redis.append_sync == "no":
        yield warn(
            "redis_persistence",
            "Redis leaves it to the system when it writes to the disk: a power cut forgets limits used so far; no work"
            " is lost.",
            "appendfsync everysec",
        )
    elif redis.is_append_only:
        often = f" (appendfsync {redis.append_sync})" if redis.append_sync else ""
        yield ok("redis_persistence", f"Redis keeps what it holds over a restart{often}.")
    else:
        yield warn(
            "redis_persistence",
            "A restart of Redis forgets limits used so far and open pages' state; no work is lost.",
            "appendonly yes",
        )


def _eviction(redis: RedisFacts) -> Iterator[Finding]:
    if redis.eviction == "noeviction":
        yield ok("redis_eviction", "Redis throws nothing away.")
        return
    words = f"When its memory is full, Redis throws wake-ups away (maxmemory-policy {redis.eviction})."
    judged = fail if redis.memory_limit else warn
    yield judged("redis_eviction", words, "maxmemory-policy noeviction")


_DATABASE_CHECKS: tuple[Callable[[DatabaseFacts], Iterator[Finding]], ...] = (
    *(_clock, _schema, _role, _durability, _version, _processes, _waiting),
)
