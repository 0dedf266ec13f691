"""Reads the facts for `patchbay doctor`; every effect of it stands here. Nothing is changed."""

import os
import platform
import shutil
import stat
import time
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError

from services.kernel.db import Database
from services.kernel.errors import ConfigurationError, PatchbayError
from services.kernel.kernel import Kernel, build_kernel, connect_redis
from services.kernel.keyring import describe_source
from services.kernel.settings import Settings
from services.operations import repository
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
from services.operations.measuring import HEARD_SECONDS, count_kinds
from services.operations.schema import expected_revision
from services.operations.self_test import PROOF_HEADER, SELF_TEST_PATH, Seen, read_answer, write_self_test
from services.operations.views import QueueView
from services.provider_kit.contract import ProviderManifest
from services.provider_kit.registry import get_manifest, list_manifests
from services.vault import require_usable_keys
from services.vault.repository import list_holders

_PATIENCE_SECONDS = 10.0
_CUT_OFF_SECONDS = 0.5
"""What the header ``Date``, which knows whole seconds only, lags behind on average."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def gather(settings: Settings) -> Facts:
    """Read everything; what does not answer is left out. A key that is missing is not made."""
    key = _key(settings)
    kernel: Kernel | None = None
    if key.exists:
        try:
            kernel = build_kernel(settings)
        except ConfigurationError as error:
            key = replace(key, problem=str(error))
    facts = Facts(
        key=key,
        database=_database(settings),
        redis=_redis(settings),
        address=None,
        apps=tuple(_app(settings, manifest) for manifest in list_manifests() if manifest.oauth),
        disk=_disk(settings.data_dir),
        version=metadata.version("patchbay"),
        python=platform.python_version(),
    )
    if kernel is None:
        return facts
    try:
        if facts.database and facts.database.revision == facts.database.expected_revision:
            facts = replace(facts, key=_tried(kernel, key))
        granted = facts.database.granted if facts.database else ()
        in_use = sorted({item.provider for item in granted})
        return replace(facts, address=_address(kernel), providers=tuple(_provider(kernel, slug) for slug in in_use))
    finally:
        kernel.close()


def _key(settings: Settings) -> KeyFacts:
    source = describe_source(settings)
    if source.startswith("PATCHBAY_"):
        return KeyFacts(source=source, is_file=False)
    try:
        status = Path(source).stat()
    except OSError:
        return KeyFacts(source=source, is_file=True, exists=False)
    return KeyFacts(
        source=source, is_file=True, mode=stat.S_IMODE(status.st_mode), is_own=status.st_uid == os.geteuid()
    )


def _tried(kernel: Kernel, key: KeyFacts) -> KeyFacts:
    try:
        require_usable_keys(kernel)
    except ConfigurationError as error:
        return replace(key, problem=str(error))
    return key


def require_durability(kernel: Kernel) -> None:
    """Check that PostgreSQL keeps through a power cut what it has committed; for processes that acknowledge.

    Every session of ours waits for its commits to be flushed; whether flushing means anything is the server's choice.
    A database that is away, or not set up yet, is no reason not to start.

    Raises:
        ConfigurationError: it may forget what it has committed.
    """
    try:
        with kernel.unscoped_session("operations.require_durability") as session:
            server = repository.read_server(session)
    except (OperationalError, ProgrammingError):
        return
    if server.fsync != "on":
        raise ConfigurationError(
            "PostgreSQL runs with fsync=off: in a power cut it would forget what providers were told is kept."
            " Set fsync = on in postgresql.conf and restart it."
        )


def _database(settings: Settings) -> DatabaseFacts | None:
    database = Database(settings.database_url)
    try:
        with database.unscoped_transaction("operations.examine") as session:
            repository.limit_time(session, seconds=_PATIENCE_SECONDS)
            before = time.time()
            server = repository.read_server(session)
            ours = (before + time.time()) / 2
            revision = repository.find_revision(session)
            facts = DatabaseFacts(
                skew_seconds=ours - server.now,
                settings={
                    "fsync": server.fsync,
                    "synchronous_commit": server.synchronous_commit,
                    "full_page_writes": server.full_page_writes,
                },
                version=server.version,
                role=server.role,
                is_above_isolation=server.is_above_isolation,
                owns_tables=server.owns_tables,
                revision=revision,
                expected_revision=expected_revision() or "",
                processes={},
                has_own_webhooks=bool(settings.webhooks_port),
            )
            if revision != facts.expected_revision:
                return facts  # its tables may not be there
            holders = list_holders(session, silent_seconds=HEARD_SECONDS)
            return replace(
                facts,
                processes={item.words[0]: item.count for item in count_kinds(holder.process for holder in holders)},
                queues=tuple(
                    QueueView(name=name, open=count, due=due, oldest_seconds=float(age))
                    for name, count, due, age in repository.count_open(session)
                ),
                granted=tuple(
                    Granted(provider=provider, by_operator_app=is_operators, scopes=tuple(scopes), connections=count)
                    for provider, is_operators, scopes, count in repository.list_granted_scopes(session)
                ),
            )
    except SQLAlchemyError:
        return None
    finally:
        database.dispose()


def _redis(settings: Settings) -> RedisFacts | None:
    redis = connect_redis(settings)
    try:
        found = repository.read_redis(redis)
    except (RedisError, OSError):
        return None
    finally:
        redis.close()
    return RedisFacts(
        is_told=bool(found),
        is_append_only=found.get("aof_enabled") == "1",
        eviction=found.get("maxmemory_policy", "unknown"),
        memory_limit=int(found.get("maxmemory", "0")),
        append_sync=found.get("appendfsync", ""),
        version=found.get("redis_version", ""),
    )


def _address(kernel: Kernel) -> AddressFacts:
    url = kernel.settings.public_url
    parts = urlsplit(url)
    facts = AddressFacts(
        url=url, is_https=parts.scheme == "https", is_loopback=parts.hostname in _LOOPBACK, outcome="unreachable"
    )
    test = write_self_test(kernel.kek, now=datetime.now(UTC))
    try:
        # Not the client for calls to providers, which refuses private addresses: this one is the operator's own.
        with httpx2.Client(timeout=_PATIENCE_SECONDS, trust_env=False, follow_redirects=False) as client:
            answer = client.post(url + SELF_TEST_PATH, content=test.body, headers={PROOF_HEADER: test.proof})
            forged = client.post(url + SELF_TEST_PATH, content=test.body, headers={PROOF_HEADER: "0" * 64})
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return replace(facts, detail=f"{type(error).__name__}.")
    seen: Seen | None = None
    if answer.status_code == 200:
        seen = read_answer(kernel.kek, nonce=test.nonce, body=answer.content)
    if seen is None:
        return replace(facts, outcome="foreign", detail=f"it answered {answer.status_code} without our key's proof.")
    return replace(facts, outcome="ours", seen=seen, refuses_forgeries=forged.status_code == 401)


def _provider(kernel: Kernel, slug: str) -> ProviderFacts:
    """Ask a provider for nothing, without a credential: whatever it answers has been reached, and tells its time."""
    manifest = get_manifest(slug)
    facts = ProviderFacts(provider=slug, name=manifest.name)
    if "api" not in manifest.urls:
        return facts
    url = kernel.settings.provider_url(slug, "api", default=manifest.urls["api"].default)
    before = time.time()
    try:
        answer = kernel.http.request("HEAD", url, deadline_seconds=_PATIENCE_SECONDS)
        said = parsedate_to_datetime(answer.headers.get("date", ""))
    except PatchbayError as error:
        return replace(facts, trouble=error.message)
    except ValueError:  # it does not say
        return facts
    ours = (before + time.time()) / 2
    return replace(facts, skew_seconds=ours - said.timestamp() - _CUT_OFF_SECONDS)


def _app(settings: Settings, manifest: ProviderManifest) -> AppFacts:
    app = settings.provider_apps.get(manifest.slug)
    variables = {
        "client_id": bool(app and app.client_id.strip()),
        "client_secret": bool(app and app.client_secret.get_secret_value().strip()),
    }
    if manifest.webhook_proof == "secret" and any(kind.shared for kind in manifest.webhooks):
        variables["signing_secret"] = bool(app and app.signing_secret.get_secret_value().strip())
    return AppFacts(
        provider=manifest.slug,
        name=manifest.name,
        variables=variables,
        scopes=tuple(scope.name for scope in manifest.scopes),
    )


def _disk(folder: Path) -> DiskFacts | None:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return DiskFacts(path=str(folder.absolute()), free_bytes=usage.free, total_bytes=usage.total)
