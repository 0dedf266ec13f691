"""A collector on loopback that takes OpenTelemetry traces as the protocol has them, and remembers them."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(slots=True)
class Collector:
    """What was taken."""

    address: str
    spans: list[Span] = field(default_factory=list[Span])
    resource: dict[str, str] = field(default_factory=dict[str, str])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    status: int = 200

    def take(self, body: bytes, headers: dict[str, str]) -> None:
        """Take one request."""
        self.headers.append(headers)
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resource |= {item.key: item.value.string_value for item in group.resource.attributes}
            for scope in group.scope_spans:
                self.spans.extend(scope.spans)


@contextmanager
def running_collector() -> Generator[Collector]:
    """Run a collector for the length of the block."""
    collector = Collector("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if collector.status == 200 and self.path == "/v1/traces":
                collector.take(body, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(collector.status if self.path == "/v1/traces" else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
