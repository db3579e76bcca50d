"""Renders /metrics, in the second process: what people and alerts look at."""

import pickle
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from modelward.api.monitorconfig import MonitorConfig
from modelward.conventions import (
    LATENCY_BUCKETS_S,
    METRIC_DURATION,
    METRIC_FEEDBACK,
    METRIC_FIRST_TOKEN,
    METRIC_GRPC_CALLS,
    METRIC_OUTPUT_TOKENS,
    METRIC_PREDICTIONS,
    METRIC_PROCESS_START,
    METRIC_RECEIPTS,
    METRIC_STORAGE_FAILURES,
    METRIC_STORAGE_READ,
    METRIC_STREAM_EVENTS,
    METRIC_TIME_PER_OUTPUT_TOKEN,
)
from modelward.monitor.capture.messages import DROPS
from modelward.monitor.counters import STORE_FAILURES, Counts, DurationHistogram, TraceExemplar
from modelward.monitor.feedback_result import Result
from modelward.monitor.grpc.status import Status
from modelward.monitor.label_counts import LabelCounts

Metric = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily | InfoMetricFamily
_IDENTITY: Final = ["deployment", "revision"]


@dataclass(frozen=True, slots=True)
class Operations:
    """What the forwarding process tells the second one for /metrics: counts, no secrets and no bodies."""

    started_s: float
    config: MonitorConfig | None
    counts: Counts
    label_counts: LabelCounts
    labels_waiting: int
    traffic_generation: int
    sampled: int
    dropped: Counter[str]
    workers_begun: int


def render(packed: bytes, bins: Iterable[Metric], unreadable: int, accept: str) -> bytes:
    """The answer to GET /metrics: one line with its content type, then its body.

    Args:
        packed: of `exposition.pack`.
        bins: what the second process has counted itself.
        unreadable: sampled exchanges whose bodies it could not read.
        accept: the scraper's Accept header.
    """
    told: Operations = pickle.loads(packed)  # noqa: S301 - of the process that forked this one
    registry = CollectorRegistry()
    registry.register(_OperationsCollector(told, bins, unreadable))
    encode, content_type = choose_encoder(accept)
    return content_type.encode() + b"\n" + encode(registry)


class _OperationsCollector(Collector):
    """What people and alerts look at."""

    def __init__(self, told: Operations, bins: Iterable[Metric], unreadable: int) -> None:
        self._told = told
        self._bins = bins
        self._unreadable = unreadable

    def describe(self) -> list[Metric]:
        """Nothing is known before the first configuration."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Render."""
        state = self._told
        counts, config = state.counts, state.config
        yield InfoMetricFamily(
            "modelward_monitor_build", "Version of the monitor.", value={"version": version("modelward")}
        )
        yield GaugeMetricFamily(
            METRIC_PROCESS_START, "Start of the process, Unix time.", value=state.started_s
        )
        yield CounterMetricFamily(
            "modelward_config_reload_failures",
            "Changes of the mounted configuration or keys that were invalid.",
            value=counts.reload_failures,
        )
        if config is None:
            return
        yield _histogram(
            (METRIC_DURATION, "Prediction requests, first byte in to last byte out.", "status"),
            config,
            counts.durations,
        )
        yield _histogram(
            (METRIC_FIRST_TOKEN, "Streamed answers, request's first byte in to first token out.", "status"),
            config,
            counts.first_tokens,
        )
        yield _histogram(
            (METRIC_TIME_PER_OUTPUT_TOKEN, "Streamed answers, time per token after the first.", "status"),
            config,
            counts.per_token,
        )
        yield counter(METRIC_OUTPUT_TOKENS, "Tokens of streamed answers.", config, counts.output_tokens)
        yield counter(
            "modelward_streams_untimed",
            "Streamed answers whose time per token is not known.",
            config,
            counts.untimed_streams,
        )
        yield counter(METRIC_STREAM_EVENTS, "Events of streamed answers.", config, counts.stream_events)
        yield counter(
            METRIC_PREDICTIONS,
            "Rows of the answers that were read.",
            config,
            counts.predictions,
        )
        yield _histogram((METRIC_STORAGE_READ, "Reads of the store.", "source"), config, counts.store_reads)
        refused = CounterMetricFamily(
            METRIC_STORAGE_FAILURES,
            "The monitor's own reads of the store that failed.",
            labels=[*_IDENTITY, "reason"],
        )
        for name in STORE_FAILURES:
            refused.add_metric([config.deployment, config.revision, name], counts.store_failures[name])
        yield refused
        feedback = CounterMetricFamily(
            METRIC_FEEDBACK, "Labels that came back.", labels=[*_IDENTITY, "result"]
        )
        for result in Result:
            feedback.add_metric([config.deployment, config.revision, result.value], counts.feedback[result])
        yield feedback
        yield _gauge(
            "modelward_open_connections", "Open client connections.", config, counts.open_connections
        )
        yield _gauge("modelward_requests_in_flight", "Requests under way.", config, counts.requests_in_flight)
        yield _gauge(
            "modelward_labels_waiting", "Labels that are not counted yet.", config, state.labels_waiting
        )
        yield _gauge("modelward_traffic_generation", "Generation in force.", config, state.traffic_generation)
        yield counter(METRIC_RECEIPTS, "Receipts issued.", config, counts.receipts)
        yield from state.label_counts.families(config.deployment)
        yield from self._bins
        yield from _captured(state, config, self._unreadable)
        yield from _grpc(counts, config)
        yield counter(
            "modelward_forward_fallbacks",
            "Requests of a withdrawn revision that the pod's own server answered all the same.",
            config,
            counts.forward_fallbacks,
        )
        yield counter(
            "modelward_exchanges_uncounted",
            "Exchanges that were not counted, by a defect of the monitor's that its log tells.",
            config,
            counts.uncounted,
        )
        yield counter(
            "modelward_answers_unread",
            "Connections reset because the client took nothing of an answer for too long.",
            config,
            counts.unread,
        )
        failures = CounterMetricFamily(
            "modelward_request_failures", "Requests without a whole answer.", labels=[*_IDENTITY, "reason"]
        )
        for reason, value in counts.failures.items():
            failures.add_metric([config.deployment, config.revision, reason], value)
        yield failures


def _captured(state: Operations, config: MonitorConfig, unreadable: int) -> Iterator[Metric]:
    """What became of sampled exchanges, and of the process that reads them."""
    yield counter("modelward_samples", "Exchanges whose bodies were sampled.", config, state.sampled)
    yield counter(
        "modelward_samples_unreadable", "Sampled exchanges that could not be read.", config, unreadable
    )
    dropped = CounterMetricFamily(
        "modelward_samples_dropped", "Exchanges meant to be sampled.", labels=[*_IDENTITY, "reason"]
    )
    for reason in DROPS:
        dropped.add_metric([config.deployment, config.revision, reason], state.dropped[reason])
    yield dropped
    yield counter(
        "modelward_second_process_starts",
        "Starts of the process that reads samples and renders this page; the first is one.",
        config,
        state.workers_begun,
    )


def _grpc(counts: Counts, config: MonitorConfig) -> Iterator[Metric]:
    """Calls by status, where the server speaks gRPC."""
    if config.server.grpc_port is None:
        return
    calls = CounterMetricFamily(
        METRIC_GRPC_CALLS,
        "gRPC calls that the pod's own server has ended.",
        labels=[*_IDENTITY, "grpc_status"],
    )
    for status in Status:
        calls.add_metric([config.deployment, config.revision, status.name], counts.grpc_calls[status.name])
    yield calls
    yield counter(
        "modelward_grpc_unwatched_connections",
        "gRPC connections that were passed on without being counted: the monitor could not follow them.",
        config,
        counts.grpc_unwatched,
    )


def _histogram(
    named: tuple[str, str, str], config: MonitorConfig, durations: DurationHistogram
) -> HistogramMetricFamily:
    """Durations as a metric of this name, this text and this label."""
    name, text, label = named
    family = HistogramMetricFamily(name, text, labels=[*_IDENTITY, label])
    bounds = [*(str(bound) for bound in LATENCY_BUCKETS_S), "+Inf"]
    for value, counted in durations.buckets.items():
        buckets = zip(bounds, map(float, accumulate(counted)), strict=True)
        family.add_metric(
            [config.deployment, config.revision, value],
            buckets=[
                (bound, number, *_exemplar(durations.exemplars.get((value, place))))
                for place, (bound, number) in enumerate(buckets)
            ],
            sum_value=durations.sums_s[value],
        )
    return family


def _exemplar(found: TraceExemplar | None) -> tuple[()] | tuple[Exemplar]:
    """As the text format has it; only a scraper that asks for OpenMetrics sees it."""
    if found is None:
        return ()
    return (Exemplar({"trace_id": f"{found.trace_id:032x}"}, found.duration_s, found.time_s),)


def counter(name: str, text: str, config: MonitorConfig, value: float) -> CounterMetricFamily:
    """A counter of one value, with the pod's deployment and revision as its labels."""
    family = CounterMetricFamily(name, text, labels=_IDENTITY)
    family.add_metric([config.deployment, config.revision], value)
    return family


def _gauge(name: str, text: str, config: MonitorConfig, value: float) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=_IDENTITY)
    family.add_metric([config.deployment, config.revision], value)
    return family
