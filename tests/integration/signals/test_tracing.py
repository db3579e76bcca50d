"""Spans leave by OTLP over HTTP where an endpoint is configured, and cost nothing where none is."""

import asyncio
import sys

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.integration.otlp_store import attributes
from tests.integration.signals.fake_prometheus import Asked, FakePrometheus, body

# In a process of its own: OpenTelemetry's provider is set once for a whole process.
PROGRAM = """
import os
from modelward.api.status import ModelDeploymentStatus
from modelward.decide.decision import Announcement, Decision
from modelward.signals.key import Key
from modelward.signals.tracing import TRACER, Tracing, of_deployment, record_decision
tracing = Tracing(os.environ)
key = Key("team", "web")
status = ModelDeploymentStatus(stable_revision="web-a", candidate_revision="web-b")
announcement = Announcement("Normal", "StepStarted", "Rollout", "10% to web-b")
with TRACER.start_as_current_span("modelward.reconcile", attributes=of_deployment(key)) as span:
    record_decision(key, Decision(status, "StartStep", (announcement,)))
    print(span.is_recording())
tracing.close()
"""


async def run(environment: dict[str, str]) -> str:
    """Run the program; what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, env=environment, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode().strip()


async def test_spans_are_sent_where_an_endpoint_is_configured() -> None:
    """What was held is sent at the end, named as the operator's."""
    async with FakePrometheus(answer=body("", content_type="application/x-protobuf")) as collector:
        printed = await run({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})

    requests = [_spans(asked) for asked in collector.asked if asked.path == "/v1/traces"]
    assert printed == "True"
    assert [(span.name, service) for spans, service in requests for span in spans] == [
        ("modelward.decide", "modelward-operator"),
        ("modelward.reconcile", "modelward-operator"),
    ]
    decide, reconcile = (span for spans, _ in requests for span in spans)
    assert (decide.trace_id, decide.parent_span_id) == (reconcile.trace_id, reconcile.span_id)
    assert attributes(reconcile.attributes) == {"k8s.namespace.name": "team", "modelward.deployment": "web"}
    found = attributes(decide.attributes)
    assert (found["modelward.deployment"], found["modelward.rule"]) == ("web", "StartStep")
    assert (found["modelward.revision"], found["modelward.stable"]) == ("web-b", "web-a")
    assert [event.name for event in decide.events] == ["StepStarted"]


async def test_nothing_is_recorded_without_an_endpoint() -> None:
    """No provider, no exporter, no thread."""
    assert await run({}) == "False"


def _spans(asked: Asked) -> tuple[list[Span], str]:
    request = ExportTraceServiceRequest.FromString(asked.body)
    resource = request.resource_spans[0]
    (service,) = (a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
    return list(resource.scope_spans[0].spans), service
