"""What `patchbay doctor` thinks of the facts. Nothing here has effects."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from services.operations.facts import AddressFacts, AppFacts, DatabaseFacts, Facts, RedisFacts
from services.operations.views import Finding

SKEW_WARNS, SKEW_FAILS = 2.0, 60.0
"""Seconds. Providers' signatures are good for some minutes; who is a minute off will soon be refused."""
WAIT_WARNS, WAIT_FAILS = 60.0, 300.0
OLDEST_VERSION = 150_000
"""PostgreSQL's own last supported one when this was written."""
_GIB = 1024**3


def judge(facts: Facts) -> tuple[Finding, ...]:
    """Return what every check came to, in the order in which they are repaired best."""
    return tuple(finding for check in CHECKS for finding in check(facts))


def _key(facts: Facts) -> Iterator[Finding]:
    key = facts.key
    if key.problem:
        yield _fail(
            "key", key.problem, "Set PATCHBAY_KEY, PATCHBAY_KEY_COMMAND or PATCHBAY_KEY_FILE, or mend the file."
        )
    elif not key.exists:
        yield _fail(
            "key",
            f"There is no key file {key.source}.",
            "Put it back from its backup; the first start makes a new one.",
        )
    elif not key.is_file:
        yield _ok("key", f"The key comes from {key.source}.")
    elif key.mode & 0o077:
        yield _fail("key", f"Others may read {key.source} (mode {key.mode:04o}).", f"chmod 600 {key.source}")
    elif not key.is_own:
        yield _warn(
            "key",
            f"{key.source} belongs to another user.",
            "Run this command as the user who runs Patchbay, or give that user the file.",
        )
    else:
        yield _ok("key", f"{key.source} is there, and only its owner may read it.")


def _database(facts: Facts) -> Iterator[Finding]:
    if facts.database is None:
        yield _fail("database", "PostgreSQL does not answer.", "Check PATCHBAY_DATABASE_URL and that the server runs.")
        return
    yield _ok("database", "PostgreSQL answers.")
    for check in _DATABASE_CHECKS:
        yield from check(facts.database)


def _clock(database: DatabaseFacts) -> Iterator[Finding]:
    skew = abs(database.skew_seconds)
    words = f"This machine's clock and the database's are {skew:.1f} s apart."
    yield _graded("clock", words, skew, SKEW_WARNS, SKEW_FAILS, remedy="Keep both machines' clocks by NTP.")


def _schema(database: DatabaseFacts) -> Iterator[Finding]:
    if database.revision == database.expected_revision:
        yield _ok("schema", f"The schema is at revision {database.revision}.")
    else:
        found = database.revision or "none"
        yield _fail(
            "schema", f"The schema is at revision {found}; needed is {database.expected_revision}.", "patchbay migrate"
        )


def _role(database: DatabaseFacts) -> Iterator[Finding]:
    if database.is_above_isolation or database.owns_tables:
        yield _fail(
            "isolation",
            f"The product works as the role {database.role}, which row-level security does not hold back.",
            "Let PATCHBAY_DATABASE_URL name a role that may become patchbay_app, and let that one own nothing.",
        )
    else:
        yield _ok("isolation", f"The product works as {database.role}; row-level security holds it back.")


def _durability(database: DatabaseFacts) -> Iterator[Finding]:
    off = [name for name in ("fsync", "full_page_writes") if database.settings.get(name) != "on"]
    commit = database.settings.get("synchronous_commit", "")
    if commit in ("off", ""):
        off.append("synchronous_commit")
    if off:
        yield _fail(
            "durability",
            f"A power cut may lose webhooks that were acknowledged: {', '.join(off)} is off.",
            "Switch it on in postgresql.conf and reload the server.",
        )
    else:
        yield _ok("durability", "PostgreSQL keeps what it has committed.")


def _version(database: DatabaseFacts) -> Iterator[Finding]:
    major = database.version // 10_000
    if database.version < OLDEST_VERSION:
        yield _warn("version", f"PostgreSQL {major} gets no repairs any more.", "Move to a newer one.")
    else:
        yield _ok("version", f"PostgreSQL {major}.")


def _processes(database: DatabaseFacts) -> Iterator[Finding]:
    for process, effect in (
        ("worker", "Webhooks are stored, and nothing is done about them."),
        ("scheduler", "What nobody was woken for waits."),
    ):
        count = database.processes.get(process, 0)
        if count:
            yield _ok(process, f"Heard of {count} within a minute.")
        else:
            yield _fail(process, f"None was heard of for a minute. {effect}", f"Start `patchbay {process}`.")


def _waiting(database: DatabaseFacts) -> Iterator[Finding]:
    oldest = max(database.queues, key=lambda queue: queue.oldest_seconds, default=None)
    if oldest is None or not oldest.due:
        yield _ok("waiting", "No work is overdue.")
        return
    words = f"The oldest due work ({oldest.name.replace('_', ' ')}) has been waiting for {oldest.oldest_seconds:.0f} s."
    remedy = "Look at the workers' log; start more of them if they are busy."
    yield _graded("waiting", words, oldest.oldest_seconds, WAIT_WARNS, WAIT_FAILS, remedy=remedy)


def _redis(facts: Facts) -> Iterator[Finding]:
    if facts.redis is None:
        yield _fail("redis", "Redis does not answer.", "Check PATCHBAY_REDIS_URL and that the server runs.")
        return
    yield _ok("redis", "Redis answers.")
    if not facts.redis.is_told:
        yield _warn("redis_persistence", "Redis does not say how it is set up.", "Allow its user the command INFO.")
        return
    yield from _persistence(facts.redis)
    yield from _eviction(facts.redis)


def _persistence(redis: RedisFacts) -> Iterator[Finding]:
    if redis.is_append_only:
        yield _ok("redis_persistence", "Redis keeps what it holds over a restart.")
    else:
        yield _warn(
            "redis_persistence",
            "A restart of Redis forgets limits used so far and open pages' state; no work is lost.",
            "appendonly yes",
        )


def _eviction(redis: RedisFacts) -> Iterator[Finding]:
    if redis.eviction == "noeviction":
        yield _ok("redis_eviction", "Redis throws nothing away.")
        return
    words = f"When its memory is full, Redis throws wake-ups away (maxmemory-policy {redis.eviction})."
    judged = _fail if redis.memory_limit else _warn
    yield judged("redis_eviction", words, "maxmemory-policy noeviction")


def _address(facts: Facts) -> Iterator[Finding]:
    address = facts.address
    if address is None:
        yield _warn("address", "Not looked at, since there is no key to sign a request with.", "Mend the key first.")
        return
    if address.is_https or address.is_loopback:
        yield _ok("https", "The public address is encrypted." if address.is_https else "The address is the loopback.")
    else:
        yield _fail("https", f"{address.url} is not encrypted.", "Set PATCHBAY_PUBLIC_URL to an https:// address.")
    yield _reached(address)
    if address.outcome == "ours":
        yield from _proxy(address)


def _reached(address: AddressFacts) -> Finding:
    if address.outcome == "unreachable":
        return _fail(
            "address",
            f"{address.url} cannot be reached from here: {address.detail}",
            "Check PATCHBAY_PUBLIC_URL, its name, its certificate, and that the web process runs.",
        )
    if address.outcome == "foreign":
        return _fail(
            "address",
            f"What answers at {address.url} is not this installation: {address.detail}",
            "Check PATCHBAY_PUBLIC_URL and where its proxy leads; restart the web process if the key was exchanged.",
        )
    if not address.refuses_forgeries:
        return _fail(
            "address",
            f"{address.url} acknowledges forged requests.",
            "Find out what answers there; it is not our door.",
        )
    return _ok(
        "address", f"{address.url} is this installation: a signed request was acknowledged, a forged one refused."
    )


def _proxy(address: AddressFacts) -> Iterator[Finding]:
    public = urlsplit(address.url)
    seen = address.seen
    if seen.host.lower() != public.netloc.lower():
        yield _warn(
            "proxy",
            f"The proxy passes on the host {seen.host or '(none)'} instead of {public.netloc}.",
            "Let it pass the header Host on as it came, or redirects lead to the wrong address.",
        )
    elif seen.forwarded_proto and seen.forwarded_proto.partition(",")[0].strip() != public.scheme:
        yield _warn(
            "proxy",
            f"The proxy says that it was called by {seen.forwarded_proto}, while the public address begins with"
            f" {public.scheme}.",
            "Check PATCHBAY_PUBLIC_URL, and that only that address leads here.",
        )
    else:
        yield _ok("proxy", "Requests arrive under the public address's own host.")


def _apps(facts: Facts) -> Iterator[Finding]:
    for app in facts.apps:
        yield _app(app)
        granted = facts.database.granted if facts.database else ()
        lacking = [
            (set(app.scopes) - set(scopes), count) for provider, scopes, count in granted if provider == app.provider
        ]
        short = [(missing, count) for missing, count in lacking if missing]
        if short:
            names = ", ".join(sorted({name for missing, _ in short for name in missing}))
            connections = sum(count for _, count in short)
            yield _warn(
                f"scopes:{app.provider}",
                f"{app.name}: {connections} connection{'' if connections == 1 else 's'} without {names}.",
                f"Add the scopes to the app at {app.name}; then connect again what lacks them.",
            )
        elif lacking:
            yield _ok(f"scopes:{app.provider}", f"{app.name}: every connection has all scopes.")


def _app(app: AppFacts) -> Finding:
    unset = [name for name, is_set in app.variables.items() if not is_set]
    name = f"app:{app.provider}"
    if not unset:
        return _ok(name, f"{app.name}: the operator's app is set; it asks for {', '.join(app.scopes) or 'no scopes'}.")
    if len(unset) == len(app.variables):
        return _ok(name, f"{app.name}: no app of the operator's; companies bring their own.")
    return _fail(
        name, f"{app.name}: the operator's app lacks {', '.join(unset)}.", "Complete it in PATCHBAY_PROVIDER_APPS."
    )


def _disk(facts: Facts) -> Iterator[Finding]:
    disk = facts.disk
    if disk is None:
        yield _warn("disk", "The data folder does not exist here.", "Run this command where Patchbay runs.")
        return
    share = disk.free_bytes / disk.total_bytes if disk.total_bytes else 0.0
    words = f"{disk.free_bytes / _GIB:.1f} GiB are free where {disk.path} lies ({share:.0%})."
    remedy = "Make room: without it nothing can be stored, and webhooks are refused."
    if disk.free_bytes < _GIB // 2:
        yield _fail("disk", words, remedy)
    elif disk.free_bytes < 5 * _GIB and share < 0.1:
        yield _warn("disk", words, remedy)
    else:
        yield _ok("disk", words)


CHECKS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (_key, _database, _redis, _address, _apps, _disk)
_DATABASE_CHECKS: tuple[Callable[[DatabaseFacts], Iterator[Finding]], ...] = (
    *(_clock, _schema, _role, _durability, _version, _processes, _waiting),
)


def _graded(name: str, words: str, value: float, warns: float, fails: float, *, remedy: str) -> Finding:
    if value >= fails:
        return _fail(name, words, remedy)
    return _warn(name, words, remedy) if value >= warns else _ok(name, words)


def _ok(name: str, sentence: str) -> Finding:
    return Finding(name=name, status="ok", sentence=sentence)


def _warn(name: str, sentence: str, remedy: str) -> Finding:
    return Finding(name=name, status="warn", sentence=sentence, remedy=remedy)


def _fail(name: str, sentence: str, remedy: str) -> Finding:
    return Finding(name=name, status="fail", sentence=sentence, remedy=remedy)
