"""Open pages are told of a delivery when it is stored, whether or not a worker is there."""

import json
from typing import cast

from redis import Redis

from services.kernel.live import CHANNEL_PREFIX
from tests.integration.deliveries.conftest import Log


def test_open_pages_hear_of_a_delivery_before_any_worker_does(log: Log) -> None:
    redis = Redis.from_url(log.line.kernel.settings.redis_url, decode_responses=True)
    with redis.pubsub(ignore_subscribe_messages=True) as heard:
        heard.psubscribe(f"{CHANNEL_PREFIX}*")
        heard.get_message(timeout=5)
        log.write()
        message = cast("dict[str, str]", heard.get_message(timeout=5))
        assert message["channel"] == f"{CHANNEL_PREFIX}{log.actor.tenant_id}"
        [delivery] = log.deliveries()
        assert json.loads(message["data"]) == {"topic": "delivery", "id": str(delivery.id)}
        assert delivery.state == "received"
