"""An OTLP/HTTP endpoint that keeps the spans it gets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(slots=True)
class OTLPStore:
    """What has arrived, while it listens at `port`."""

    port: int = 0
    spans: list[Span] = field(default_factory=list)
    resources: list[dict[str, str | int]] = field(default_factory=list)
    """Of each group of spans that came."""
    refusals: list[int] = field(default_factory=list)
    """Statuses with which it answers the next batches, of which it takes nothing."""
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def of_trace(self, trace_id: str) -> dict[str, Span]:
        """Spans of one trace by name."""
        return {span.name: span for span in self.spans if span.trace_id.hex() == trace_id}

    async def _take(self, request: web.Request) -> web.Response:
        if self.refusals:
            return web.Response(status=self.refusals.pop(0))
        message = ExportTraceServiceRequest.FromString(await request.read())
        for group in message.resource_spans:
            self.resources.append(attributes(group.resource.attributes))
            for scope in group.scope_spans:
                self.spans.extend(scope.spans)
        return web.Response(content_type="application/x-protobuf")


def attributes(pairs: Sequence[KeyValue]) -> dict[str, str | int]:
    """Attributes as a dict."""
    return {pair.key: pair.value.string_value or pair.value.int_value for pair in pairs}
