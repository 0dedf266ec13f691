"""Each opened secret is counted for its tenant, by every process, and a Redis that is away loses nothing."""

from collections.abc import Generator
from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis

from services.kernel.ids import new_id
from services.kernel.kernel import Kernel, connect_redis
from services.kernel.secret import Secret
from services.tenants import Actor, bootstrap, system_actor
from services.vault import list_key_status, reveal, seal
from services.vault.openings import flush_openings, read_openings
from tests.support.clock import FakeClock


@pytest.fixture
def redis(kernel: Kernel) -> Generator[Redis]:
    """Where the counts are; what tests before have opened is not among them."""
    client = connect_redis(kernel.settings)
    flush_openings(client, now=kernel.clock.now() - timedelta(days=30))
    yield client
    client.close()


def new_actor(kernel: Kernel, name: str) -> Actor:
    """An owner of a new tenant."""
    return system_actor(bootstrap(kernel, email=f"ana@{name}.example", tenant=name).tenant_id, "test")


def open_secrets(kernel: Kernel, actor: Actor, times: int) -> None:
    """Seal one secret, and open it so often."""
    row_id, place = new_id(), {"table": "credential", "column": "sealed"}
    with kernel.unit_of_work(actor.tenant_id) as work:
        sealed = seal(work, kernel, **place, row_id=row_id, secret=Secret("canary"))
        for _ in range(times):
            reveal(work, kernel, **place, row_id=row_id, sealed=sealed)


def test_openings_are_counted_by_tenant_and_hour(kernel: Kernel, redis: Redis, clock: FakeClock) -> None:
    acme, beta = new_actor(kernel, "acme"), new_actor(kernel, "beta")
    open_secrets(kernel, acme, 3)
    open_secrets(kernel, beta, 1)
    flush_openings(redis, now=clock.now())
    open_secrets(kernel, acme, 2)
    flush_openings(redis, now=clock.now())
    assert list_key_status(kernel, actor=acme).openings.within_an_hour == 5
    assert list_key_status(kernel, actor=beta).openings.within_an_hour == 1
    clock.advance(timedelta(hours=2))
    later = read_openings(kernel, tenant_id=acme.tenant_id)
    assert (later.within_an_hour, later.usual) == (0, 5)


def test_what_could_not_be_written_waits(kernel: Kernel, redis: Redis, clock: FakeClock) -> None:
    acme = new_actor(kernel, "acme")
    nowhere = kernel.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    open_secrets(kernel, acme, 4)
    away = connect_redis(nowhere)
    flush_openings(away, now=clock.now())
    away.close()
    assert not read_openings(replace(kernel, settings=nowhere), tenant_id=acme.tenant_id).is_known
    assert read_openings(kernel, tenant_id=acme.tenant_id).within_an_hour == 0
    flush_openings(redis, now=clock.now())
    assert read_openings(kernel, tenant_id=acme.tenant_id).within_an_hour == 4
