"""Calendars: read whole, read by what changed, and told of changes, whoever the provider is."""

import json
from datetime import timedelta

import pytest

from services.kernel.errors import PatchbayError
from services.kernel.secret import Secret
from services.provider_kit import registry
from services.provider_kit.contract import CursorExpired, EventPage, SubscriptionRequest
from tests.conformance.cases import calendar_wire, every_calendar
from tests.conformance.failures import check_failures, open_client
from tests.providers.harness import NOW, webhook_url, wire_server

TOKEN = Secret("canary-subscription-token-0123456789")


@every_calendar
def test_all_of_a_calendar_is_read_page_by_page(slug: str) -> None:
    wire = calendar_wire(slug)
    with wire_server(*wire.pages) as server:
        read = [_read(slug, server.url)]
        while read[-1].next_page:
            read.append(_read(slug, server.url, page=read[-1].next_page))

        assert len(server.calls) == len(read) == len(wire.pages)
    assert [page.next_cursor != "" for page in read] == [False] * (len(read) - 1) + [True]
    events = [event for page in read for event in page.events]
    assert [event.id for event in events if not event.is_removed] == list(wire.event_ids)
    assert [event.id for event in events if event.is_removed] == list(wire.removed_ids)
    for event in events:
        if not event.is_removed:
            assert event.starts_at and event.ends_at and event.starts_at < event.ends_at
            assert event.starts_at.utcoffset() == event.ends_at.utcoffset() == timedelta()
            assert event.etag and event.updated_at and event.updated_at.tzinfo
    assert all(page.calendar_name and page.time_zone for page in read)


@every_calendar
def test_a_cursor_takes_the_place_of_the_times(slug: str) -> None:
    wire = calendar_wire(slug)
    with wire_server(wire.pages[-1]) as server:
        _read(slug, server.url)
        _read(slug, server.url, cursor="cursor-1")
        first, changes = (set(call.query.values()) for call in server.calls)

    times = {value for value in first if value.startswith("2026-")}
    assert len(times) == 2 and times.isdisjoint(changes)
    assert "cursor-1" in changes and first - times <= changes


@every_calendar
def test_a_cursor_that_is_lost_is_told_apart_from_every_failure(slug: str) -> None:
    for reply in calendar_wire(slug).cursor_expired:
        with wire_server(reply) as server:
            with pytest.raises(CursorExpired):
                _read(slug, server.url, cursor="cursor-1")
            assert len(server.calls) == 1
    check_failures(slug, lambda url: _read(slug, url, cursor="cursor-1"))


@every_calendar
def test_the_provider_is_asked_to_call_us(slug: str) -> None:
    wire, url = calendar_wire(slug), webhook_url(slug, "push")
    with wire_server(wire.subscribed) as server:
        grant = registry.calendar(slug).subscribe(open_client(slug, server.url), _subscription(url))

        assert len(server.calls) == 1
        values = json.dumps(json.loads(server.calls[0].body))
        assert "subscription-1" in values and url in values and TOKEN.reveal() in values
        assert TOKEN.reveal() not in server.calls[0].path + str(server.calls[0].query) + repr(grant)
    assert (grant.resource_id, grant.expires_at) == (wire.resource_id, wire.expires_at)
    check_failures(slug, lambda at: registry.calendar(slug).subscribe(open_client(slug, at), _subscription(url)))


@every_calendar
def test_a_subscription_ends_once(slug: str) -> None:
    wire = calendar_wire(slug)

    def stop(url: str, resource_id: str = wire.resource_id) -> None:
        registry.calendar(slug).unsubscribe(
            open_client(slug, url), subscription_id="subscription-1", resource_id=resource_id
        )

    for reply in (wire.unsubscribed, wire.gone):
        with wire_server(reply) as server:
            stop(server.url)
            assert len(server.calls) == 1
            assert b"subscription-1" in server.calls[0].body and wire.resource_id.encode() in server.calls[0].body
    with wire_server(wire.gone) as server:
        stop(server.url, "")
    with pytest.raises(PatchbayError):
        stop("http://127.0.0.1:1")


def _read(slug: str, url: str, *, cursor: str = "", page: str = "") -> EventPage:
    return registry.calendar(slug).read_page(
        open_client(slug, url),
        calendar_id="primary",
        cursor=cursor,
        page=page,
        begins_at=NOW,
        ends_at=NOW + timedelta(days=30),
    )


def _subscription(url: str) -> SubscriptionRequest:
    return SubscriptionRequest(id="subscription-1", token=TOKEN, url=url, calendar_id="primary")
