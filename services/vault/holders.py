"""Who holds the keys: each running process reports which it can open, and a rotation waits until all can."""

import threading
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from models import KeyHolder
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel, connect_redis
from services.kernel.log import get_logger
from services.kernel.vault import KeyEncryptionRing, VaultError
from services.vault import repository
from services.vault.openings import flush_openings

BEAT_SECONDS = 5.0
SILENT_SECONDS = 30.0
"""A process that has been silent for so long counts as gone."""
_FORGOTTEN_SECONDS = 24 * 3600.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unready:
    """A process that a rotation waits for."""

    process: str
    reason: str


def beat(kernel: Kernel, *, holder_id: UUID, process: str, known_version: int) -> int:
    """Open every key that is about to be used, and report the version of the ring that this process knows.

    Args:
        kernel: the process's seams.
        holder_id: the process's own id.
        process: its name, for people.
        known_version: what it reported last.

    Returns:
        The version it reports: the ring's, or the former one if a key did not open.
    """
    with kernel.unscoped_session("vault.heartbeat") as session:
        version = repository.ring_version(session)  # before the keys: whatever it counts is then among them
        try:
            for key in repository.list_keys_to_come(session):
                kernel.kek.unwrap(key.wrapped, tenant_id=key.tenant_id, key_id=key.id, kek_id=key.kek_id)
            known_version = version
        except VaultError as error:
            log.warning("vault.key.does_not_open", process=process, reason=str(error))
        kek_ids = ",".join(kernel.kek.ids)
        repository.note_holder(session, holder_id=holder_id, process=process, version=known_version, kek_ids=kek_ids)
        repository.forget_old_holders(session, silent_seconds=_FORGOTTEN_SECONDS)
    return known_version


def list_unready(session: Session, *, version: int, kek_id: str) -> tuple[Unready, ...]:
    """Return the processes that do not know a version of the ring, or cannot unwrap with a key-encryption key."""
    unready: list[Unready] = []
    for holder in repository.list_holders(session, silent_seconds=SILENT_SECONDS):
        if kek_id not in _kek_ids(holder):
            unready.append(
                Unready(process=holder.process, reason=f"it lacks the key-encryption key {kek_id}; restart it")
            )
        elif holder.ring_version < version:
            unready.append(Unready(process=holder.process, reason="it has not opened the new key yet"))
    return tuple(unready)


def choose_wrapping_key(session: Session, ring: KeyEncryptionRing) -> str:
    """Return the id of the first key-encryption key of the ring that every running process has.

    While processes are restarted one after the other with a new key in front, those that still lack it must be able
    to open what the others wrap.
    """
    holders = repository.list_holders(session, silent_seconds=SILENT_SECONDS)
    shared = (kek_id for kek_id in ring.ids if all(kek_id in _kek_ids(holder) for holder in holders))
    return next(shared, ring.id)


def _kek_ids(holder: KeyHolder) -> list[str]:
    return holder.kek_ids.split(",")


class Heartbeat:
    """Reports this process, and what it has opened, every few seconds, from a thread of its own, until it is stopped.

    Args:
        kernel: the process's seams.
        process: its name, for people.
    """

    def __init__(self, kernel: Kernel, *, process: str, every_seconds: float = BEAT_SECONDS) -> None:
        self._kernel = kernel
        self._process = process
        self._every_seconds = every_seconds
        self._id = new_id()
        self._version = 0
        self._is_failing = False
        self._stopping = threading.Event()
        self._redis = connect_redis(kernel.settings)
        self._thread = threading.Thread(target=self._run, name="key-heartbeat", daemon=True)

    def start(self) -> "Heartbeat":
        """Report once, so that nobody overlooks the process, and go on doing so."""
        self._beat()
        self._thread.start()
        return self

    def stop(self) -> None:
        """Take leave: rotations do not wait for this process any more."""
        self._stopping.set()
        self._thread.join(timeout=self._every_seconds)
        flush_openings(self._redis, now=self._kernel.clock.now())
        self._redis.close()
        try:
            with self._kernel.unscoped_session("vault.leave") as session:
                repository.forget_holder(session, holder_id=self._id)
        except SQLAlchemyError:
            log.debug("vault.heartbeat.leave_failed")  # it falls silent instead

    def _run(self) -> None:
        while not self._stopping.wait(self._every_seconds):
            self._beat()

    def _beat(self) -> None:
        flush_openings(self._redis, now=self._kernel.clock.now())
        try:
            self._version = beat(self._kernel, holder_id=self._id, process=self._process, known_version=self._version)
        except SQLAlchemyError as error:
            if not self._is_failing:
                log.warning("vault.heartbeat.went_away", error=type(error).__name__)
            self._is_failing = True
        else:
            if self._is_failing:
                log.info("vault.heartbeat.came_back")
            self._is_failing = False
