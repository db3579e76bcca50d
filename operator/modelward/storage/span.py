"""The span of a fetch, `model.fetch`, with the store's latency; it never makes a fetch fail or wait long."""

import logging
import time
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode

from modelward.conventions import ATTRIBUTE_KEPT, ATTRIBUTE_STORAGE_LATENCY_MS
from modelward.storage.failure import FetchError
from modelward.storage.fetch import Fetched

EXPORT_SECONDS: Final = 2


def export(endpoint: str, uri: str, started_ns: int, result: Fetched | FetchError) -> None:
    """Send the span of a fetch from `started_ns` (Unix time) until now to an OTLP/HTTP `endpoint`."""
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    provider = TracerProvider(resource=Resource.create({"service.name": "modelward-fetch"}))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    span = provider.get_tracer("modelward.storage").start_span("model.fetch", start_time=started_ns)
    span.set_attribute("modelward.model.uri", uri)
    span.set_attribute(ATTRIBUTE_KEPT, "fetched")
    if isinstance(result, FetchError):
        span.set_attribute("error.type", result.reason.value)
        span.set_status(Status(StatusCode.ERROR, str(result)))
    else:
        span.set_attribute("modelward.model.digest", result.digest)
        span.set_attribute("modelward.model.bytes", result.bytes)
        span.set_attribute("modelward.model.files", result.files)
        if result.storage_latency_ms is not None:
            span.set_attribute(ATTRIBUTE_STORAGE_LATENCY_MS, result.storage_latency_ms)
    span.end(end_time=time.time_ns())
    provider.force_flush(EXPORT_SECONDS * 1000)
    provider.shutdown()
