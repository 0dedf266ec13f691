"""The webhook line's door: raw ASGI in front of everything else, so that nothing slows a provider down.

A 2xx leaves only after the delivery is committed. Requests that arrive together share one transaction.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any

import anyio.to_thread
from sqlalchemy.exc import SQLAlchemyError

from app.http.coarse_timeout import CoarseTimeout
from app.http.door_metrics import door
from app.http.group_commit import GroupCommit
from services.kernel.errors import InvalidInput, NotFound, Unauthenticated
from services.kernel.kernel import Kernel, connect_redis
from services.kernel.tenancy import TenantViolation
from services.operations import SELF_TEST_PATH, answer_self_test
from services.provider_kit.contract import Answer, WebhookRequest
from services.provider_kit.registry import slug_of
from services.webhooks.ingest import QUICK_BYTES, Address, Ingest, Verified, WrongContentType, find_address
from services.webhooks.storing import DoorStore

logger = logging.getLogger(__name__)

PREFIX = "/api/ai-agents/webhooks/"
ANSWER_SECONDS = 8.0
"""How long a request may take, from its head on: for its body to arrive, and for the answer should the database hang.
If it is stored later, its repeat is recognised."""
FLUSH_SECONDS = 1.0

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _Rejected(Exception):
    """A request that is answered without being looked at further."""

    def __init__(self, status: int, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.answer = Answer(status=status, content_type="text/plain; charset=utf-8", body=message.encode())


class WebhookApp:
    """The ASGI application behind :data:`PREFIX`.

    Args:
        kernel: the process's seams.
        answer_seconds: how long a sender waits at most.
    """

    def __init__(self, kernel: Kernel, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._kernel = kernel
        self._in_time = CoarseTimeout(answer_seconds)
        self._ingest = Ingest(kernel)
        self._commits = GroupCommit(DoorStore(kernel).store, self._ingest.announce)
        self._redis = connect_redis(kernel.settings)
        self._flusher: asyncio.Task[None] | None = None

    @property
    def is_waking(self) -> bool:
        """Whether wake-ups for what was acknowledged are still under way."""
        return self._commits.is_waking

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began = time.perf_counter()
        refused = ""
        try:
            answer = await self._respond(scope, receive)
        except _Rejected as rejected:
            answer, refused = rejected.answer, rejected.reason
        await send(_start(answer.status, answer.content_type, len(answer.body)))
        await send({"type": "http.response.body", "body": answer.body})
        provider = scope["path"].removeprefix(PREFIX).partition("/")[0]
        door.note_answer(provider, status=answer.status, refused=refused, seconds=time.perf_counter() - began)
        self._flush_soon()

    async def _respond(self, scope: Scope, receive: Receive) -> Answer:
        if scope["method"] != "POST":
            raise _Rejected(405, "Send a POST request.", reason="method")
        body: bytes | None = None
        try:
            with self._in_time:
                if scope["path"] == SELF_TEST_PATH:
                    return self._answer_self_test(scope, await self._read(receive))
                address = _address(scope["path"])
                body = await self._read(receive)
                verified = await self._verify(address, self._request(scope, address, body))
                if verified.deliveries:
                    await self._commits.add(verified.deliveries)
                return verified.answer
        except TimeoutError as error:
            raise (_too_slow() if body is None else _not_stored(error)) from error
        except WrongContentType as error:
            raise _Rejected(415, error.message, reason="content_type") from error
        except NotFound as error:
            raise _Rejected(404, error.message, reason="no_such_address") from error
        except Unauthenticated as error:
            raise _Rejected(401, error.message, reason=error.code) from error
        except InvalidInput as error:
            raise _Rejected(400, error.message, reason=error.code) from error
        except TenantViolation:
            raise
        except SQLAlchemyError as error:
            raise _not_stored(error) from error

    async def _verify(self, address: Address, request: WebhookRequest) -> Verified:
        """Prove a request; nearly always from memory, and without leaving the event loop."""
        ingest = self._ingest
        if len(request.body) > QUICK_BYTES:
            return await anyio.to_thread.run_sync(ingest.look_up_and_verify, address, request, abandon_on_cancel=True)
        key = ingest.key(address, request)
        endpoints = ingest.directory.recall(key)
        if endpoints is None:
            # Shielded, as others may wait for the same answer.
            endpoints = await asyncio.shield(asyncio.wrap_future(ingest.directory.look_up(key)))
        return ingest.verify(address, request, endpoints)

    def _request(self, scope: Scope, address: Address, body: bytes) -> WebhookRequest:
        query = scope["query_string"].decode("latin-1")
        return WebhookRequest(
            kind=address.kind.name,
            url=f"{self._kernel.settings.public_url}{scope['path']}" + (f"?{query}" if query else ""),
            headers=_headers(scope),
            body=body,
            query=query,
        )

    def _answer_self_test(self, scope: Scope, body: bytes) -> Answer:
        """Answer `patchbay doctor`, which calls as a provider does; nothing is stored."""
        now = self._kernel.clock.now()
        try:
            answer = answer_self_test(self._kernel.kek, headers=_headers(scope), body=body, now=now)
        except Unauthenticated as error:
            raise _Rejected(401, error.message, reason="self_test") from error
        return Answer(body=answer)

    async def _read(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Rejected(400, "The request ended early.", reason="ended_early")
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._kernel.settings.max_webhook_bytes:
                raise _Rejected(413, "The body is too large.", reason="too_large")
            chunks.append(chunk)
            if not message.get("more_body"):
                return b"".join(chunks)

    def _flush_soon(self) -> None:
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        """Write down what was counted, once a second: refusals for the tenant, answers for the operator."""
        await asyncio.sleep(FLUSH_SECONDS)
        await anyio.to_thread.run_sync(door.flush, self._redis)
        try:
            await anyio.to_thread.run_sync(self._ingest.refusals.flush)
        except SQLAlchemyError as error:
            logger.warning("webhooks.refusals.not_counted: %s", type(error).__name__)


def _too_slow() -> _Rejected:
    return _Rejected(408, "The body did not arrive in time.", reason="too_slow")


def _not_stored(error: Exception) -> _Rejected:
    logger.warning("webhooks.delivery.not_stored: %s", type(error).__name__)
    return _Rejected(503, "Not stored; send it again.", reason="not_stored")


@lru_cache(maxsize=4096)
def _address(path: str) -> Address:
    """Return what a path stands for; what stands for nothing is not remembered.

    Raises:
        NotFound
    """
    parts = path.removeprefix(PREFIX).split("/")
    provider = slug_of(parts[0])
    if len(parts) == 3 and all(parts):
        return find_address(provider, token=parts[1], kind=parts[2])
    if len(parts) <= 2 and all(parts):
        return find_address(provider, kind=parts[1] if len(parts) == 2 else "")
    raise NotFound("There is no such webhook address.")


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


@lru_cache(maxsize=256)
def _start(status: int, content_type: str, length: int) -> MutableMapping[str, Any]:
    """Return the head of an answer; there are few different ones."""
    headers = [(b"content-type", content_type.encode()), (b"content-length", b"%d" % length)]
    if status == 503:
        headers.append((b"retry-after", b"5"))
    return {"type": "http.response.start", "status": status, "headers": headers}


def create_webhook_app(kernel: Kernel) -> WebhookApp:
    """Return the webhook line's door; dispatch everything below :data:`PREFIX` to it."""
    return WebhookApp(kernel)
