"""Two tenants that share every id at the providers, after both have talked with their contacts."""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from redis import Redis
from sqlalchemy import Engine

from services import vault
from services.kernel.settings import Settings
from services.tenants import Actor
from tests.integration.isolation.filling import fill_empty_tables
from tests.integration.isolation.world import (
    FOREIGN,
    OWN,
    TRACE,
    as_superuser,
    everything_of,
    tenant_tables,
)
from tests.support.databases import copied_database, url_of
from tests.support.line import CHANNEL, Line, running_line
from tests.support.sandbox import Ledger
from tests.support.sandbox_google import OPS, STUDIO
from tests.support.whole_shop import WholeShop, add_runs, connect_google, open_whole_shop, write_letter
from workers.runtime.embedded import EmbeddedUrls

PHONE = "+14155550142"
QUESTION = "What are your opening hours?"
LETTER_ID = "letter-to-both@harbor.example"
MEETING = "Shoot call"
"""Stands in the calendar of the account that both share."""
DELIVERED = 4
"""Answers of which the providers tell that they arrived: a text message and a letter of each tenant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """``own`` acts, ``foreign`` must not notice."""

    line: Line
    own: WholeShop
    foreign: WholeShop
    owner: Engine
    notices: tuple[tuple[UUID, str], ...]
    """What was published while both talked: tenant of the Redis channel, and the row's id."""

    def rows_of(self, actor: Actor) -> Mapping[str, list[str]]:
        """Return all that a tenant owns, with a superuser's eyes."""
        with self.owner.connect() as connection:
            return everything_of(connection, actor.tenant_id, tenant_tables())

    def read_rows_of(self, actor: Actor) -> dict[str, list[dict[str, Any]]]:
        """Return all that a tenant owns, table by table, as columns and values."""
        return {name: [json.loads(row) for row in found] for name, found in self.rows_of(actor).items()}

    def ids_of(self, actor: Actor) -> dict[str, list[UUID]]:
        """Return the ids of a tenant's rows, table by table; traces as a table of their own."""
        rows = self.read_rows_of(actor)
        ids = {name: [UUID(row["id"]) for row in found] for name, found in rows.items()}
        return {**ids, TRACE: sorted({UUID(row["trace_id"]) for row in rows["message"]})}

    def foreign_marks(self) -> frozenset[str]:
        """Return texts that belong to the foreign tenant alone."""
        ids = {str(id) for found in self.ids_of(self.foreign.actor).values() for id in found}
        marks = {FOREIGN, "Southwind", str(self.foreign.actor.tenant_id), self.foreign.number, self.foreign.address}
        return frozenset(ids | marks)


@contextmanager
def living_twins(servers: EmbeddedUrls) -> Generator[Twins]:
    """The same channels, people, phones and calendars wrote to both, at the same time."""
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
            own, foreign = open_whole_shop(line, "Northwind"), open_whole_shop(line, "Southwind", is_second=True)
            _talk(line, own, foreign)
            owner = as_superuser(owner_url)
            yield Twins(line=line, own=own, foreign=foreign, owner=owner, notices=tuple(_drain(heard)))
            owner.dispose()


def _talk(line: Line, own: WholeShop, foreign: WholeShop) -> None:
    identities = line.sandbox.identities
    sides = ((own, identities.own_app, OWN, OPS), (foreign, identities.other_own_app, FOREIGN, STUDIO))
    events: list[str] = []
    for shop, app, mark, account in sides:
        words = f"{QUESTION} {mark}"
        events += line.sandbox.slack_message(words, app=app.app_id, team=app.team_id).event_ids
        events += line.sandbox.slack_message(
            words, channel=CHANNEL, mention=True, app=app.app_id, team=app.team_id
        ).event_ids
        events += line.sandbox.sms(words, to=shop.number, sender=PHONE).event_ids
        events += write_letter(line, shop, words, file=f"{mark} plan", message_id=LETTER_ID).event_ids
        connect_google(line, shop, account=account)
        line.work()
        events += line.sandbox.google.add(f"{mark} meeting", calendar=account).event_ids
    events += line.sandbox.google.add(MEETING).event_ids
    line.settle(*events)
    line.sandbox.wait_for_answers(6)
    line.sandbox.wait_until(_are_receipts_in, what="the receipts of text messages and letters")
    line.work()
    for shop, _, mark, _ in sides:
        add_runs(line.kernel, shop, words=mark)
        vault.start_rotation(line.kernel, actor=shop.actor)
        line.work()
        fill_empty_tables(line.kernel, shop.actor.tenant_id, mark=mark)


def _are_receipts_in(ledger: Ledger) -> bool:
    finished = [item for item in ledger.webhooks if item.finished]
    arrived = sum(item.type.endswith(".delivered") for item in finished)
    return len(finished) == len(ledger.webhooks) and arrived == DELIVERED


def _drain(heard: Any) -> Generator[tuple[UUID, str]]:
    heard.get_message(timeout=1)  # the confirmation of the subscription, which reads as None
    while message := heard.get_message(timeout=0.2):
        channel, body = str(message["channel"]), str(message["data"])
        yield UUID(channel.rpartition(":")[2]), json.loads(body)["id"]
