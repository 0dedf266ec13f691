"""What a provider had for us is listed as it would have been posted, so that it is known if it came all the same."""

from datetime import timedelta

from services.provider_kit import registry
from services.provider_kit.contract import MissedRequest
from tests.conformance.cases import every_missed_list, reconcile_wire
from tests.conformance.failures import check_failures, open_client
from tests.providers.harness import NOW, build_request, load_payload, load_wire, wire_server

SINCE = NOW - timedelta(hours=1)


def walk(slug: str, url: str) -> list[MissedRequest]:
    """Return all that is listed, page by page."""
    module, client, cursor = registry.reconcile(slug), open_client(slug, url), ""
    found: list[MissedRequest] = []
    for _ in range(10):
        page = module.list_missed(client, since=SINCE, addresses=reconcile_wire(slug).addresses, cursor=cursor)
        found += page.requests
        cursor = page.next_cursor
        if not cursor:
            return found
    raise AssertionError("the list has no end")


@every_missed_list
def test_each_is_the_delivery_that_was_missed(slug: str) -> None:
    wire, module, settings = reconcile_wire(slug), registry.webhooks(slug), load_wire(slug).settings
    with wire_server(*wire.listed) as server:
        found = walk(slug, server.url)
        assert len(server.calls) == len(wire.listed)

    expected = [load_payload(slug, name) for name in wire.payloads]
    requests = [build_request(slug, item.kind, item.body) for item in found]
    assert [module.dedupe_key(request) for request in requests] == [module.dedupe_key(item) for item in expected]
    assert [module.event_type(request) for request in requests] == [module.event_type(item) for item in expected]
    for request, posted in zip(requests, expected, strict=True):
        assert module.parse(request, settings=settings) == module.parse(posted, settings=settings)
    assert all(item.at.tzinfo for item in found)


@every_missed_list
def test_failures_are_told_apart(slug: str) -> None:
    check_failures(slug, lambda url: walk(slug, url))
