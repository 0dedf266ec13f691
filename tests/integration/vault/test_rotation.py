"""A rotation moves every secret to a new key, whatever happens meanwhile, and can be taken back."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import LargeBinary, event, text
from sqlmodel import col, select

import models
from models import Credential, DataKeyState, Role, RotationState
from services import vault
from services.kernel.db import Database, UnitOfWork
from services.kernel.errors import Conflict, Forbidden
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.vault import VaultError
from services.vault.columns import SEALED_COLUMNS
from services.vault.plan import Act
from services.webhooks.sweep import run as sweep
from tests.integration.vault.safe import Safe, new_safe
from tests.support.clock import FakeClock
from tests.support.line import OnDemandQueue

RETENTION = timedelta(days=35)


def test_a_rotation_moves_every_secret_and_switches_the_old_key_off(kernel: Kernel) -> None:
    safe = new_safe(kernel, credentials=5)
    rotation = safe.start()
    assert safe.keys()[rotation.new_key_id].state is DataKeyState.PENDING
    safe.run()
    assert safe.rows_by_key() == {rotation.new_key_id: len(safe.expected)}
    assert safe.opened() == safe.expected
    keys = safe.keys()
    assert keys[rotation.old_key_id].state is DataKeyState.RETIRED
    assert keys[rotation.new_key_id].state is DataKeyState.PRIMARY
    done = safe.rotation()
    assert done.state is RotationState.RETIRED and done.finished_at is None
    assert done.rows_done == done.rows_total == len(safe.expected)


def test_the_old_key_is_destroyed_once_backups_are_gone(kernel: Kernel, clock: FakeClock) -> None:
    safe = new_safe(kernel)
    rotation = safe.start()
    safe.run()
    clock.advance(RETENTION - timedelta(minutes=1))
    assert safe.run().act is Act.WAIT
    assert safe.keys()[rotation.old_key_id].wrapped
    clock.advance(timedelta(minutes=1))
    safe.run()
    old = safe.keys()[rotation.old_key_id]
    assert (old.state, old.wrapped) == (DataKeyState.DESTROYED, b"")
    assert safe.rotation().state is RotationState.DONE and safe.rotation().finished_at is not None
    assert safe.opened() == safe.expected
    with pytest.raises(Conflict):
        vault.revert_rotation(kernel, actor=safe.actor)


def test_a_key_that_is_switched_off_opens_nothing(kernel: Kernel) -> None:
    safe = new_safe(kernel)
    before = safe.values()
    safe.start()
    safe.run()
    (table, column, row_id), sealed = next(iter(before.items()))
    with kernel.unit_of_work(safe.tenant_id) as work:
        work.session.connection().execute(
            text(f"UPDATE {table} SET {column} = :old WHERE tenant_id = :tenant AND id = :id"),
            {"old": sealed, "tenant": safe.tenant_id, "id": row_id},
        )
        with pytest.raises(VaultError, match="rotated away"):
            vault.reveal(work, kernel, table=table, column=column, row_id=row_id, sealed=sealed)


def test_a_value_read_before_a_rotation_opens_after_it(kernel: Kernel) -> None:
    safe = new_safe(kernel)
    before = safe.values()
    safe.start()
    safe.run()
    for (table, column, row_id), sealed in before.items():
        with kernel.unit_of_work(safe.tenant_id) as work:
            secret = vault.reveal(work, kernel, table=table, column=column, row_id=row_id, sealed=sealed)
        assert secret.reveal() == safe.expected[table, column, row_id]


NOT_SEALED = {
    ("attachment", "content"): "a file as it came with a letter: content of the tenant's, as a message's text is",
    ("data_key", "wrapped"): "is what rotation changes to, wrapped by the installation's key",
    ("tally", "took"): "how long answers took, as numbers of steps",
    ("webhook_delivery", "body"): "what a provider sent, as its signature was checked on it",
}
"""Columns of bytes that hold no secret; all others are sealed."""


def test_every_column_that_can_hold_a_sealed_value_is_rotated() -> None:
    found = {(sealed.table.name, sealed.column.name) for sealed in SEALED_COLUMNS}
    binary = {
        (table.name, column.name)
        for table in models.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    assert binary - found == set(NOT_SEALED)
    assert {name for _, name in found if not name.startswith("sealed")} == set()
    assert all({"tenant_id", "id"} <= set(sealed.table.primary_key.columns.keys()) for sealed in SEALED_COLUMNS)


# The way back


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 4, 50])
def test_the_way_back_is_open_after_every_step(kernel: Kernel, clock: FakeClock, steps: int) -> None:
    safe = new_safe(kernel)
    rotation = safe.start()
    take_steps(safe, steps)
    vault.revert_rotation(kernel, actor=safe.actor)
    safe.add_credentials(1)
    safe.run()
    assert safe.rows_by_key() == {rotation.old_key_id: len(safe.expected)}
    assert safe.opened() == safe.expected
    assert safe.rotation().state is RotationState.REVERTED
    assert safe.keys()[rotation.old_key_id].state is DataKeyState.PRIMARY
    clock.advance(RETENTION)
    safe.run()
    assert safe.keys()[rotation.new_key_id].state is DataKeyState.DESTROYED
    assert safe.rotation().finished_at is not None
    assert safe.opened() == safe.expected


def test_after_a_way_back_a_new_rotation_works(kernel: Kernel) -> None:
    safe = new_safe(kernel)
    safe.start()
    safe.run()
    vault.revert_rotation(kernel, actor=safe.actor)
    safe.run()
    rotation = safe.start()
    safe.run()
    assert safe.rows_by_key() == {rotation.new_key_id: len(safe.expected)}


def test_one_rotation_at_a_time_but_the_next_need_not_wait_for_destruction(kernel: Kernel) -> None:
    safe = new_safe(kernel)
    first = safe.start()
    with pytest.raises(Conflict, match="under way"):
        vault.start_rotation(kernel, actor=safe.actor)
    safe.run()
    second = safe.start()
    safe.run()
    assert safe.rows_by_key() == {second.new_key_id: len(safe.expected)}
    assert second.old_key_id == first.new_key_id


def test_keys_that_are_switched_off_can_be_destroyed_before_their_time(kernel: Kernel) -> None:
    safe = new_safe(kernel)
    rotation = safe.start()
    safe.run()
    assert vault.destroy_retired_keys(kernel, actor=safe.actor) == 1
    assert safe.keys()[rotation.old_key_id].wrapped == b""
    assert safe.rotation().state is RotationState.DONE
    assert vault.destroy_retired_keys(kernel, actor=safe.actor) == 0
    assert safe.opened() == safe.expected


# Crashes


class Killed(BaseException):
    """The process dies: nobody catches this."""


class Mortal:
    """Another process, which dies just before its statement of a number, again and again; commits are counted too."""

    def __init__(self, kernel: Kernel) -> None:
        self._database = Database(kernel.settings.database_url, pool_size=2)
        self.kernel = replace(kernel, database=self._database)
        self._sockets: list[psycopg.Connection] = []
        self._left = 0
        event.listen(self._database.engine, "connect", self._note)
        event.listen(self._database.engine, "before_cursor_execute", self._count)
        event.listen(self._database.engine, "commit", self._count)

    @contextmanager
    def life(self, *, until: int) -> Generator[None]:
        """Live until that statement, or until all is done."""
        self._left = until
        try:
            yield
        finally:
            while self._sockets:  # as the operating system does for a process that was killed
                self._sockets.pop().close()
            self._database.dispose()

    def _note(self, connection: psycopg.Connection, _record: object) -> None:
        self._sockets.append(connection)

    def _count(self, *_: object) -> None:
        self._left -= 1
        if self._left == 0:
            raise Killed


def survive_all_deaths(safe: Safe, prepare: Callable[[], object], act: Callable[[Safe], object]) -> int:
    """Let a process die before each statement in turn; after each death another one goes on."""
    mortal, number = Mortal(safe.kernel), 0
    while True:
        number += 1
        prepare()
        try:
            with mortal.life(until=number):
                act(replace(safe, kernel=mortal.kernel))
        except Killed:
            assert safe.opened() == safe.expected  # nothing is lost in between
            # The database may need a moment to notice the death, and holds the dead one's locks until then.
            wait_until(lambda: safe.run().state in (RotationState.RETIRED, RotationState.REVERTED))
            assert safe.opened() == safe.expected
            assert len(safe.rows_by_key()) == 1
        else:
            return number


def test_a_death_at_any_statement_of_a_rotation_is_survived(kernel: Kernel) -> None:
    safe = new_safe(kernel, credentials=1)

    def rotate(mine: Safe) -> None:
        mine.run()
        assert safe.rows_by_key() == {safe.rotation().new_key_id: len(safe.expected)}

    assert survive_all_deaths(safe, safe.start, rotate) > 25


def test_a_death_at_any_statement_of_the_way_back_is_survived(kernel: Kernel) -> None:
    safe = new_safe(kernel, credentials=1)

    def prepare() -> None:
        safe.start()
        safe.run()

    def back(mine: Safe) -> None:
        vault.revert_rotation(mine.kernel, actor=mine.actor)
        mine.run()

    assert survive_all_deaths(safe, prepare, back) > 25


def test_the_sweeper_finds_a_rotation_that_nobody_is_at(kernel: Kernel) -> None:
    queue = OnDemandQueue()
    kernel = replace(kernel, queue=queue)
    safe = new_safe(kernel)
    rotation = safe.start()
    queue.wakes.clear()  # the wake-up is lost
    sweep(kernel)
    assert [wake.row_id for wake in queue.wakes if wake.job == "rotate_keys"] == [rotation.id]
    vault.resume_rotation(kernel, tenant_id=safe.tenant_id, rotation_id=rotation.id)
    queue.wakes.clear()
    sweep(kernel)
    assert not [wake for wake in queue.wakes if wake.job == "rotate_keys"]  # the next step is a month away
    assert safe.rotation().state is RotationState.RETIRED


def test_whoever_comes_second_leaves_a_rotation_to_the_first(kernel: Kernel) -> None:
    safe = new_safe(kernel)
    safe.start()
    with kernel.unit_of_work(safe.tenant_id) as work:
        work.session.connection().execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"),
            {"key": f"vault.rotation:{safe.tenant_id}"},
        )
        assert safe.run().is_at_rest
    assert safe.rotation().state is RotationState.ADDED


# Traffic


def test_a_rotation_under_traffic_loses_nothing_and_leaves_nothing_behind(kernel: Kernel) -> None:
    safe = new_safe(kernel, credentials=700)  # more than one batch
    stopping = threading.Event()
    errors: list[BaseException] = []
    counts = {"read": 0, "written": 0}

    def repeat(work_once: Callable[[], None]) -> None:
        try:
            while not stopping.is_set():
                work_once()
        except BaseException as error:
            errors.append(error)

    def read() -> None:
        with kernel.unit_of_work(safe.tenant_id) as work:
            rows = work.session.exec(
                select(Credential).where(col(Credential.tenant_id) == safe.tenant_id).limit(50)
            ).all()
            for row in rows:
                vault.reveal(
                    work, kernel, table="credential", column="sealed", row_id=row.id, sealed=row.sealed
                ).reveal()
                counts["read"] += 1

    mine: list[UUID] = []

    def write() -> None:
        with kernel.unit_of_work(safe.tenant_id) as work:
            row_id = new_id()
            safe.put(work, row_id, text=f"written {row_id}", name=str(row_id))
            if mine:  # a secret is replaced, as a refresh does
                row = work.session.exec(
                    select(Credential).where(
                        col(Credential.tenant_id) == safe.tenant_id, col(Credential.id) == mine[-1]
                    )
                ).one()
                row.sealed = safe.seal(work, "credential", "sealed", row.id, f"replaced {row.id}")
        mine.append(row_id)
        counts["written"] += 1

    threads = [threading.Thread(target=repeat, args=(work_once,)) for work_once in (read, read, write)]
    for thread in threads:
        thread.start()
    rotation = safe.start()
    try:
        for turn in range(2):
            rotation = safe.start() if turn else rotation
            wait_until(lambda: safe.run().state is RotationState.RETIRED)
            seen = dict(counts)
            wait_until(lambda before=seen: all(counts[name] > before[name] for name in counts) or bool(errors))
    finally:
        stopping.set()
        for thread in threads:
            thread.join(timeout=30)
    assert errors == []
    assert safe.rows_by_key() == {rotation.new_key_id: len(safe.expected)}
    assert safe.opened() == safe.expected


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("It did not come to pass.")


def test_the_key_is_not_changed_under_somebody_who_seals(kernel: Kernel) -> None:
    safe = new_safe(kernel)
    rotation = safe.start()
    with kernel.unit_of_work(safe.tenant_id) as work:
        safe.put(work, new_id(), text="late", name="late")
        work.session.flush()
        assert safe.run().act is Act.WAIT  # waits for us, and gives up
        assert safe.rotation().state is RotationState.ADDED
    safe.run()
    assert safe.rows_by_key() == {rotation.new_key_id: len(safe.expected)}


def test_rows_under_somebodys_hands_are_taken_later(kernel: Kernel) -> None:
    safe = new_safe(kernel)
    safe.start()
    with kernel.unit_of_work(safe.tenant_id) as work:
        work.session.connection().execute(
            text("SELECT id FROM credential WHERE tenant_id = :tenant FOR UPDATE"), {"tenant": safe.tenant_id}
        )
        progress = safe.run()
        assert (progress.act, progress.state, progress.problem) == (Act.WAIT, RotationState.PROMOTED, "")
    assert safe.run().state is RotationState.RETIRED


def test_a_damaged_value_is_named_and_keeps_the_old_key_alive(kernel: Kernel) -> None:
    safe = new_safe(kernel)
    rotation = safe.start()
    row_id = next(row_id for table, _, row_id in safe.expected if table == "credential")

    def change(statement: str) -> None:
        with kernel.unit_of_work(safe.tenant_id) as work:
            work.session.connection().execute(text(statement), {"tenant": safe.tenant_id, "id": row_id})

    change("UPDATE credential SET sealed = sealed || 'x' WHERE tenant_id = :tenant AND id = :id")
    progress = safe.run()
    assert progress.state is RotationState.PROMOTED and str(row_id) in progress.problem
    assert safe.rotation().problem == progress.problem
    assert safe.rows_by_key() == {rotation.old_key_id: 1, rotation.new_key_id: len(safe.expected) - 1}
    assert safe.keys()[rotation.old_key_id].state is DataKeyState.DECRYPT_ONLY
    change("DELETE FROM credential WHERE tenant_id = :tenant AND id = :id")
    assert safe.run().state is RotationState.RETIRED
    assert safe.rotation().problem == ""


# Ciphertexts stay where they are


def test_no_ciphertext_opens_in_another_row_column_or_tenant(kernel: Kernel) -> None:
    first, second = new_safe(kernel, "acme"), new_safe(kernel, "harbor")
    places = list(first.expected)
    values = first.values()
    with kernel.unit_of_work(first.tenant_id) as work:
        for source in places:
            for target in places:
                if source != target:
                    assert_does_not_open(work, kernel, target, values[source])
    with kernel.unit_of_work(second.tenant_id) as work:
        for source in places:
            for target in (source, *second.expected):
                assert_does_not_open(work, kernel, target, values[source])


def assert_does_not_open(work: UnitOfWork, kernel: Kernel, place: tuple[str, str, UUID], sealed: bytes) -> None:
    table, column, row_id = place
    with pytest.raises(VaultError):
        vault.reveal(work, kernel, table=table, column=column, row_id=row_id, sealed=sealed)


# What owners see


def test_the_status_counts_secrets_by_key_and_says_where_a_rotation_stands(kernel: Kernel, clock: FakeClock) -> None:
    safe = new_safe(kernel)
    status = vault.list_key_status(kernel, actor=safe.actor)
    assert [key.secret_count for key in status.keys] == [len(safe.expected)] and status.rotation is None
    assert status.can_start and not status.is_due
    clock.advance(timedelta(days=90))
    assert vault.list_key_status(kernel, actor=safe.actor).is_due
    started = vault.start_rotation(kernel, actor=safe.actor)
    assert started.rotation and started.rotation.rows_left == started.rotation.rows_total == len(safe.expected)
    assert started.rotation.is_under_way and started.rotation.can_revert and not started.can_start
    safe.run()
    status = vault.list_key_status(kernel, actor=safe.actor)
    assert status.rotation and status.rotation.rows_left == 0 and status.rotation.can_revert
    assert status.rotation.kept_until == clock.now() + RETENTION
    assert [(key.state, key.secret_count) for key in status.keys] == [
        (DataKeyState.PRIMARY, len(safe.expected)),
        (DataKeyState.RETIRED, 0),
    ]
    assert status.can_start and not status.is_due


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_keys_are_not_for_everybody(kernel: Kernel, role: Role) -> None:
    safe = new_safe(kernel)
    actor = replace(safe.actor, role=role)
    for act in (vault.list_key_status, vault.start_rotation, vault.revert_rotation, vault.destroy_retired_keys):
        with pytest.raises(Forbidden):
            act(kernel, actor=actor)
    assert len(safe.keys()) == 1


def test_each_act_is_in_the_audit_log(kernel: Kernel, clock: FakeClock) -> None:
    safe = new_safe(kernel)
    safe.start()
    safe.run()
    vault.revert_rotation(kernel, actor=safe.actor)
    safe.run()
    clock.advance(RETENTION)
    safe.run()
    with kernel.unit_of_work(safe.tenant_id) as work:
        rows = work.session.connection().execute(
            text(
                "SELECT actor_label, action FROM audit_entry WHERE tenant_id = :id AND action LIKE 'key.%' ORDER BY id"
            ),
            {"id": safe.tenant_id},
        )
        assert [tuple(row) for row in rows] == [
            ("Ana", "key.rotation_started"),
            ("key rotation", "key.retired"),
            ("Ana", "key.rotation_reverted"),
            ("key rotation", "key.retired"),
            ("key rotation", "key.destroyed"),
        ]


def take_steps(safe: Safe, count: int) -> None:
    """Take so many steps, each in a process of its own."""
    for _ in range(count):
        vault.run_rotation(safe.kernel, tenant_id=safe.tenant_id, rotation_id=safe.rotation().id, seconds=0)
