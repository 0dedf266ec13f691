"""Each number's log holds as many requests as the number says; the same over REST."""

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from app.http.api import create_http_app
from models import MessageState, Role, TurnState
from services.analytics import OUTCOMES, BucketView, get_analytics
from services.kernel.errors import InvalidInput
from services.kernel.kernel import Kernel
from services.tenants import Actor, create_api_key
from services.webhooks import DeliveryFilter, list_deliveries
from tests.integration.analytics.conftest import NOW
from tests.integration.analytics.history import History, Written, owner_of

HOUR = timedelta(hours=1)
PAST = (
    Written(at=NOW),
    Written(at=NOW - HOUR, agent=1, kind="email", handed_over=True),
    Written(at=NOW - HOUR, kind="slack_channel", answer=MessageState.FAILED),
    Written(at=NOW - 2 * HOUR, turn=TurnState.DEAD, answer=None, handed_over=True),
    Written(at=NOW - 2 * HOUR, turn=TurnState.SKIPPED, answer=None),
    Written(at=NOW - 50 * HOUR),
    Written(at=(NOW - HOUR).replace(minute=0)),
)
"""One of them on the edge between two hours."""


def shown(kernel: Kernel, actor: Actor, wanted: DeliveryFilter) -> int:
    return len(list_deliveries(kernel, actor=actor, wanted=wanted).items)


def numbers_of(bucket: BucketView) -> dict[str, int]:
    found = bucket.numbers
    return {
        "message": found.inbound,
        "asked": found.asked,
        "answered": found.answered,
        "failed": found.failed,
        "handed_over": found.handed_over,
    }


@pytest.mark.parametrize("channel", ["", "slack", "sms"])
def test_every_number_has_its_log(kernel: Kernel, owner: Actor, history: History, channel: str) -> None:
    history.add(PAST)
    view = get_analytics(kernel, actor=owner, span="24h", channel=channel)
    for bucket in (*view.buckets, view.total):
        for outcome, number in numbers_of(bucket).items():
            wanted = DeliveryFilter(outcome=outcome, channel=channel, since=bucket.since, until=bucket.until)
            assert shown(kernel, owner, wanted) == number, (bucket.since, outcome)


def test_log_of_an_agent_is_its_own(kernel: Kernel, owner: Actor, history: History) -> None:
    history.add(PAST)
    assert shown(kernel, owner, DeliveryFilter(agent_id=history.agents[1])) == 1
    assert shown(kernel, owner, DeliveryFilter(agent_id=history.agents[0], outcome="handed_over")) == 1
    assert shown(kernel, owner, DeliveryFilter(outcome="message")) == len(PAST)
    other = owner_of(kernel, "Southwind")
    for wanted in (DeliveryFilter(agent_id=history.agents[0]), DeliveryFilter(outcome="message")):
        assert shown(kernel, other, wanted) == 0


@pytest.mark.parametrize(("field", "word"), [("outcome", "ignored"), ("channel", "fax")])
def test_word_that_means_nothing_is_refused(kernel: Kernel, owner: Actor, field: str, word: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        shown(kernel, owner, DeliveryFilter(**{field: word}))  # pyright: ignore[reportArgumentType]
    assert caught.value.field == field


def test_rest_tells_the_same_numbers(kernel: Kernel, owner: Actor, history: History) -> None:
    history.add(PAST)
    key = create_api_key(kernel, actor=owner, name="Test", role=Role.VIEWER).key.reveal()
    with TestClient(create_http_app(kernel), base_url=f"{kernel.settings.public_url}/api/v1") as api:
        api.headers["Authorization"] = f"Bearer {key}"
        answer = api.get("/analytics", params={"span": "24h", "agent_id": str(history.agents[0])}).json()
        view = get_analytics(kernel, actor=owner, span="24h", agent_id=history.agents[0])
        assert answer["total"]["numbers"]["inbound"] == view.total.numbers.inbound == 5
        assert [item["numbers"]["failed"] for item in answer["buckets"]] == [
            item.numbers.failed for item in view.buckets
        ]
        assert answer["time_zone"] == "Europe/Berlin"
        refused = api.get("/analytics", params={"span": "1y"})
        assert (refused.status_code, refused.json()["field"]) == (422, "span")
        for outcome in OUTCOMES:
            page = api.get("/deliveries", params={"outcome": outcome, "channel": "email"}).json()
            assert len(page["items"]) == (outcome != "failed"), outcome
