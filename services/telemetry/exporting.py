"""Sends spans to a collector by OTLP over HTTP, with the OpenTelemetry SDK. Imported only where that is switched on.

The SDK reads the standard variables itself: headers, timeout, compression, certificates, resource attributes.
https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from importlib import metadata

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from services.telemetry.spans import Span

_KINDS = {"accept": SpanKind.SERVER, "send": SpanKind.CLIENT}
LARGEST_BATCH = 512


class Exporter:
    """Sends spans to one collector.

    Args:
        endpoint: the whole address, such as ``http://127.0.0.1:4318/v1/traces``.
    """

    def __init__(self, endpoint: str) -> None:
        version = metadata.version("patchbay")
        ours = Resource({"service.name": "patchbay", "service.version": version})
        self._resource = ours.merge(OTELResourceDetector().detect())
        self._scope = InstrumentationScope("patchbay", version)
        self._exporter = OTLPSpanExporter(endpoint=endpoint)
        # Its own lines repeat with every batch and name the address; ours say the same once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)

    def send(self, spans: Sequence[Span]) -> bool:
        """Send spans, and return whether the collector took them; if it does not take some, the rest is lost, too."""
        batches = (spans[start : start + LARGEST_BATCH] for start in range(0, len(spans), LARGEST_BATCH))
        return all(self._exporter.export([self._build(span) for span in batch]) is _TAKEN for batch in batches)

    def close(self) -> None:
        """Close connections, and give up what is under way."""
        self._exporter.shutdown()

    def _build(self, span: Span) -> ReadableSpan:
        return ReadableSpan(
            name=span.name,
            context=_context(span.trace_id, span.id),
            parent=_context(span.trace_id, span.parent_id) if span.parent_id else None,
            resource=self._resource,
            attributes=span.attributes,
            kind=_KINDS.get(span.name, SpanKind.INTERNAL),
            status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
            start_time=_nanoseconds(span.began_at),
            end_time=_nanoseconds(span.ended_at),
            instrumentation_scope=self._scope,
        )


_TAKEN = SpanExportResult.SUCCESS


def _context(trace_id: int, span_id: int) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _nanoseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000) * 1_000
