"""What `patchbay doctor` thinks of the facts. Nothing here has effects."""

from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

from services.operations.facts import AddressFacts, AppFacts, Facts, Granted
from services.operations.server_checks import check_database, check_redis
from services.operations.verdicts import SKEW_FAILS, SKEW_WARNS, fail, graded, ok, warn
from services.operations.views import Finding

_GIB = 1024**3


def judge(facts: Facts) -> tuple[Finding, ...]:
    """Return what every check came to, in the order in which they are repaired best."""
    return tuple(finding for check in CHECKS for finding in check(facts))


def _key(facts: Facts) -> Iterator[Finding]:
    key = facts.key
    if key.problem:
        yield fail("key", key.problem, "Set PATCHBAY_KEY, PATCHBAY_KEY_COMMAND or PATCHBAY_KEY_FILE, or mend the file.")
    elif not key.exists:
        yield fail(
            "key",
            f"There is no key file {key.source}.",
            "Put it back from its backup; the first start makes a new one.",
        )
    elif not key.is_file:
        yield ok("key", f"The key comes from {key.source}.")
    elif key.mode & 0o077:
        yield fail("key", f"Others may read {key.source} (mode {key.mode:04o}).", f"chmod 600 {key.source}")
    elif not key.is_own:
        yield warn(
            "key",
            f"{key.source} belongs to another user.",
            "Run this command as the user who runs Patchbay, or give that user the file.",
        )
    else:
        yield ok("key", f"{key.source} is there, and only its owner may read it.")


def _address(facts: Facts) -> Iterator[Finding]:
    address = facts.address
    if address is None:
        yield warn("address", "Not looked at, since there is no key to sign a request with.", "Mend the key first.")
        return
    if address.is_https or address.is_loopback:
        yield ok("https", "The public address is encrypted." if address.is_https else "The address is the loopback.")
    else:
        yield fail("https", f"{address.url} is not encrypted.", "Set PATCHBAY_PUBLIC_URL to an https:// address.")
    yield _reached(address)
    if address.outcome == "ours":
        yield from _proxy(address)


def _reached(address: AddressFacts) -> Finding:
    if address.outcome == "unreachable":
        return fail(
            "address",
            f"{address.url} cannot be reached from here: {address.detail}",
            "Check PATCHBAY_PUBLIC_URL, its name, its certificate, and that the web process runs.",
        )
    if address.outcome == "foreign":
        return fail(
            "address",
            f"What answers at {address.url} is not this installation: {address.detail}",
            "Check PATCHBAY_PUBLIC_URL and where its proxy leads; restart the web process if the key was exchanged.",
        )
    if not address.refuses_forgeries:
        return fail(
            "address",
            f"{address.url} acknowledges forged requests.",
            "Find out what answers there; it is not our door.",
        )
    return ok(
        "address", f"{address.url} is this installation: a signed request was acknowledged, a forged one refused."
    )


def _proxy(address: AddressFacts) -> Iterator[Finding]:
    public = urlsplit(address.url)
    seen = address.seen
    if seen.host.lower() != public.netloc.lower():
        yield warn(
            "proxy",
            f"The proxy passes on the host {seen.host or '(none)'} instead of {public.netloc}.",
            "Let it pass the header Host on as it came, or redirects lead to the wrong address.",
        )
    elif seen.forwarded_proto and seen.forwarded_proto.partition(",")[0].strip() != public.scheme:
        yield warn(
            "proxy",
            f"The proxy says that it was called by {seen.forwarded_proto}, while the public address begins with"
            f" {public.scheme}.",
            "Check PATCHBAY_PUBLIC_URL, and that only that address leads here.",
        )
    else:
        yield ok("proxy", "Requests arrive under the public address's own host.")


def _apps(facts: Facts) -> Iterator[Finding]:
    granted = facts.database.granted if facts.database else ()
    for app in facts.apps:
        yield _app(app)
        own = [item for item in granted if item.provider == app.provider]
        yield from _scopes(app, [item for item in own if item.by_operator_app], is_operators=True)
        yield from _scopes(app, [item for item in own if not item.by_operator_app and item.scopes], is_operators=False)


def _scopes(app: AppFacts, granted: Sequence[Granted], *, is_operators: bool) -> Iterator[Finding]:
    if not granted:
        return
    name = f"scopes:{app.provider}" if is_operators else f"scopes:{app.provider}:own"
    whose = app.name if is_operators else f"{app.name}, companies' own apps"
    lacking = [(set(app.scopes) - set(item.scopes), item.connections) for item in granted]
    missing = sorted({scope for scopes, _ in lacking for scope in scopes})
    count = sum(connections for scopes, connections in lacking if scopes)
    if not missing:
        yield ok(name, f"{whose}: every connection has all scopes.")
        return
    repair = f"Add the scopes to the app at {app.name}; then connect again what lacks them."
    yield warn(
        name,
        f"{whose}: {count} connection{'' if count == 1 else 's'} without {', '.join(missing)}.",
        repair if is_operators else "The companies' pages say which; they add the scopes and connect again.",
    )


def _app(app: AppFacts) -> Finding:
    unset = [name for name, is_set in app.variables.items() if not is_set]
    name = f"app:{app.provider}"
    if not unset:
        return ok(name, f"{app.name}: the operator's app is set; it asks for {', '.join(app.scopes) or 'no scopes'}.")
    if len(unset) == len(app.variables):
        return ok(name, f"{app.name}: no app of the operator's; companies bring their own.")
    return fail(
        name, f"{app.name}: the operator's app lacks {', '.join(unset)}.", "Complete it in PATCHBAY_PROVIDER_APPS."
    )


def _providers(facts: Facts) -> Iterator[Finding]:
    for found in facts.providers:
        name = f"provider:{found.provider}"
        if found.trouble:
            yield warn(
                name,
                f"{found.name} cannot be reached from here: {found.trouble}",
                f"Check this machine's name server, firewall and way out, and {found.name}'s status page.",
            )
        elif found.skew_seconds is None:
            yield ok(name, f"{found.name} answers.")
        else:
            skew = abs(found.skew_seconds)
            words = f"{found.name} answers; its clock and this machine's are {skew:.1f} s apart."
            yield graded(name, words, skew, SKEW_WARNS, SKEW_FAILS, remedy="Keep this machine's clock by NTP.")


def _patchbay(facts: Facts) -> Iterator[Finding]:
    yield ok("patchbay", f"Patchbay {facts.version} on Python {facts.python}.")


def _disk(facts: Facts) -> Iterator[Finding]:
    disk = facts.disk
    if disk is None:
        yield warn("disk", "The data folder does not exist here.", "Run this command where Patchbay runs.")
        return
    share = disk.free_bytes / disk.total_bytes if disk.total_bytes else 0.0
    words = f"{disk.free_bytes / _GIB:.1f} GiB are free where {disk.path} lies ({share:.0%})."
    remedy = "Make room: without it nothing can be stored, and webhooks are refused."
    if disk.free_bytes < _GIB // 2:
        yield fail("disk", words, remedy)
    elif disk.free_bytes < 5 * _GIB and share < 0.1:
        yield warn("disk", words, remedy)
    else:
        yield ok("disk", words)


CHECKS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    *(_patchbay, _key, check_database, check_redis, _address, _apps, _providers, _disk),
)
