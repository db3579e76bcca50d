"""Sends spans to the collector: OTLP in protobuf over HTTP, on connections that are kept.

OpenTelemetry's encoder on urllib3, without OpenTelemetry's exporter between them: that one imports requests,
4 MiB that nothing else in the monitor has a use for.
"""

from collections.abc import Sequence
from typing import Final

import urllib3
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from modelward.monitor.log import LOGGER

TIMEOUT_SECONDS: Final = 5.0
_HEADERS: Final = {"Content-Type": "application/x-protobuf"}
_RETRIES: Final = urllib3.Retry(
    total=3,
    read=0,  # it may have taken the spans
    redirect=0,
    allowed_methods=None,
    status_forcelist=(429, 502, 503, 504),
    backoff_factor=0.2,
    respect_retry_after_header=False,
    raise_on_status=False,
)
"""Of what OTLP says may be sent again, within one and a half seconds; spans come every second."""
_FIRST_REDIRECTION: Final = 300


class SpanSender(SpanExporter):
    """Posts each batch to `url`, such as http://127.0.0.1:4318/v1/traces; what is refused is lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(retries=_RETRIES, timeout=TIMEOUT_SECONDS)
        self._fails = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch; blocks for at most the time-out and the tries' pauses."""
        body = encode_spans(spans).SerializeToString()
        try:
            answer = self._pool.request("POST", self._url, body=body, headers=_HEADERS)
        except urllib3.exceptions.HTTPError as error:
            return self._failed(str(error))
        if answer.status >= _FIRST_REDIRECTION:
            return self._failed(f"it answered {answer.status}")
        self._fails = False
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _failed(self, why: str) -> SpanExportResult:
        """Log the first failure of several in a row."""
        if not self._fails:
            LOGGER.warning("spans are lost: the collector at %s took none: %s", self._url, why)
        self._fails = True
        return SpanExportResult.FAILURE
