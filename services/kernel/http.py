"""The one outbound HTTP client.

Every call that leaves the product, whoever chose its address, goes through :class:`OutboundClient`: public addresses
only, checked at the moment of connecting; one deadline over everything; a cap on what is read; no redirects, no
proxies from the environment, no cookies.

It stands on httpx2's own connection pool (``httpcore2``) and not on ``httpx2.Client``: that keeps a cookie jar, which
all tenants would share, and knows time limits per read only, which a slow sender stretches for ever.
"""

import base64
import contextlib
import functools
import json as json_module
import os
import re
import select
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlencode

import httpcore2
import httpx2

from services.kernel.address import IPAddress, Target, check_addresses, parse_target, unique
from services.kernel.errors import InvalidInput, PatchbayError, Refused, RetryLater
from services.kernel.log import get_logger

Resolver = Callable[[str], Sequence[str]]
"""Turns a host name into addresses; raises :class:`OSError` if there are none."""
Fields = Mapping[str, str] | Sequence[tuple[str, str]]

_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?|")
# What this client decides itself; a caller's value would break framing, the host check or the size cap.
_OWN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "expect", "upgrade", "te"}
)
_WRITE_BYTES = 64 * 1024
_MAX_CONNECTIONS = 100
_KEEPALIVE_SECONDS = 5.0
"""Short, because a server that closes an idle connection just as we use it leaves us with an ambiguous call."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    """What the other side answered, whole."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case; repeated headers are joined with a comma."""
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            Refused: the body is not JSON; ``code`` is ``answer_not_readable``.
        """
        try:
            return json_module.loads(self.body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            pass
        # Raised outside the handler: the decoder's exception carries the whole body.
        raise Refused("The answer is not JSON.", code="answer_not_readable", status=self.status)

    def text(self) -> str:
        """Return the body as text, bytes that are not UTF-8 replaced."""
        return self.body.decode("utf-8", "replace")


def system_resolver(host: str) -> Sequence[str]:
    """Resolve a host name as the operating system does.

    Raises:
        OSError: there is no such name, or no name server answers.
    """
    answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return unique(str(address[0]) for *_, address in answers)


class OutboundClient:
    """Makes HTTP calls to the outside; one per process, shared by its threads, and safe across a fork.

    Args:
        allow_loopback: also allow exactly 127.0.0.0/8 and ::1, without TLS, where the sandbox plays the providers.
        deadline_seconds: the longest a call may take, from name look-up to the last byte.
        max_bytes: the largest answer, counted as received and once more when decompressed.
        resolve: how host names become addresses.
        monotonic: a clock that never goes back, in seconds.
        tls: trust settings, if not the system's.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool,
        deadline_seconds: float = 15.0,
        max_bytes: int = 5 * 1024 * 1024,
        resolve: Resolver = system_resolver,
        monotonic: Callable[[], float] = time.monotonic,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_loopback = allow_loopback
        self._deadline_seconds = deadline_seconds
        self._max_bytes = max_bytes
        self._monotonic = monotonic
        self._tls = tls
        self._backend = _CheckedBackend(resolve, allow_loopback=allow_loopback)
        self._lock = threading.Lock()
        self._pool: httpcore2.ConnectionPool | None = None
        self._process_id = 0

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Fields | None = None,
        content: bytes | None = None,
        form: Fields | None = None,
        json: object = None,
        auth: tuple[str, str] | None = None,
        deadline_seconds: float | None = None,
        max_bytes: int | None = None,
    ) -> OutboundResponse:
        """Make one call and return the whole answer, whatever its status; redirects are returned as they are.

        Args:
            method: GET, HEAD, OPTIONS, POST, PUT, PATCH or DELETE.
            url: absolute; ``https`` unless it is the loopback.
            headers: what the call needs beyond its body's type.
            params: appended to the query.
            content: a raw body; give its ``Content-Type`` in ``headers``.
            form: a body of form fields.
            json: a body as JSON.
            auth: user name and password for basic authentication.
            deadline_seconds: for this call only.
            max_bytes: for this call only.

        Raises:
            Refused: the address may not be called, or the answer is too large.
            RetryLater: not reachable (``ambiguous`` is false), or no whole answer although the request may have
                arrived (``ambiguous`` is true).
            InvalidInput: a header holds characters that no header may hold.
        """
        target = parse_target(_with_params(url, params), allow_loopback=self._allow_loopback)
        seconds = self._deadline_seconds if deadline_seconds is None else deadline_seconds
        body = _encode_body(content=content, form=form, json=json)
        request = _build_request(method, target, headers=headers, body=body, auth=auth, seconds=seconds)
        started = self._monotonic()
        call = _Call(target=target, seconds=seconds, ends_at=started + seconds, monotonic=self._monotonic)
        status = 0
        try:
            response = self._exchange(request, call, limit=self._max_bytes if max_bytes is None else max_bytes)
            status = response.status
            return response
        finally:
            _log.debug(
                "outbound.request.finished",
                method=request.method.decode(),
                host=target.host,
                status=status,
                duration_ms=round((self._monotonic() - started) * 1000, 1),
            )

    def close(self) -> None:
        """Close idle connections; the client may still be used afterwards."""
        with self._lock:
            pool, self._pool = self._pool, None
            is_ours = self._process_id == os.getpid()
        if pool and is_ours:
            pool.close()

    def _exchange(self, request: httpcore2.Request, call: "_Call", *, limit: int) -> OutboundResponse:
        token = _current_call.set(call)
        try:
            response = self._open_pool().handle_request(request)
            try:
                headers = _read_headers(response)
                body = _read_body(response, headers, call=call, limit=limit)
            finally:
                response.close()
            return OutboundResponse(response.status, headers, body)
        except (httpcore2.TimeoutException, TimeoutError) as error:
            raise call.timed_out() from error
        except httpcore2.NetworkError as error:
            raise call.broken_off() from error
        except (httpcore2.RemoteProtocolError, zlib.error):
            raise call.broken_off() from None  # the cause quotes what was received
        finally:
            _current_call.reset(token)

    def _open_pool(self) -> httpcore2.ConnectionPool:
        """Return this process's pool: a forked worker must not write into its parent's connections."""
        with self._lock:
            if self._pool is None or self._process_id != os.getpid():
                self._process_id = os.getpid()
                self._pool = httpcore2.ConnectionPool(
                    ssl_context=self._tls or tls_context(),
                    max_connections=_MAX_CONNECTIONS,
                    max_keepalive_connections=_MAX_CONNECTIONS,
                    keepalive_expiry=_KEEPALIVE_SECONDS,
                    network_backend=self._backend,
                )
            return self._pool


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Return what all clients of this process check servers with; reading the authorities takes its time."""
    return httpx2.create_ssl_context(trust_env=False)


@dataclass(slots=True, kw_only=True)
class _Call:
    """One call under way: its deadline, and whether the other side may have seen it."""

    target: Target
    seconds: float
    ends_at: float
    monotonic: Callable[[], float]
    is_sent: bool = False

    def remaining(self) -> float:
        """Return the seconds left.

        Raises:
            TimeoutError: there are none.
        """
        left = self.ends_at - self.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def timed_out(self) -> RetryLater:
        if not self.is_sent:
            return self.not_reached()
        return RetryLater(
            f"{self.target.host} gave no whole answer within {self.seconds:g} seconds.",
            code="no_answer",
            ambiguous=True,
        )

    def broken_off(self) -> RetryLater:
        if not self.is_sent:
            return self.not_reached()
        return RetryLater(
            f"{self.target.host} broke off before its answer was complete.", code="no_answer", ambiguous=True
        )

    def not_reached(self) -> RetryLater:
        return RetryLater(f"{self.target.host} could not be reached.", code="cannot_connect")


_current_call: ContextVar[_Call] = ContextVar("outbound_call")
"""The pool asks the network backend from inside a call, in the same thread, without telling for which call."""


class _CheckedBackend(httpcore2.NetworkBackend):
    """Opens connections: resolves once, checks every address, connects to a checked address.

    The pool keeps the host name, so the Host header, SNI and the certificate check stay those of the name.
    """

    def __init__(self, resolve: Resolver, *, allow_loopback: bool) -> None:
        self._resolve = resolve
        self._allow_loopback = allow_loopback

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        call = _current_call.get()
        try:
            answers = [host] if call.target.address else _resolve_within(self._resolve, host, call.remaining())
        except OSError as error:
            raise call.not_reached() from error
        addresses = check_addresses(
            answers, host=host, allow_loopback=self._allow_loopback, is_encrypted=call.target.is_encrypted
        )
        return _Stream(_connect_first(addresses, port, call=call))


class _Stream(httpcore2.NetworkStream):
    """A socket whose every operation ends at the deadline of the call that is using it."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _mapped(httpcore2.ReadTimeout, httpcore2.ReadError):
            self._socket.settimeout(_current_call.get().remaining())
            return self._socket.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        call = _current_call.get()
        view = memoryview(buffer)
        with _mapped(httpcore2.WriteTimeout, httpcore2.WriteError):
            while view:
                self._socket.settimeout(call.remaining())
                call.is_sent = True
                view = view[self._socket.send(view[:_WRITE_BYTES]) :]

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        call = _current_call.get()
        try:
            with _mapped(httpcore2.ConnectTimeout, httpcore2.ConnectError):
                self._socket.settimeout(call.remaining())
                return _Stream(ssl_context.wrap_socket(self._socket, server_hostname=server_hostname))
        except httpcore2.ConnectError as error:
            self.close()
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                raise RetryLater(
                    f"The certificate of {call.target.host} is not trusted.", code="certificate_not_trusted"
                ) from error
            raise
        except httpcore2.ConnectTimeout:
            self.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return _is_readable(self._socket)
        if info == "ssl_object" and isinstance(self._socket, ssl.SSLSocket):
            return self._socket
        return None


def _resolve_within(resolve: Resolver, host: str, seconds: float) -> Sequence[str]:
    """Resolve a name in a thread of its own, because the system's look-up knows no time limit.

    Raises:
        OSError: no such name, or (as :class:`TimeoutError`) no answer in time.
    """
    results: SimpleQueue[Sequence[str] | Exception] = SimpleQueue()

    def look_up() -> None:
        try:
            results.put(resolve(host))
        except Exception as error:
            results.put(error)

    threading.Thread(target=look_up, name="resolve", daemon=True).start()
    try:
        result = results.get(timeout=seconds)
    except Empty:
        raise TimeoutError("The name was not resolved in time.") from None
    if isinstance(result, UnicodeError):
        raise OSError("The name cannot be looked up.") from result
    if isinstance(result, Exception):
        raise result
    if not result:
        raise OSError("The name has no address.")
    return result


def _connect_first(addresses: Sequence[IPAddress], port: int, *, call: _Call) -> socket.socket:
    """Connect to the first address that answers; all but the last get half of the time that is left."""
    for left, address in zip(range(len(addresses) - 1, -1, -1), addresses, strict=True):
        connection = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
        try:
            connection.settimeout(call.remaining() / (2 if left else 1))
            connection.connect((str(address), port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        except OSError as error:
            connection.close()
            if not left:
                raise call.not_reached() from error
    raise call.not_reached()


@contextlib.contextmanager
def _mapped(timeout: type[Exception], failure: type[Exception]) -> Generator[None]:
    """Turn a socket's errors into those the pool understands; they carry no data of the call."""
    try:
        yield
    except TimeoutError as error:
        raise timeout from error
    except OSError as error:
        raise failure from error


def _is_readable(connection: socket.socket) -> bool:
    """Return whether an idle connection has something to say, which can only be its end."""
    if connection.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _build_request(
    method: str,
    target: Target,
    *,
    headers: Mapping[str, str] | None,
    body: tuple[bytes, str],
    auth: tuple[str, str] | None,
    seconds: float,
) -> httpcore2.Request:
    if method not in _METHODS:
        raise ValueError(f"{method!r} is not a method this client uses.")
    content, content_type = body
    own = {"host": target.url.netloc.decode("ascii"), "accept-encoding": "gzip"}
    defaults = {"accept": "*/*", "user-agent": "Patchbay"}
    if content_type:
        defaults["content-type"] = content_type
    if content or method in ("POST", "PUT", "PATCH"):
        own["content-length"] = str(len(content))
    if auth:
        defaults["authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode("ascii")
    given = {name.lower(): value for name, value in (headers or {}).items() if name.lower() not in _OWN_HEADERS}
    merged = {**own, **defaults, **given}
    for name, value in merged.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise InvalidInput(
                "A header of the call holds characters that are not allowed. Check the value for line breaks,"
                " spaces at its ends and letters beyond ASCII.",
                field="headers",
            )
    url = target.url
    return httpcore2.Request(
        method=method.encode("ascii"),
        url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=[(name.encode("ascii"), value.encode("ascii")) for name, value in merged.items()],
        content=content,
        extensions={"timeout": {"pool": seconds}},  # the wait for a free connection; _Stream limits all the rest
    )


def _with_params(url: str, params: Fields | None) -> str:
    if not params:
        return url
    base, _, _ = url.partition("#")
    return base + ("&" if "?" in base else "?") + urlencode(_pairs(params))


def _encode_body(*, content: bytes | None, form: Fields | None, json: object) -> tuple[bytes, str]:
    """Return the body and its type."""
    if sum(part is not None for part in (content, form, json)) > 1:
        raise ValueError("Give one of content, form and json.")
    if form is not None:
        return urlencode(_pairs(form)).encode("ascii"), "application/x-www-form-urlencoded"
    if json is not None:
        text = json_module.dumps(json, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode("utf-8", "replace"), "application/json"
    return content or b"", ""


def _pairs(fields: Fields) -> list[tuple[str, str]]:
    return list(fields.items() if isinstance(fields, Mapping) else fields)


def _read_headers(response: httpcore2.Response) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _read_body(response: httpcore2.Response, headers: Mapping[str, str], *, call: _Call, limit: int) -> bytes:
    """Read the whole body within the deadline and the size cap.

    Raises:
        Refused: too large, or compressed in a way that was not asked for.
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("gzip", "x-gzip", "identity", ""):
        raise Refused(
            f"{call.target.host} answered in an encoding that was not asked for.",
            code="answer_not_readable",
            status=response.status,
        )
    decoder = _Gunzip(limit) if "gzip" in encoding else None
    body = bytearray()
    received = 0
    for chunk in response.iter_stream():
        call.remaining()
        received += len(chunk)
        body += decoder.feed(chunk) if decoder else chunk
        if received > limit or len(body) > limit:
            raise _too_large(call, response.status, limit)
    if decoder and received:
        decoder.finish()
    return bytes(body)


class _Gunzip:
    """Decompresses in steps, never producing more than one byte over the limit."""

    def __init__(self, limit: int) -> None:
        self._room = limit + 1
        self._decoder = zlib.decompressobj(wbits=31)

    def feed(self, data: bytes) -> bytes:
        """Return what a piece decompresses to.

        Raises:
            zlib.error: the data is damaged.
        """
        output = bytearray()
        while data and self._room > 0:
            if self._decoder.eof:  # a gzip file may consist of several members (RFC 1952 §2.2)
                self._decoder = zlib.decompressobj(wbits=31)
            piece = self._decoder.decompress(data, self._room)
            self._room -= len(piece)
            output += piece
            data = self._decoder.unused_data if self._decoder.eof else self._decoder.unconsumed_tail
        return bytes(output)

    def finish(self) -> None:
        """Check that the data is complete.

        Raises:
            zlib.error: it is not.
        """
        if not self._decoder.eof:
            raise zlib.error


def _too_large(call: _Call, status: int, limit: int) -> PatchbayError:
    return Refused(
        f"The answer of {call.target.host} is larger than {limit} bytes.", code="answer_too_large", status=status
    )


def _refuse_constant(name: str) -> None:
    """Refuse NaN and Infinity, which are not JSON (RFC 8259 §6)."""
    raise ValueError(name)
