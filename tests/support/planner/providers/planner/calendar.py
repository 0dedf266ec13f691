"""The calendar calls, as the contract has them."""

from datetime import datetime

from services.provider_kit.contract import EventPage, SubscriptionGrant, SubscriptionRequest
from tests.support.planner.access import PlannerClient


def read_page(
    client: PlannerClient, *, calendar_id: str, cursor: str, page: str, begins_at: datetime, ends_at: datetime
) -> EventPage:
    """Return one page."""
    source = client.enter("read_page")
    found = source.read(cursor=cursor, page=page, begins_at=begins_at, ends_at=ends_at)
    source.after("read_page")
    return found


def subscribe(client: PlannerClient, request: SubscriptionRequest) -> SubscriptionGrant:
    """Ask to be called."""
    source = client.enter("subscribe")
    granted = source.subscribe(request)
    source.after("subscribe")
    return granted


def unsubscribe(client: PlannerClient, *, subscription_id: str, resource_id: str) -> None:
    """End it."""
    source = client.enter("unsubscribe")
    source.unsubscribe(subscription_id, resource_id)
    source.after("unsubscribe")
