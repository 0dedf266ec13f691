"""Live updates: one Redis subscriber per web process tells the tabs it serves to read again.

Only ids travel. The handler that a notice starts runs under the tab's own authorization and reads the database.
A notice that is missed is not repeated: pages load again when their socket comes back.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import reflex as rx
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError
from reflex.event import Event
from reflex_base.event.processor.future import EventFuture

from app.pacing import Pacer
from app.session.tabs import TABS
from services.kernel.kernel import Kernel
from services.kernel.live import CHANNEL_PREFIX
from services.kernel.log import get_logger

RECONNECT_SECONDS = 1.0
GATHER_SECONDS = 0.05
"""A burst of notices about one row within this time becomes one reading."""
PACE_SECONDS = 0.5
"""Between two readings of a page that reads everything anew, whichever row has changed."""
LOOK_SECONDS = 10.0
"""How long a tab may take for one reading before the next is asked of it."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A page that reads again when something of a kind has changed."""

    topic: str
    route: str
    """The page's route as in the route table."""
    handler: Any
    """Event handler that takes the row's id."""
    paced: bool = False
    """Whether changes of several rows may be told as one, the latest."""


@dataclass(frozen=True, slots=True)
class LiveNotice:
    """Something of a tenant has changed."""

    tenant_id: UUID
    topic: str
    row_id: str


def register_live(app: rx.App, kernel: Kernel, *, watches: Sequence[Watch]) -> None:
    """Run the subscriber for as long as the web process serves."""

    @contextlib.asynccontextmanager
    async def fan_out() -> AsyncGenerator[None]:
        task = asyncio.create_task(_subscribe(app, kernel.settings.redis_url, watches), name="patchbay-live")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    app.register_lifespan_task(fan_out)


def parse_notice(channel: str, body: str) -> LiveNotice | None:
    """Return what a message on a tenant's channel says; None if it is not one of ours."""
    try:
        found = json.loads(body)
        return LiveNotice(UUID(channel.removeprefix(CHANNEL_PREFIX)), str(found["topic"]), str(UUID(found["id"])))
    except (ValueError, KeyError, TypeError):
        return None


async def _subscribe(app: rx.App, redis_url: str, watches: Sequence[Watch]) -> None:
    is_down = False
    while True:
        redis = Redis.from_url(redis_url, decode_responses=True, health_check_interval=30)
        try:
            async with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                await pubsub.psubscribe(f"{CHANNEL_PREFIX}*")
                if is_down:
                    log.info("live.redis.back")
                is_down = False
                await _forward(_Teller(app, watches), pubsub)
        except (RedisError, OSError):
            if not is_down:
                log.warning("live.redis.unreachable")
            is_down = True
        finally:
            await redis.aclose()
        await asyncio.sleep(RECONNECT_SECONDS)


async def _forward(teller: "_Teller", pubsub: PubSub) -> None:
    while True:
        notices = await _gather(pubsub)
        if not notices:
            continue
        teller.forget_closed()
        for notice in notices:
            await teller.tell(notice)


async def _gather(pubsub: PubSub) -> list[LiveNotice]:
    """Wait for a notice, then take what comes within a moment; each distinct one once, in order."""
    found: dict[LiveNotice, None] = {}
    timeout: float = 5.0
    while True:
        message = cast("dict[str, object] | None", await pubsub.get_message(timeout=timeout))
        if message is None:
            return list(found)
        notice = parse_notice(str(message.get("channel", "")), str(message.get("data", "")))
        if notice:
            found[notice] = None
        timeout = GATHER_SECONDS


class _Teller:
    """Starts the handlers of the tabs that watch what has changed."""

    def __init__(self, app: rx.App, watches: Sequence[Watch]) -> None:
        self._app = app
        self._watches = watches
        self._pacer = Pacer[tuple[str, int]](self._look, gap_seconds=PACE_SECONDS)

    def forget_closed(self) -> None:
        """Forget tabs that are gone."""
        TABS.keep_only(_connected_tokens(self._app))

    async def tell(self, notice: LiveNotice) -> None:
        """Start what watches this."""
        for tab in TABS.of(notice.tenant_id):
            for number, watch in enumerate(self._watches):
                if watch.topic != notice.topic or watch.route != tab.route:
                    continue
                if watch.paced:
                    self._pacer.note((tab.token, self._first_with(watch.handler, number)), notice.row_id)
                else:
                    await self._start(tab.token, watch, notice.row_id)

    def _first_with(self, handler: Any, number: int) -> int:
        """Return the first watch with this handler, so that two topics of one page share their pace."""
        return next((at for at, watch in enumerate(self._watches) if watch.handler is handler), number)

    async def _look(self, key: tuple[str, int], row_id: str) -> None:
        token, number = key
        begun = await self._start(token, self._watches[number], row_id)
        if begun:
            await asyncio.wait(begun, timeout=LOOK_SECONDS)

    async def _start(self, token: str, watch: Watch, row_id: str) -> list[EventFuture]:
        try:
            return [
                await self._app.event_processor.enqueue(token, event)
                for event in Event.from_event_type(watch.handler(row_id))
            ]
        except Exception:
            # One tab's trouble is not the others'.
            log.warning("live.tab.failed", exc_info=True)
            return []


def _connected_tokens(app: rx.App) -> list[str]:
    """Return the tabs this process serves. Reflex 0.10.1 has no public way to ask."""
    namespace = app.event_namespace
    if namespace is None:
        return []
    manager = namespace._token_manager  # pyright: ignore[reportPrivateUsage]
    return [token for token, record in manager.token_to_socket.items() if record.instance_id == manager.instance_id]
