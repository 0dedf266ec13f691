"""An agent with a calendar at the source in memory."""

import json
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select

import services.providers
from models import Calendar, CalendarEvent, Connection, ConnectionStatus, EventStatus, Subscription
from services.calendar import note_change, renew_subscription, sync_calendar
from services.connections import refresh_connection
from services.connections.credentials import put_credential
from services.connections.preparing import prepare
from services.kernel.http import OutboundClient, OutboundResponse
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret
from services.kernel.settings import ProviderApp, Settings
from services.provider_kit import registry
from services.tenants import Actor
from tests.support.clock import FakeClock
from tests.support.planner.source import Source

SLUG = "planner"
TOKEN_LIFETIME = timedelta(hours=8)
_PROVIDERS = Path(__file__).parent / "providers"


@contextmanager
def planner_registered() -> Generator[None]:
    """Let the registry find the source as a provider."""
    services.providers.__path__.append(str(_PROVIDERS))
    registry.forget()
    try:
        yield
    finally:
        services.providers.__path__.remove(str(_PROVIDERS))
        registry.forget()
        for name in [name for name in sys.modules if name.startswith(f"services.providers.{SLUG}")]:
            del sys.modules[name]


def with_planner_app(settings: Settings) -> Settings:
    """Return settings with the operator's app there."""
    app = ProviderApp.model_validate({"client_id": "patchbay", "client_secret": "x" * 32})
    return settings.model_copy(update={"provider_apps": {SLUG: app}})


class TokenWire(OutboundClient):
    """The token endpoint of a source; nothing else is reached.

    Args:
        source: whose.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(allow_loopback=True)
        self.source = source
        self.renewals = 0

    def request(self, method: str, url: str, **options: Any) -> OutboundResponse:
        """Answer a refresh token with an access token."""
        assert (method, url) == ("POST", "https://planner.invalid/token"), url
        self.source.hook("token")
        self.renewals += 1
        seconds = round(TOKEN_LIFETIME.total_seconds())
        answer = {"access_token": self.source.grant_token(lifetime=TOKEN_LIFETIME), "expires_in": seconds}
        return OutboundResponse(200, {"content-type": "application/json"}, json.dumps(answer).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Diary:
    """A connected calendar, its source, and the jobs that keep it."""

    kernel: Kernel
    clock: FakeClock
    source: Source
    actor: Actor
    agent_id: UUID
    connection_id: UUID
    id: UUID

    def row(self) -> Calendar:
        """Return its row."""
        with self.kernel.unit_of_work(self.actor.tenant_id) as work:
            return work.session.exec(
                select(Calendar).where(col(Calendar.tenant_id) == self.actor.tenant_id, col(Calendar.id) == self.id)
            ).one()

    def connection(self) -> Connection:
        """Return its connection's row."""
        with self.kernel.unit_of_work(self.actor.tenant_id) as work:
            row = work.session.get(Connection, {"tenant_id": self.actor.tenant_id, "id": self.connection_id})
            assert row is not None
            return row

    def subscriptions(self) -> list[Subscription]:
        """Return its subscriptions, the oldest first."""
        with self.kernel.unit_of_work(self.actor.tenant_id) as work:
            return list(
                work.session.exec(
                    select(Subscription)
                    .where(col(Subscription.tenant_id) == self.actor.tenant_id)
                    .order_by(col(Subscription.id))
                ).all()
            )

    def cached(self) -> dict[str, tuple[str, datetime]]:
        """Return what is cached of meetings that take place: id → title and begin."""
        with self.kernel.unit_of_work(self.actor.tenant_id) as work:
            rows = work.session.exec(
                select(CalendarEvent).where(
                    col(CalendarEvent.tenant_id) == self.actor.tenant_id,
                    col(CalendarEvent.calendar_id) == self.id,
                    col(CalendarEvent.status) != EventStatus.CANCELLED,
                )
            ).all()
        return {row.external_id: (row.title, row.starts_at) for row in rows}

    def sync(self, kernel: Kernel | None = None) -> None:
        """Run the job."""
        sync_calendar(kernel or self.kernel, tenant_id=self.actor.tenant_id, calendar_id=self.id)

    def renew(self, kernel: Kernel | None = None) -> None:
        """Run the job."""
        renew_subscription(kernel or self.kernel, tenant_id=self.actor.tenant_id, calendar_id=self.id)

    def notify(self, subscription_id: str) -> str:
        """Process a notification."""
        with self.kernel.unit_of_work(self.actor.tenant_id) as work:
            connection = work.session.get(Connection, {"tenant_id": self.actor.tenant_id, "id": self.connection_id})
            assert connection is not None
            return note_change(work, connection=connection, subscription_id=subscription_id, now=self.clock.now())

    def run_due(self) -> int:
        """Do what the sweeper would wake by the test's clock, until nothing is due; return how many jobs ran."""
        for done in range(20):
            row, connection, now = self.row(), self.connection(), self.clock.now()
            if connection.refresh_due_at is not None and connection.refresh_due_at <= now:
                refresh_connection(self.kernel, tenant_id=self.actor.tenant_id, connection_id=self.connection_id)
            elif row.subscribe_due_at is not None and row.subscribe_due_at <= now:
                self.renew()
            elif row.next_attempt_at <= now:
                self.sync()
            else:
                return done
        raise AssertionError("The jobs do not come to rest.")

    def next_due_at(self) -> datetime:
        """Return when the next job is due."""
        row, connection = self.row(), self.connection()
        times = (row.next_attempt_at, row.subscribe_due_at, connection.refresh_due_at)
        return min(at for at in times if at is not None)

    def let_lease_run_out(self) -> None:
        """Let the time pass that a dead process's lease still counts."""
        with self.kernel.unscoped_session("test moves the database's time") as session:
            for table in ("calendar", "connection"):
                session.connection().execute(
                    text(f"UPDATE {table} SET lease_until = clock_timestamp() - interval '1 second'")
                )


def open_diary(
    kernel: Kernel,
    clock: FakeClock,
    actor: Actor,
    agent_id: UUID,
    source: Source,
    *,
    token_lifetime: timedelta = TOKEN_LIFETIME,
) -> Diary:
    """Connect a source, as consent would."""
    now, connection_id = clock.now(), new_id()
    secrets: Mapping[str, str] = {
        "access_token": source.grant_token(lifetime=token_lifetime),
        "refresh_token": "refresh-1",
    }
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = Connection(
            tenant_id=actor.tenant_id,
            id=connection_id,
            provider=SLUG,
            agent_id=agent_id,
            status=ConnectionStatus.ACTIVE,
            auth_scheme="oauth",
            uses_operator_app=True,
            external_account_id=source.account,
            external_account_name=source.account,
            settings={"account": source.account},
            connected_at=now,
            token_expires_at=now + token_lifetime,
            refresh_due_at=now + token_lifetime - timedelta(minutes=15),
            created_at=now,
            updated_at=now,
        )
        work.session.add(connection)
        work.session.flush()
        for name, value in secrets.items():
            put_credential(kernel, work, connection, name=name, secret=Secret(value))
        prepare(work, connection, registry.get_manifest(SLUG), now=now)
        calendar_id = work.session.exec(
            select(Calendar.id).where(
                col(Calendar.tenant_id) == actor.tenant_id, col(Calendar.connection_id) == connection_id
            )
        ).one()
    return Diary(
        kernel=kernel,
        clock=clock,
        source=source,
        actor=actor,
        agent_id=agent_id,
        connection_id=connection_id,
        id=calendar_id,
    )
