"""What is created once per process and passed to every service."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from redis import Redis
from sqlmodel import Session

from services.kernel.clock import Clock, SystemClock
from services.kernel.db import Database, UnitOfWork
from services.kernel.errors import ConfigurationError
from services.kernel.http import OutboundClient
from services.kernel.keyring import load_key_ring
from services.kernel.later import Alarms, Later
from services.kernel.limiter import Limiter, RedisLimiter
from services.kernel.live import LivePublisher, RedisPublisher
from services.kernel.queue import Queue, RqQueue
from services.kernel.settings import Settings
from services.kernel.slow import SlowActs
from services.kernel.vault import KeyEncryptionRing


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """The seams to the outside: settings, time, database, keys, queue, live updates, limiter, outbound calls, threads
    for what takes long, and alarms."""

    settings: Settings
    clock: Clock
    database: Database
    kek: KeyEncryptionRing
    queue: Queue
    live: LivePublisher
    limiter: Limiter
    http: OutboundClient
    slow: SlowActs = field(default_factory=SlowActs)
    later: Later = field(default_factory=Alarms)

    @contextmanager
    def unit_of_work(self, tenant_id: UUID) -> Generator[UnitOfWork]:
        """Open one transaction for one tenant; what it woke and notified leaves after the commit.

        Raises:
            TenantViolation: a statement is not tied to that tenant.
        """
        with self.database.transaction(tenant_id) as session:
            work = UnitOfWork(session, tenant_id)
            yield work
        self._after_commit(work)

    @contextmanager
    def unscoped_session(self, reason: str, *, patience_seconds: float | None = None) -> Generator[Session]:
        """Open a transaction across tenants; every use is listed in ``docs/unscoped.md``.

        Args:
            reason: as listed there.
            patience_seconds: how long a statement waits for locks of others, if not as long as usual.
        """
        with self.database.unscoped_transaction(reason, patience_seconds=patience_seconds) as session:
            yield session

    def close(self) -> None:
        """Wait for acts under way, then close connections and sockets."""
        self.slow.close()
        self.http.close()
        self.database.dispose()

    def _after_commit(self, work: UnitOfWork) -> None:
        if work.wakes:
            self.queue.wake(work.wakes)
        if work.notices:
            self.live.publish(work.notices)
        for seconds, wake in work.later:
            self.later.wake_in(seconds, wake, lambda due: self.queue.wake([due]))


def connect_redis(settings: Settings) -> Redis:
    """Return a Redis client that gives up quickly, so that nobody waits for a Redis that is away."""
    return Redis.from_url(settings.redis_url, socket_connect_timeout=1, socket_timeout=5, health_check_interval=30)


def build_kernel(settings: Settings, *, clock: Clock | None = None, database: Database | None = None) -> Kernel:
    """Create the process's seams from settings.

    Args:
        clock: another than the system's.
        database: one that is open already, at the address of the settings.

    Raises:
        ConfigurationError: a database, Redis or key is missing.
    """
    for name in ("database_url", "redis_url"):
        if not getattr(settings, name):
            raise ConfigurationError(
                f"PATCHBAY_{name.upper()} is not set. `patchbay run` starts an embedded server and sets it;"
                " for a single process, set it yourself."
            )
    redis = connect_redis(settings)
    return Kernel(
        settings=settings,
        clock=clock or SystemClock(),
        database=database or Database(settings.database_url),
        kek=load_key_ring(settings),
        queue=RqQueue(redis),
        live=RedisPublisher(redis),
        limiter=RedisLimiter(redis),
        http=OutboundClient(
            allow_loopback=settings.allow_loopback_outbound, deadline_seconds=settings.outbound_deadline_seconds
        ),
    )
