"""The calendar adapter against the sandbox: two readings of Google's documentation meet at the wire."""

import secrets
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from services.kernel.errors import NeedsReauth, Refused
from services.kernel.http import OutboundClient
from services.kernel.secret import Secret
from services.provider_kit import registry
from services.provider_kit.contract import (
    ActionContext,
    CalendarChanged,
    CursorExpired,
    ExternalEvent,
    Ignored,
    ProviderContext,
    SubscriptionGrant,
    SubscriptionRequest,
    WebhookRequest,
)
from services.providers.google_calendar import actions, calendar, revoke, webhooks
from services.providers.google_calendar.actions import CreateEvent, ListUpcomingEvents
from services.providers.google_calendar.client import GoogleClient, build_client, verify_credentials
from tests.providers.harness import WireServer, json_reply, wire_server
from tests.support.sandbox import SandboxClient, running_sandbox
from tests.support.sandbox_google import BRI, OPS

MANIFEST = registry.get_manifest("google_calendar")
SCOPES = [scope.name for scope in MANIFEST.scopes]
PUSH = "/api/ai-agents/webhooks/google-calendar"


@pytest.fixture
def product() -> Generator[WireServer]:
    """What the sandbox's notifications reach; it says yes to all."""
    with wire_server(json_reply({"ok": True})) as server:
        yield server


@pytest.fixture
def sandbox(product: WireServer, tmp_path: Path) -> Generator[SandboxClient]:
    """A sandbox whose operator registered the product."""
    with running_sandbox(tmp_path, public_url=product.url) as client:
        yield client


@pytest.fixture
def client(sandbox: SandboxClient, product: WireServer) -> GoogleClient:
    """A client for Bri's calendar."""
    redirect = f"{product.url}/api/admin/ai-agents/integrations/google-calendar/oauth/callback"
    tokens = sandbox.google.connect(redirect_uri=redirect, scopes=SCOPES)
    return build_client(
        ProviderContext(
            http=OutboundClient(allow_loopback=True, deadline_seconds=5),
            urls={name: sandbox.base_url + url.sandbox for name, url in MANIFEST.urls.items()},
            secrets={
                "access_token": Secret(tokens.access_token),
                "refresh_token": Secret(tokens.refresh_token),
            },
            settings={"email": BRI},
            public_url="https://patchbay.example",
        )
    )


def read(client: GoogleClient, cursor: str = "") -> tuple[dict[str, ExternalEvent], str]:
    """Read everything, or what changed, and return it by id with the next cursor."""
    found: dict[str, ExternalEvent] = {}
    page, now = "", datetime.now(UTC)
    while True:
        got = calendar.read_page(
            client,
            calendar_id="primary",
            cursor=cursor,
            page=page,
            begins_at=now - timedelta(days=7),
            ends_at=now + timedelta(days=60),
        )
        found |= {event.id: event for event in got.events}
        if got.next_cursor:
            return found, got.next_cursor
        page = got.next_page


def subscribe(client: GoogleClient, product: WireServer, *, id: str, token: str) -> SubscriptionGrant:
    """Let the sandbox call the product."""
    request = SubscriptionRequest(id=id, token=Secret(token), url=product.url + PUSH, calendar_id="primary")
    return calendar.subscribe(client, request)


def context() -> ActionContext:
    """Return what a new action run knows."""
    return ActionContext(
        run_id=str(uuid4()), agent_id="a", agent_name="Bri", now=datetime.now(UTC), time_zone="Europe/Berlin"
    )


def test_the_account_is_named_with_the_least_rights(client: GoogleClient) -> None:
    account = verify_credentials(client)

    assert account.name == BRI and account.id and account.details == {"email": BRI}


def test_a_calendar_is_read_and_followed(client: GoogleClient, sandbox: SandboxClient) -> None:
    everything, cursor = read(client)
    there = {event.id for event in everything.values() if not event.is_removed}
    assert {event.id for event in sandbox.google.events()} <= there
    assert [event for event in everything.values() if event.is_all_day]
    assert [event for event in everything.values() if event.series_id]
    assert [event for event in everything.values() if event.meet_url and event.conference_type == "hangoutsMeet"]
    assert all(event.starts_at and event.ends_at for event in everything.values() if not event.is_removed)

    added = sandbox.google.add("Casting", guests=["kim@creators.example"])
    changed, cursor = read(client, cursor)
    assert [(event.title, [item.email for item in event.attendees]) for event in changed.values()] == [
        ("Casting", ["kim@creators.example"])
    ]
    sandbox.google.move(added.event, minutes=90)
    moved, cursor = read(client, cursor)
    before, after = changed[added.event].starts_at, moved[added.event].starts_at
    assert before and after and after - before == timedelta(minutes=90)
    sandbox.google.delete(added.event)
    gone, cursor = read(client, cursor)
    assert list(gone.values()) == [ExternalEvent(id=added.event, is_removed=True)]
    assert read(client, cursor)[0] == {}


def test_single_dates_of_a_series_go_one_by_one_and_all_at_once(client: GoogleClient, sandbox: SandboxClient) -> None:
    _, cursor = read(client)
    series = sandbox.google.add("Stand-up", recurrence=["RRULE:FREQ=DAILY;COUNT=5"])
    dates, cursor = read(client, cursor)
    assert len(dates) == 5 and {event.series_id for event in dates.values()} == {series.event}

    first = min(dates)
    sandbox.google.cancel(first)
    cancelled, cursor = read(client, cursor)
    assert list(cancelled.values()) == [ExternalEvent(id=first, is_removed=True)]
    sandbox.google.delete(series.event)
    ended, _ = read(client, cursor)
    assert all(event.is_removed for event in ended.values())
    assert set(dates) - {first} <= set(ended)


def test_a_cursor_that_google_lost_is_told(client: GoogleClient, sandbox: SandboxClient) -> None:
    _, cursor = read(client)
    sandbox.google.lose_sync_tokens()

    for lost in (cursor, "nonsense"):
        with pytest.raises(CursorExpired):
            read(client, lost)


def test_a_subscription_is_greeted_proven_and_stopped(
    client: GoogleClient, sandbox: SandboxClient, product: WireServer
) -> None:
    id, token = str(uuid4()), secrets.token_urlsafe(32)
    grant = subscribe(client, product, id=id, token=token)
    assert timedelta(days=6) < grant.expires_at - datetime.now(UTC) <= timedelta(days=7)
    played = sandbox.google.add("Casting")
    sandbox.wait_for_webhooks(*played.event_ids)

    known = {id: Secret(f"{grant.resource_id} {token}")}
    events: list[object] = []
    for call in list(product.calls):
        request = WebhookRequest(kind="push", url=product.url + call.path, headers=call.headers, body=call.body)
        webhooks.authenticate(request, secrets=known, now=datetime.now(UTC))
        assert webhooks.account_ids(request) == (id,) and call.path == PUSH
        events += webhooks.parse(request, settings={})
    assert isinstance(events[0], Ignored) and events[1:] == [CalendarChanged(subscription_id=id)]

    for _ in range(2):
        calendar.unsubscribe(client, subscription_id=id, resource_id=grant.resource_id)
    assert sandbox.google.add("Unheard of").event_ids == ()
    with pytest.raises(Refused) as caught:
        subscribe(client, product, id=id, token=token)
    assert caught.value.code == "duplicate"


def test_a_meeting_is_booked_once_and_known_as_ours(client: GoogleClient, sandbox: SandboxClient) -> None:
    _, cursor = read(client)
    begins = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    wanted = CreateEvent(
        title="Intro call",
        starts_at=begins,
        ends_at=begins + timedelta(minutes=30),
        attendees=(OPS,),
        add_meet_link=True,
    )
    run = context()
    assert actions.find_created_event(client, wanted, run) is None

    booked = actions.create_event(client, wanted, run)
    assert actions.create_event(client, wanted, run) == booked == actions.find_created_event(client, wanted, run)
    assert str(booked.output["meet_url"]).startswith("https://meet.google.com/")
    changed, _ = read(client, cursor)
    (event,) = changed.values()
    assert event.is_booked_by_us and event.starts_at == begins and event.meet_url == booked.output["meet_url"]
    listed = actions.list_upcoming_events(client, ListUpcomingEvents(days=2, limit=50), run)
    assert booked.output["id"] in [item["id"] for item in _dicts(listed.output["events"])]

    sandbox.google.delete(event.id)
    assert "removed" in actions.create_event(client, wanted, run).said


def test_access_that_is_given_back_is_over(client: GoogleClient) -> None:
    assert revoke.revoke(client).done

    for call in (lambda: verify_credentials(client), lambda: read(client), lambda: revoke.revoke(client)):
        with pytest.raises(NeedsReauth):
            call()


def test_access_that_is_refused_or_over_its_hour_needs_another_token(
    client: GoogleClient, sandbox: SandboxClient
) -> None:
    sandbox.google.access("refuse")
    with pytest.raises(NeedsReauth):
        verify_credentials(client)
    sandbox.google.access("accept")
    assert verify_credentials(client).name == BRI
    sandbox.google.access("expire")
    with pytest.raises(NeedsReauth):
        read(client)


def _dicts(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list)
    return [item for item in value if isinstance(item, dict)]  # pyright: ignore[reportUnknownVariableType]
