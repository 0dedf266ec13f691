"""Which connection a webhook address belongs to, and which secrets prove its requests."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import col, select

from models import Connection, WebhookEndpoint
from services.connections import RECEIVING, find_connections_for_account, webhook_secrets
from services.kernel.db import set_local
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret

CACHE_SECONDS = 2.0
CACHE_SIZE = 4096
_PATIENCE_SECONDS = 1.0
"""For locks of others: a provider that waits had better be told soon to come again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A connection that may receive webhooks, with what proves them; never kept longer than the cache allows."""

    tenant_id: UUID
    connection_id: UUID
    account_id: str
    secrets: Mapping[str, Secret]


class EndpointDirectory:
    """Looks endpoints up, and remembers the answers for at most :data:`CACHE_SECONDS`.

    A rotated secret or a disconnected account therefore takes effect everywhere within that time.
    """

    def __init__(self, kernel: Kernel, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._kernel = kernel
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._remembered: dict[tuple[str, ...], tuple[float, tuple[Endpoint, ...]]] = {}
        self._under_way: dict[tuple[str, ...], Future[tuple[Endpoint, ...]]] = {}

    def by_token(self, *, provider: str, token: str) -> tuple[Endpoint, ...]:
        """Return the endpoint with this token, or none."""
        return self._remember(_token_key(provider, token), lambda: self._find_by_token(provider, token))

    def by_account(self, *, provider: str, account_ids: Sequence[str]) -> tuple[Endpoint, ...]:
        """Return the endpoints of all connections to one of these external accounts."""
        names = _names(account_ids)
        return self._remember(_account_key(provider, names), lambda: self._find_by_account(provider, names))

    def recall(self, *, provider: str, token: str = "", account_ids: Sequence[str] = ()) -> tuple[Endpoint, ...] | None:
        """Return what is remembered for a token, or else for external accounts; None if it has to be looked up."""
        key = _token_key(provider, token) if token else _account_key(provider, _names(account_ids))
        with self._lock:
            return self._fresh(key)

    def _remember(self, key: tuple[str, ...], find: Callable[[], tuple[Endpoint, ...]]) -> tuple[Endpoint, ...]:
        """Return what is remembered; else look it up, once for all who ask meanwhile."""
        with self._lock:
            known = self._fresh(key)
            if known is not None:
                return known
            under_way = self._under_way.get(key)
            mine = self._under_way.setdefault(key, Future())
        if under_way is not None:
            return under_way.result()
        return self._look_up(key, find, mine)

    def _look_up(
        self, key: tuple[str, ...], find: Callable[[], tuple[Endpoint, ...]], mine: "Future[tuple[Endpoint, ...]]"
    ) -> tuple[Endpoint, ...]:
        now = self._monotonic()
        try:
            found = find()
        except BaseException as error:
            with self._lock:
                del self._under_way[key]
            mine.set_exception(error)
            raise
        with self._lock:
            if len(self._remembered) >= CACHE_SIZE:
                self._remembered.clear()
            self._remembered[key] = (now + CACHE_SECONDS, found)
            del self._under_way[key]
        mine.set_result(found)
        return found

    def _fresh(self, key: tuple[str, ...]) -> tuple[Endpoint, ...] | None:
        known = self._remembered.get(key)
        return known[1] if known and self._monotonic() < known[0] else None

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


def _token_key(provider: str, token: str) -> tuple[str, ...]:
    return ("token", provider, token)


def _account_key(provider: str, names: Sequence[str]) -> tuple[str, ...]:
    return ("account", provider, *names)


def _names(account_ids: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(account_ids)))
