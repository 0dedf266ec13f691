"""Key-encryption keys: every process must have them, and data keys can be wrapped with a new one while all goes on."""

import base64
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.http.health import check_readiness
from services import vault
from services.kernel.db import Database
from services.kernel.errors import ConfigurationError
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel, build_kernel, connect_redis
from services.kernel.keyring import load_key_ring
from services.kernel.settings import Settings
from services.kernel.vault import KeyEncryptionKey, KeyEncryptionRing
from services.vault.holders import BEAT_SECONDS, Heartbeat, beat
from services.vault.plan import Act
from tests.integration.vault.safe import new_safe

NEW_KEY = KeyEncryptionKey(os.urandom(32))


def with_ring(kernel: Kernel, *keys: KeyEncryptionKey) -> Kernel:
    """Return a process with these key-encryption keys."""
    return replace(kernel, kek=KeyEncryptionRing(keys))


def own_key(kernel: Kernel) -> KeyEncryptionKey:
    """Return the key-encryption key that the database was made with."""
    return kernel.kek.keys[0]


@contextmanager
def running(kernel: Kernel, process: str) -> Generator[Heartbeat]:
    """Run a process that reports its keys."""
    heartbeat = Heartbeat(kernel, process=process, every_seconds=0.05).start()
    try:
        yield heartbeat
    finally:
        heartbeat.stop()


# Heartbeats


def test_a_rotation_waits_until_every_process_has_opened_the_new_key(kernel: Kernel) -> None:
    safe = new_safe(kernel)
    web, worker = new_id(), new_id()
    for holder_id, name in ((web, "web"), (worker, "worker")):
        beat(kernel, holder_id=holder_id, process=name, known_version=0)
    safe.start()
    progress = safe.run()
    assert progress.act is Act.WAIT and {unready.process for unready in progress.waiting_for} == {"web", "worker"}
    beat(kernel, holder_id=web, process="web", known_version=0)
    assert [unready.process for unready in safe.run().waiting_for] == ["worker"]
    status = vault.list_key_status(kernel, actor=safe.actor)
    assert status.rotation and status.rotation.waiting_for == ("worker: it has not opened the new key yet",)
    beat(kernel, holder_id=worker, process="worker", known_version=0)
    safe.run()
    assert safe.rows_by_key() == {safe.rotation().new_key_id: len(safe.expected)}


def test_a_process_that_died_is_not_waited_for_for_ever(kernel: Kernel) -> None:
    safe = new_safe(kernel)
    beat(kernel, holder_id=new_id(), process="killed", known_version=0)
    safe.start()
    assert safe.run().act is Act.WAIT
    with kernel.unscoped_session("test lets time pass") as session:
        session.connection().execute(text("UPDATE key_holder SET seen_at = seen_at - interval '31 seconds'"))
    safe.run()
    assert safe.rows_by_key() == {safe.rotation().new_key_id: len(safe.expected)}


def test_a_process_that_cannot_open_the_new_key_holds_the_rotation_up_and_is_named(kernel: Kernel) -> None:
    both = with_ring(kernel, NEW_KEY, own_key(kernel))
    safe = new_safe(both)
    safe.start()  # nothing is running yet: wrapped with the new key
    old_process = new_id()
    assert beat(kernel, holder_id=old_process, process="old worker", known_version=0) == 0
    waiting = safe.run().waiting_for
    assert [unready.process for unready in waiting] == ["old worker"] and NEW_KEY.id in waiting[0].reason
    beat(both, holder_id=old_process, process="restarted worker", known_version=0)
    safe.run()
    assert safe.opened() == safe.expected


def test_a_running_process_reports_by_itself_and_takes_leave(kernel: Kernel) -> None:
    safe = new_safe(kernel)
    with running(kernel, "web"):
        assert vault.list_processes(kernel) == ("web",)
        safe.start()
        while safe.run().waiting_for:
            pass
        assert safe.rows_by_key() == {safe.rotation().new_key_id: len(safe.expected)}
    assert vault.list_processes(kernel) == ()
    assert BEAT_SECONDS < 30


def test_a_database_that_is_away_does_not_end_the_heartbeat(kernel: Kernel) -> None:
    away = replace(kernel, database=Database("postgresql://nobody@127.0.0.1:1/none"))
    with running(away, "web"):
        pass
    assert vault.list_processes(kernel) == ()


# Wrapping with a new key


def test_rewrapping_touches_no_secret_and_needs_the_old_key_no_more(kernel: Kernel) -> None:
    first, second = new_safe(kernel, "acme"), new_safe(kernel, "harbor")
    before = first.values()
    both, only_new = with_ring(kernel, NEW_KEY, own_key(kernel)), with_ring(kernel, NEW_KEY)
    assert vault.rewrap_keys(both, dry_run=True).left == 2
    with pytest.raises(ConfigurationError):
        vault.require_usable_keys(only_new)
    result = vault.rewrap_keys(both)
    assert (result.rewrapped, result.left, result.waiting_for) == (2, 0, ())
    vault.require_usable_keys(only_new)
    assert first.values() == before
    for safe in (first, second):
        assert replace(safe, kernel=only_new).opened() == safe.expected
    assert vault.rewrap_keys(both).rewrapped == 0


def test_rewrapping_waits_for_processes_that_lack_the_new_key(kernel: Kernel) -> None:
    safe = new_safe(kernel)
    both = with_ring(kernel, NEW_KEY, own_key(kernel))
    with running(kernel, "old worker"):
        result = vault.rewrap_keys(both)
        assert (result.rewrapped, result.left) == (0, 1) and "old worker" in result.waiting_for[0]
        assert safe.opened() == safe.expected
    assert vault.rewrap_keys(both).rewrapped == 1


def test_while_processes_are_restarted_new_keys_are_wrapped_so_that_all_can_open_them(kernel: Kernel) -> None:
    both = with_ring(kernel, NEW_KEY, own_key(kernel))
    with running(kernel, "not restarted yet"), running(both, "restarted"):
        safe = new_safe(both)
        assert {key.kek_id for key in safe.keys().values()} == {own_key(kernel).id}
        assert replace(safe, kernel=kernel).opened() == safe.expected
    assert {key.kek_id for key in new_safe(both, "harbor").keys().values()} == {NEW_KEY.id}


def test_a_key_of_an_unknown_ring_is_counted_and_left(kernel: Kernel) -> None:
    safe = new_safe(kernel)
    result = vault.rewrap_keys(with_ring(kernel, NEW_KEY))
    assert (result.rewrapped, result.left) == (0, 1)
    assert safe.opened() == safe.expected


# The start


def test_a_process_with_another_key_refuses_to_start_and_says_why(kernel: Kernel, settings: Settings) -> None:
    new_safe(kernel)
    other = base64.b64encode(os.urandom(32)).decode()
    wrong = build_kernel(settings.model_copy(update={"key": SecretStr(other)}))
    with pytest.raises(ConfigurationError) as caught:
        vault.hold_keys(wrong, process="web")
    for words in (kernel.kek.id, wrong.kek.id, "PATCHBAY_KEY", "1 data key"):
        assert words in str(caught.value)
    assert other not in str(caught.value)
    assert vault.list_processes(kernel) == ()
    redis = connect_redis(settings)
    assert check_readiness(kernel, redis).checks["key"].status == "ok"
    readiness = check_readiness(wrong, redis)
    assert (readiness.status, readiness.checks["key"].status) == ("not_ready", "missing")
    wrong.close()


@pytest.mark.parametrize("source", ["environment", "command", "file"])
def test_the_same_key_opens_the_database_wherever_it_comes_from(
    kernel: Kernel, settings: Settings, source: str
) -> None:
    safe = new_safe(kernel)
    assert settings.key_file is not None
    value = settings.key_file.read_text().strip()
    moved = {
        "environment": settings.model_copy(update={"key": SecretStr(value)}),
        "command": settings.model_copy(update={"key_command": SecretStr(f"printf %s {value}")}),
        "file": settings,
    }[source]
    with_source = replace(kernel, kek=load_key_ring(moved))
    vault.require_usable_keys(with_source)
    assert replace(safe, kernel=with_source).opened() == safe.expected


def test_an_empty_database_takes_any_key(kernel: Kernel) -> None:
    vault.require_usable_keys(with_ring(kernel, NEW_KEY))


def test_a_database_that_is_away_is_no_reason_not_to_start(kernel: Kernel) -> None:
    away = replace(kernel, database=Database("postgresql://nobody@127.0.0.1:1/none"))
    vault.hold_keys(away, process="web").stop()
