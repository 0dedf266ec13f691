"""Google's own description of its API agrees: every request of ours fits it, ``watch`` and ``stop`` included."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.kernel.errors import Refused
from services.kernel.http import OutboundClient
from services.kernel.secret import Secret
from services.provider_kit.contract import ActionContext, ProviderContext, SubscriptionRequest
from services.providers.google_calendar import actions, calendar
from services.providers.google_calendar.actions import CreateEvent, ListUpcomingEvents
from services.providers.google_calendar.client import GoogleClient, build_client
from tests.peers.prism import running_prism

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CONTEXT = ActionContext(
    run_id="0197f0aa-7c1e-7b3a-9d52-2f6a3f6f0c11", agent_id="a", agent_name="Bri", now=NOW, time_zone="Europe/Berlin"
)


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Generator[GoogleClient]:
    """A client of ours for the description of Google Calendar."""
    folder: Path = tmp_path_factory.mktemp("prism")
    with running_prism(folder) as address:
        yield build_client(
            ProviderContext(
                http=OutboundClient(allow_loopback=True),
                urls={"api": f"{address}/"},
                secrets={"access_token": Secret("ya29.peer")},
                settings={},
                public_url="https://patchbay.example",
            )
        )


def test_the_description_refuses_what_does_not_fit(google: GoogleClient) -> None:
    for request in (
        google.events.watch(calendarId="primary", body={"id": "s", "tokn": "t"}),
        google.events.watch(calendarId="primary", body={"id": 7}),
        google.events.insert(calendarId="primary", body={"start": {"dateTime": "tomorrow"}}),
    ):
        with pytest.raises(Refused) as caught:
            google.run(request)
        assert caught.value.status == 422


@pytest.mark.parametrize(("cursor", "page"), [("", ""), ("", "p2"), ("c1", ""), ("c1", "p2")])
def test_reading_a_calendar_fits(google: GoogleClient, cursor: str, page: str) -> None:
    read = calendar.read_page(
        google, calendar_id="primary", cursor=cursor, page=page, begins_at=NOW, ends_at=NOW + timedelta(days=30)
    )

    assert [event.id for event in read.events] == ["string"] and read.next_cursor


def test_a_subscription_fits(google: GoogleClient) -> None:
    grant = calendar.subscribe(
        google,
        SubscriptionRequest(
            id="0197f0aa-7c1e-7b3a-9d52-2f6a3f6f0c11",
            token=Secret("t" * 43),
            url="https://patchbay.example/api/ai-agents/webhooks/google-calendar",
            calendar_id="primary",
        ),
    )

    assert grant.expires_at == datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
    calendar.unsubscribe(google, subscription_id="0197f0aa", resource_id=grant.resource_id)


def test_looking_ahead_fits(google: GoogleClient) -> None:
    assert actions.list_upcoming_events(google, ListUpcomingEvents(), CONTEXT).output["events"]


@pytest.mark.parametrize("guests", [(), ("kim@creators.example",)])
@pytest.mark.parametrize("add_meet_link", [False, True])
def test_a_booking_and_its_look_up_fit(google: GoogleClient, guests: tuple[str, ...], add_meet_link: bool) -> None:
    wanted = CreateEvent(
        title="Intro call",
        starts_at=NOW,
        ends_at=NOW + timedelta(minutes=30),
        attendees=guests,
        description="About the campaign." if guests else "",
        add_meet_link=add_meet_link,
    )

    assert actions.create_event(google, wanted, CONTEXT).output["id"]
    assert actions.find_created_event(google, wanted, CONTEXT)
