"""A TCP server on loopback that plays a script on each connection: the wire, where the other side is hostile."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Generator


class Peer:
    """The server's end of one connection."""

    def __init__(self, connection: socket.socket, *, requests: list[bytes], closing: threading.Event) -> None:
        self._connection = connection
        self._requests = requests
        self._closing = closing
        self._unread = b""

    def read_request(self) -> bytes:
        """Read one request with its body and remember it; empty if the client has gone."""
        while b"\r\n\r\n" not in self._unread:
            if not self._receive():
                return b""
        head, _, _ = self._unread.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        size = len(head) + 4 + (int(lengths[0].partition(b":")[2]) if lengths else 0)
        while len(self._unread) < size:
            if not self._receive():
                return b""
        request, self._unread = self._unread[:size], self._unread[size:]
        self._requests.append(request)
        return request

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._connection.sendall(data)

    def trickle(self, data: bytes, *, seconds: float = 0.02) -> None:
        """Send one byte at a time until the data ends, the client goes or the test is over."""
        for byte in data:
            if self._closing.wait(seconds):
                return
            self._connection.sendall(bytes([byte]))

    def hang(self) -> None:
        """Do nothing until the test is over."""
        self._closing.wait()

    def finish(self) -> None:
        """Say that nothing more comes; when this returns, the client's side has been told."""
        self._connection.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End the connection with a reset instead of an orderly close."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    def _receive(self) -> bool:
        received = self._connection.recv(65536)
        self._unread += received
        return bool(received)


Script = Callable[[Peer], None]


class Listener:
    """Accepts connections and plays the script on each, every one in its own thread."""

    def __init__(self, script: Script, *, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._script = script
        self._tls = tls
        self._closing = threading.Event()
        self._socket = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=200
        )
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def url(self, path: str = "/") -> str:
        """Return an address of this server."""
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        """Stop accepting and end the scripts."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._play, args=(connection,), daemon=True).start()

    def _play(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                self._script(Peer(connection, requests=self.requests, closing=self._closing))


@contextlib.contextmanager
def listening(
    script: Script, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> Generator[Listener]:
    """Serve a script for the length of a test."""
    listener = Listener(script, host=host, port=port, tls=tls)
    try:
        yield listener
    finally:
        listener.close()


def answering(*answers: bytes) -> Script:
    """Return a script that answers the requests of a connection in turn, the last answer for ever."""

    def script(peer: Peer) -> None:
        index = 0
        while peer.read_request():
            peer.send(answers[min(index, len(answers) - 1)])
            index += 1

    return script


def http_answer(body: bytes = b"", *, status: str = "200 OK", headers: dict[str, str] | None = None) -> bytes:
    """Return the bytes of an answer with its length."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
