"""The webhook line's door: raw ASGI in front of everything else, so that nothing slows a provider down.

A 2xx leaves only after the delivery is committed. Requests that arrive together share one transaction.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import anyio.to_thread
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from services.kernel.errors import InvalidInput, NotFound, Unauthenticated
from services.kernel.kernel import Kernel
from services.kernel.tenancy import TenantViolation
from services.provider_kit.contract import Answer, WebhookRequest
from services.webhooks.ingest import Address, Ingest, NewDelivery, WrongContentType

logger = logging.getLogger(__name__)

PREFIX = "/api/ai-agents/webhooks/"
LARGEST_BATCH = 200
READ_SECONDS = 10.0
FLUSH_SECONDS = 1.0

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _Rejected(Exception):
    """A request that is answered without being looked at further."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = Answer(status=status, content_type="text/plain; charset=utf-8", body=message.encode())


class GroupCommit:
    """Collects verified deliveries and stores all that wait in one transaction."""

    def __init__(self, store: Callable[[Sequence[NewDelivery]], None]) -> None:
        self._store = store
        self._waiting: list[tuple[tuple[NewDelivery, ...], asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def add(self, deliveries: tuple[NewDelivery, ...]) -> None:
        """Return when the deliveries are durable; raises what kept them from it."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((deliveries, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await done

    async def _write(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
            try:
                await anyio.to_thread.run_sync(self._store, [item for items, _ in group for item in items])
            except IntegrityError:
                await self._write_one_by_one(group)
            except Exception as error:
                for _, done in group:
                    _settle(done, error)
            else:
                for _, done in group:
                    _settle(done, None)

    async def _write_one_by_one(self, group: list[tuple[tuple[NewDelivery, ...], asyncio.Future[None]]]) -> None:
        """One delivery's connection may just have been deleted: that must not cost the others."""
        for items, done in group:
            try:
                await anyio.to_thread.run_sync(self._store, items)
            except Exception as error:
                _settle(done, error)
            else:
                _settle(done, None)


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


class WebhookApp:
    """The ASGI application behind :data:`PREFIX`.

    Args:
        kernel: the process's seams.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._ingest = Ingest(kernel)
        self._commits = GroupCommit(self._ingest.store)
        self._flusher: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            answer = await self._respond(scope, receive)
        except _Rejected as rejected:
            answer = rejected.answer
        headers = [(b"content-type", answer.content_type.encode()), (b"content-length", b"%d" % len(answer.body))]
        if answer.status == 503:
            headers.append((b"retry-after", b"5"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _respond(self, scope: Scope, receive: Receive) -> Answer:
        if scope["method"] != "POST":
            raise _Rejected(405, "Send a POST request.")
        address = _address(scope["path"])
        try:
            self._ingest.kind_of(address)
        except NotFound as error:
            raise _Rejected(404, error.message) from error
        body = await self._read(receive)
        request = _request(self._kernel.settings.public_url, scope, address, body)
        try:
            verified = await anyio.to_thread.run_sync(self._ingest.verify, address, request)
            if verified.deliveries:
                await self._commits.add(verified.deliveries)
        except WrongContentType as error:
            raise _Rejected(415, error.message) from error
        except NotFound as error:
            raise _Rejected(404, error.message) from error
        except Unauthenticated as error:
            self._flush_soon()
            raise _Rejected(401, error.message) from error
        except InvalidInput as error:
            self._flush_soon()
            raise _Rejected(400, error.message) from error
        except TenantViolation:
            raise
        except SQLAlchemyError as error:
            logger.warning("webhooks.delivery.not_stored: %s", type(error).__name__)
            raise _Rejected(503, "Not stored; send it again.") from error
        return verified.answer

    async def _read(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(READ_SECONDS):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Rejected(400, "The request ended early.")
                    chunk = message.get("body", b"")
                    size += len(chunk)
                    if size > self._kernel.settings.max_webhook_bytes:
                        raise _Rejected(413, "The body is too large.")
                    chunks.append(chunk)
                    if not message.get("more_body"):
                        return b"".join(chunks)
        except TimeoutError as error:
            raise _Rejected(408, "The body did not arrive in time.") from error

    def _flush_soon(self) -> None:
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        await asyncio.sleep(FLUSH_SECONDS)
        try:
            await anyio.to_thread.run_sync(self._ingest.refusals.flush)
        except SQLAlchemyError as error:
            logger.warning("webhooks.refusals.not_counted: %s", type(error).__name__)


def _address(path: str) -> Address:
    parts = path.removeprefix(PREFIX).split("/")
    if len(parts) == 3 and all(parts):
        return Address(provider=parts[0], token=parts[1], kind=parts[2])
    if len(parts) == 2 and all(parts):
        return Address(provider=parts[0], kind=parts[1])
    raise _Rejected(404, "There is no such webhook address.")


def _request(public_url: str, scope: Scope, address: Address, body: bytes) -> WebhookRequest:
    query = scope.get("query_string", b"").decode("latin-1")
    return WebhookRequest(
        kind=address.kind,
        url=f"{public_url}{scope['path']}" + (f"?{query}" if query else ""),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        body=body,
        query=query,
    )


def create_webhook_app(kernel: Kernel) -> WebhookApp:
    """Return the webhook line's door; dispatch everything below :data:`PREFIX` to it."""
    return WebhookApp(kernel)
