"""OpenTelemetry spans of reconciles and polls, sent by OTLP over HTTP where an endpoint is configured.

Without OTEL_EXPORTER_OTLP_ENDPOINT (or its _TRACES_ variant) no provider is set and a span costs nothing.
"""

from collections.abc import Mapping
from typing import Final

from opentelemetry import trace

from modelward.decide.decision import Decision
from modelward.signals.key import Key

TRACER: Final = trace.get_tracer("modelward.operator")
"""Spans `modelward.reconcile` (control), `modelward.decide` below it, `modelward.poll` (signals.counts)."""

_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def of_deployment(key: Key) -> dict[str, str]:
    """Return the attributes by which a span is found with those of the deployment's pods."""
    return {"k8s.namespace.name": key.namespace, "modelward.deployment": key.name}


def record_decision(key: Key, decision: Decision) -> None:
    """Make the span of a decision, which lasts no time: what was decided, for which revisions, and why."""
    status = decision.status
    attributes = {
        **of_deployment(key),
        "modelward.rule": decision.rule,
        "modelward.phase": status.phase.value,
        "modelward.revision": status.candidate_revision or status.stable_revision,
        "modelward.stable": status.stable_revision,
        "modelward.cause": status.cause or "",
        "modelward.reasons": [announcement.reason for announcement in decision.announcements],
    }
    with TRACER.start_as_current_span("modelward.decide", attributes=attributes) as span:
        for announcement in decision.announcements:
            span.add_event(announcement.reason, {"message": announcement.message})


class Tracing:
    """The exporting end of the spans; `close` sends what is still held."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Set up the exporter if the environment names an endpoint. Once per process."""
        self._provider = None
        if not any(environment.get(name) for name in _VARIABLES):
            return
        # They cost some 15 MB that an operator without tracing need not hold.
        from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: PLC0415 - only where needed
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - only where needed
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - only where needed
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - only where needed

        self._provider = TracerProvider(resource=Resource.create({"service.name": "modelward-operator"}))
        self._provider.add_span_processor(BatchSpanProcessor(trace_exporter.OTLPSpanExporter()))
        trace.set_tracer_provider(self._provider)

    def close(self) -> None:
        """Send the spans that are still held, within the exporter's time-out."""
        if self._provider is not None:
            self._provider.shutdown()
