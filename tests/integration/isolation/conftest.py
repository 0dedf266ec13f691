"""Two tenants that share every id at the providers, after both have talked with their contacts."""

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import pytest
from redis import Redis
from sqlalchemy import Engine
from sqlmodel import col, select

from models import Membership, Role, User
from services.kernel.ids import new_id
from services.kernel.settings import Settings
from services.tenants import Actor, session_cookie_name
from services.tenants.repository import find_user
from services.tenants.sessions import open_session
from tests.integration.isolation.world import FOREIGN, as_superuser, everything_of, tenant_tables
from tests.support.databases import copied_database, url_of
from tests.support.line import CHANNEL, Line, Shop, running_line
from tests.support.sandbox import Ledger
from workers.runtime.embedded import EmbeddedUrls

PHONE = "+14155550142"
QUESTION = "What are your opening hours?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """``own`` acts, ``foreign`` must not notice."""

    line: Line
    own: Shop
    foreign: Shop
    owner: Engine
    notices: tuple[tuple[UUID, str], ...]
    """What was published while both talked: tenant of the Redis channel, and the row's id."""

    def rows_of(self, actor: Actor) -> Mapping[str, list[str]]:
        """Return all that a tenant owns, with a superuser's eyes."""
        with self.owner.connect() as connection:
            return everything_of(connection, actor.tenant_id, tenant_tables())

    def ids_of(self, actor: Actor) -> dict[str, list[UUID]]:
        """Return the ids of a tenant's rows, table by table; traces as a table of their own."""
        rows = {name: [json.loads(row) for row in found] for name, found in self.rows_of(actor).items()}
        ids = {name: [UUID(row["id"]) for row in found] for name, found in rows.items()}
        return {**ids, "trace": sorted({UUID(row["trace_id"]) for row in rows["message"]})}

    def foreign_marks(self) -> frozenset[str]:
        """Return texts that belong to the foreign tenant alone."""
        ids = {str(id) for found in self.ids_of(self.foreign.actor).values() for id in found}
        return frozenset(ids | {FOREIGN, "Southwind", str(self.foreign.actor.tenant_id), self.foreign.number})


@pytest.fixture(scope="package")
def twins(servers: EmbeddedUrls) -> Generator[Twins]:
    """The same channels, people and phones wrote to both, at the same time."""
    redis = Redis.from_url(servers.redis_url, decode_responses=True)
    with (
        TemporaryDirectory(prefix="patchbay-tests-") as folder,
        copied_database(servers.database_owner_url) as name,
        redis.pubsub(ignore_subscribe_messages=True) as heard,
    ):
        owner_url = url_of(servers.database_owner_url, name)
        settings = Settings(
            data_dir=Path(folder),
            database_url=url_of(servers.database_url, name),
            database_owner_url=owner_url,
            redis_url=servers.redis_url,
            sandbox=True,
            public_url="http://127.0.0.1:8000",
        )
        with running_line(settings, Path(folder)) as line:
            heard.psubscribe("patchbay:live:*")
            own, foreign = line.open_shop("Northwind"), line.open_shop("Southwind", is_second=True)
            _talk(line, own, foreign)
            owner = as_superuser(owner_url)
            yield Twins(line=line, own=own, foreign=foreign, owner=owner, notices=tuple(_drain(heard)))
            owner.dispose()


def _talk(line: Line, own: Shop, foreign: Shop) -> None:
    identities = line.sandbox.identities
    sides = ((own, identities.own_app, "OWN"), (foreign, identities.other_own_app, FOREIGN))
    events: list[str] = []
    for shop, app, mark in sides:
        words = f"{QUESTION} {mark}"
        events += line.sandbox.slack_message(words, app=app.app_id, team=app.team_id).event_ids
        events += line.sandbox.slack_message(
            words, channel=CHANNEL, mention=True, app=app.app_id, team=app.team_id
        ).event_ids
        events += line.sandbox.sms(f"{QUESTION} {mark}", to=shop.number, sender=PHONE).event_ids
    line.settle(*events)
    line.sandbox.wait_for_answers(6)
    line.sandbox.wait_until(_are_receipts_in, what="the receipts of both text messages")
    line.work()


def _are_receipts_in(ledger: Ledger) -> bool:
    finished = [item for item in ledger.webhooks if item.finished]
    return len(finished) == len(ledger.webhooks) and sum(item.type.endswith(".delivered") for item in finished) == 2


def _drain(heard: Any) -> Generator[tuple[UUID, str]]:
    heard.get_message(timeout=1)  # the confirmation of the subscription, which reads as None
    while message := heard.get_message(timeout=0.2):
        channel, body = str(message["channel"]), str(message["data"])
        yield UUID(channel.rpartition(":")[2]), json.loads(body)["id"]


def cookie_of(twins: Twins, tenant_id: UUID, role: Role) -> str:
    """Sign somebody with that role in."""
    kernel, now = twins.line.kernel, datetime.now(UTC)
    user_id, member_id = new_id(), new_id()
    with kernel.unit_of_work(tenant_id) as work:
        work.session.add(User(id=user_id, email=f"{user_id}@x.example", name=role.value, created_at=now))
        work.session.flush()
        work.session.add(Membership(tenant_id=tenant_id, id=member_id, user_id=user_id, role=role, created_at=now))
    with kernel.unit_of_work(tenant_id) as work:
        found = select(Membership).where(col(Membership.tenant_id) == tenant_id, col(Membership.id) == member_id)
        user = find_user(work.session, user_id)
        assert user is not None
        opened = open_session(work.session, membership=work.session.exec(found).one(), user=user, now=now)
    return f"{session_cookie_name(kernel.settings)}={opened.session_token.reveal()}"
