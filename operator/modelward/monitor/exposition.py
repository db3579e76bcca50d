"""What the forwarding process renders for Prometheus, and what it tells the second one for the rest.

/metrics/objectives is small and scraped every block of evidence; /metrics has the rest (operations.py).
"""

import pickle
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from modelward.conventions import METRIC_EVENTS, METRIC_FORWARDED, METRIC_PROCESS_START, METRIC_REQUESTS
from modelward.monitor.capture.channel import Channel
from modelward.monitor.operations import Metric, Operations, counter
from modelward.monitor.state import MonitorState


def objectives_registry(state: MonitorState) -> CollectorRegistry:
    """What /metrics/objectives shows."""
    registry = CollectorRegistry()
    registry.register(_ObjectivesCollector(state))
    return registry


def pack(state: MonitorState, channel: Channel) -> bytes:
    """The state's counts, for `operations.render`."""
    return pickle.dumps(
        Operations(
            started_s=state.started_s,
            config=state.config,
            counts=state.counts,
            label_counts=state.labels.counts,
            labels_waiting=len(state.labels),
            traffic_generation=state.traffic.current.generation,
            sampled=channel.sampled,
            dropped=channel.dropped,
            workers_begun=channel.workers_begun,
        )
    )


class _ObjectivesCollector(Collector):
    """The evidence."""

    def __init__(self, state: MonitorState) -> None:
        self._state = state

    def describe(self) -> list[Metric]:
        """Nothing is known before the first configuration."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Render."""
        state = self._state
        yield GaugeMetricFamily(
            METRIC_PROCESS_START, "Start of the process, Unix time.", value=state.started_s
        )
        config = state.config
        if config is None:
            return
        events = CounterMetricFamily(
            METRIC_EVENTS,
            "Events of the objectives.",
            labels=["deployment", "revision", "objective", "config", "result", "storage"],
        )
        for key, value in state.counts.events.current():
            events.add_metric([config.deployment, *key], value)
        yield events
        yield counter(
            METRIC_REQUESTS, "Requests that the pod's own server was given.", config, state.counts.requests
        )
        yield counter(
            METRIC_FORWARDED, "Requests sent on to the stable revision.", config, state.counts.forwarded
        )
