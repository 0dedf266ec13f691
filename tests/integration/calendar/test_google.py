"""The whole way with Google, as the sandbox plays it: consent, watch, a meeting is moved, and the cache has it."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from sqlalchemy import text

from services import connections
from services.calendar import CalendarCardView, EventView, get_card, list_events, request_sync
from services.kernel.settings import Settings
from services.tenants import Actor
from services.webhooks import list_deliveries
from tests.integration.connections.scene import new_agent, new_tenant
from tests.support.line import Line, running_line
from tests.support.sandbox_google import BRI

PROVIDER = "google_calendar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """An agent with its calendar at Google."""

    line: Line
    actor: Actor
    agent_id: UUID
    connection_id: UUID

    def card(self) -> CalendarCardView:
        """Return the card."""
        return get_card(self.line.kernel, actor=self.actor, connection_id=self.connection_id)

    def events(self) -> dict[str, EventView]:
        """Return the meetings of the next days, by title."""
        now = self.line.kernel.clock.now()
        found = list_events(
            self.line.kernel,
            actor=self.actor,
            agent_id=self.agent_id,
            begins_at=now - timedelta(days=2),
            ends_at=now + timedelta(days=14),
        )
        return {event.title: event for event in found if event.status != "cancelled"}

    def let_it_rest(self) -> None:
        """Let the time pass after which a sync may be asked for again."""
        with self.line.kernel.unscoped_session("test moves the database's time") as session:
            session.connection().execute(text("UPDATE calendar SET updated_at = updated_at - interval '1 minute'"))


@pytest.fixture
def line(settings: Settings, tmp_path: Path) -> Generator[Line]:
    """The product on a fresh database, by real time."""
    with running_line(settings, tmp_path / "providers") as running:
        yield running


@pytest.fixture
def desk(line: Line) -> Desk:
    """Connected by consent."""
    owner = new_tenant(line.kernel, "northwind").actor
    agent_id = new_agent(line.kernel, owner)
    url = connections.begin_oauth(line.kernel, actor=owner, provider=PROVIDER, agent_id=agent_id)
    query = parse_qs(urlsplit(line.sandbox.google.consent(url, account=BRI)).query)
    outcome = connections.finish_oauth(line.kernel, actor=owner, provider=PROVIDER, query=query)
    assert outcome.ok and outcome.connection_id, outcome
    line.work()
    return Desk(line=line, actor=owner, agent_id=agent_id, connection_id=outcome.connection_id)


def test_connecting_reads_the_calendar_and_has_us_told(desk: Desk) -> None:
    card = desk.card()
    assert card.watch.state == "active", card.watch
    assert card.watch.words == "Active (expires in 6 days)"
    assert card.calendar.synced_at is not None
    assert card.calendar.time_zone
    shown = {event.summary for event in desk.line.sandbox.google.events() if not event.series}
    assert shown
    assert shown <= set(desk.events())


def test_what_people_do_arrives_by_notification(desk: Desk) -> None:
    google = desk.line.sandbox.google
    added = google.add("Shoot call")
    desk.line.settle(*added.event_ids)
    before = desk.events()["Shoot call"]

    moved = google.move(added.event, minutes=45)
    desk.line.settle(*moved.event_ids)
    assert desk.events()["Shoot call"].starts_at == before.starts_at + timedelta(minutes=45)

    gone = google.delete(added.event)
    desk.line.settle(*gone.event_ids)
    assert "Shoot call" not in desk.events()
    deliveries = list_deliveries(desk.line.kernel, actor=desk.actor, connection_id=desk.connection_id).items
    assert {delivery.state for delivery in deliveries} <= {"processed", "ignored"}


def test_lost_notifications_and_a_lost_cursor(desk: Desk) -> None:
    google = desk.line.sandbox.google
    google.notifications(drop=10)
    kept = google.add("Kept")
    dropped = google.add("Dropped")
    google.move(kept.event, minutes=30)
    google.delete(dropped.event)
    google.lose_sync_tokens()
    desk.let_it_rest()
    request_sync(desk.line.kernel, actor=desk.actor, calendar_id=desk.card().calendar.id)
    desk.line.work()

    assert "Kept" in desk.events() and "Dropped" not in desk.events()
    assert desk.card().calendar.sync_note.startswith("Google Calendar no longer knew how far we had read")


def test_one_date_of_a_series(desk: Desk) -> None:
    google = desk.line.sandbox.google
    series = google.add("Stand-up", recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    desk.line.settle(*series.event_ids)
    dates = _dates(desk, "Stand-up")
    assert len(dates) == 3
    cancelled = google.cancel(dates[1].external_id)
    desk.line.settle(*cancelled.event_ids)
    assert [event.external_id for event in _dates(desk, "Stand-up")] == [dates[0].external_id, dates[2].external_id]


def test_renewal_overlaps_and_disconnecting_ends_it(desk: Desk) -> None:
    with desk.line.kernel.unscoped_session("test lets a day pass") as session:
        session.connection().execute(text("UPDATE subscription SET created_at = created_at - interval '1 day'"))
        session.connection().execute(text("UPDATE calendar SET subscribe_due_at = clock_timestamp()"))
    desk.line.work(with_sweep=True)
    calls = desk.line.sandbox.ledger().calls
    assert (calls["google calendar.events.watch"], calls["google calendar.channels.stop"]) == (2, 1)
    connections.disconnect(desk.line.kernel, actor=desk.actor, connection_id=desk.connection_id)
    desk.line.work()
    assert desk.line.sandbox.ledger().calls["google calendar.channels.stop"] == 2
    assert desk.card().watch.state == "off"


def _dates(desk: Desk, title: str) -> list[EventView]:
    now = desk.line.kernel.clock.now()
    found = list_events(
        desk.line.kernel,
        actor=desk.actor,
        agent_id=desk.agent_id,
        begins_at=now - timedelta(days=2),
        ends_at=now + timedelta(days=14),
    )
    return [event for event in found if event.title == title and event.status != "cancelled"]
