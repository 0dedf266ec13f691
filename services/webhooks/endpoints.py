"""Which connection a webhook address belongs to, and which secrets prove its requests."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import col, select

from models import Connection, WebhookEndpoint
from services.connections import RECEIVING, find_connections_for_account, webhook_secrets
from services.kernel.db import set_local
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret

CACHE_SECONDS = 4.0
"""Nothing older is believed: a rotated secret or a disconnected account counts everywhere within that time."""
REFRESH_SECONDS = 2.0
"""What is older than this is looked up again in the background, so that nobody has to wait while requests come."""
CACHE_SIZE = 4096
_THREADS = 8
_PATIENCE_SECONDS = 1.0
"""For locks of others: a provider that waits had better be told soon to come again."""

Key = tuple[str, ...]
"""What endpoints are looked up by: a token, or external accounts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A connection that may receive webhooks, with what proves them; never kept longer than the cache allows."""

    tenant_id: UUID
    connection_id: UUID
    account_id: str
    secrets: Mapping[str, Secret]


def token_key(provider: str, token: str) -> Key:
    """Return the key of the endpoint with this token."""
    return ("token", provider, token)


def account_key(provider: str, account_ids: Sequence[str]) -> Key:
    """Return the key of the endpoints of all connections to one of these external accounts."""
    return ("account", provider, *sorted(set(account_ids)))


class EndpointDirectory:
    """Looks endpoints up, and remembers the answers for at most :data:`CACHE_SECONDS`."""

    def __init__(self, kernel: Kernel, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._kernel = kernel
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._remembered: dict[Key, tuple[float, tuple[Endpoint, ...]]] = {}
        self._under_way: dict[Key, Future[tuple[Endpoint, ...]]] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="endpoints")

    def find(self, key: Key) -> tuple[Endpoint, ...]:
        """Return the endpoints for a key, or none."""
        known = self.recall(key)
        return self.look_up(key).result() if known is None else known

    def recall(self, key: Key) -> tuple[Endpoint, ...] | None:
        """Return what is remembered; None if it has to be looked up. Never waits."""
        known = self._remembered.get(key)
        if known is None:
            return None
        asked_at, found = known
        age = self._monotonic() - asked_at
        if age >= CACHE_SECONDS:
            return None
        if age >= REFRESH_SECONDS:
            self.look_up(key)
        return found

    def look_up(self, key: Key) -> "Future[tuple[Endpoint, ...]]":
        """Ask the database in a thread, once for all who ask meanwhile."""
        with self._lock:
            if key not in self._under_way:
                self._under_way[key] = self._threads.submit(self._look_up, key)
            return self._under_way[key]

    def _look_up(self, key: Key) -> tuple[Endpoint, ...]:
        asked_at = self._monotonic()  # what is read from now on may be old when the answer is there
        kind, provider, *names = key
        try:
            found = self._find_by_token(provider, *names) if kind == "token" else self._find_by_account(provider, names)
            self._remember(key, asked_at, found)
        finally:
            with self._lock:
                del self._under_way[key]
        return found

    def _remember(self, key: Key, asked_at: float, found: tuple[Endpoint, ...]) -> None:
        with self._lock:
            if len(self._remembered) >= CACHE_SIZE:
                self._remembered.clear()
            self._remembered[key] = (asked_at, found)

    def _find_by_token(self, provider: str, token: str) -> tuple[Endpoint, ...]:
        with self._kernel.unscoped_session("webhooks.find_endpoint", patience_seconds=_PATIENCE_SECONDS) as session:
            row = session.exec(
                select(WebhookEndpoint).where(
                    col(WebhookEndpoint.token) == token, col(WebhookEndpoint.provider) == provider
                )
            ).first()
        return self._open([(row.tenant_id, row.connection_id)]) if row else ()

    def _find_by_account(self, provider: str, account_ids: Sequence[str]) -> tuple[Endpoint, ...]:
        return self._open(find_connections_for_account(self._kernel, provider=provider, account_ids=account_ids))

    def _open(self, keys: Sequence[tuple[UUID, UUID]]) -> tuple[Endpoint, ...]:
        endpoints: list[Endpoint] = []
        for tenant_id, connection_id in keys:
            with self._kernel.unit_of_work(tenant_id) as work:
                set_local(work.session, "lock_timeout", str(round(_PATIENCE_SECONDS * 1000)))
                connection = work.session.exec(
                    select(Connection).where(
                        col(Connection.tenant_id) == tenant_id,
                        col(Connection.id) == connection_id,
                        col(Connection.status).in_(RECEIVING),
                    )
                ).first()
                if connection:
                    endpoints.append(
                        Endpoint(
                            tenant_id=tenant_id,
                            connection_id=connection_id,
                            account_id=connection.external_account_id,
                            secrets=webhook_secrets(self._kernel, work, connection),
                        )
                    )
        return tuple(endpoints)
