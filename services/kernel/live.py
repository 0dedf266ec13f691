"""Live updates: after a commit, ids travel on the tenant's Redis channel; pages read the database again."""

import json
import logging
from collections.abc import Sequence
from typing import Protocol

from redis import Redis
from redis.exceptions import RedisError

from services.kernel.db import Notice

logger = logging.getLogger(__name__)

CHANNEL_PREFIX = "patchbay:live:"


class LivePublisher(Protocol):
    """Where notices go."""

    def publish(self, notices: Sequence[Notice]) -> None:
        """Tell open pages. Never raises: a page is right again after a plain reload."""
        ...


class RedisPublisher:
    """Publishes on ``patchbay:live:<tenant id>``: topic and row id as JSON."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def publish(self, notices: Sequence[Notice]) -> None:
        """Publish each distinct notice."""
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for notice in dict.fromkeys(notices):
                    body = json.dumps({"topic": notice.topic, "id": str(notice.row_id)})
                    pipeline.publish(f"{CHANNEL_PREFIX}{notice.tenant_id}", body)
                pipeline.execute()
        except (RedisError, OSError):
            logger.debug("live.redis.unreachable")
