"""The row of what a deployment stands on, storage above all, on one time axis with its quality."""

from typing import Final

from modelward import conventions as names
from modelward.render import infrastructure_promql as infrastructure
from modelward.render.dashboard.expressions import BAD_SHARE, REVISION, storage_mean_ms
from modelward.render.dashboard.panel import WIDTH, Kind, Panel, Row, Source, Target, Unit

INFRASTRUCTURE: Final = Row(
    "Infrastructure",
    (
        Panel(
            "Storage latency, and quality",
            "Mean time of a read over 5 minutes, and the share of bad events: does quality follow storage?",
            Kind.LINES,
            Unit.MILLISECONDS,
            (
                Target(storage_mean_ms("source"), "storage, by {{source}}"),
                Target(BAD_SHARE, "bad: {{objective}}", unit=Unit.RATIO),
            ),
            width=WIDTH,
        ),
        Panel(
            "Memory of the collectors",
            "Of each pod's collector; its limit is 128 MiB.",
            Kind.LINES,
            Unit.BYTES,
            (
                Target(
                    'otelcol_process_memory_rss_bytes{namespace="$namespace"} and on (namespace, pod) '
                    f"{names.METRIC_REQUESTS}{{{REVISION}}}",
                    "{{pod}}",
                ),
            ),
            width=6,
        ),
        Panel(
            "CPU throttling",
            "Share of the scheduling periods in which pods were held back.",
            Kind.LINES,
            Unit.RATIO,
            (Target(f"{infrastructure.RECORD_THROTTLED}{{{REVISION}}}", "{{pod}}"),),
            width=6,
            limit=0.25,
            source=Source.EXPORTERS,
        ),
        Panel(
            "Memory over its limit",
            "Of each pod's container nearest to its limit.",
            Kind.LINES,
            Unit.RATIO,
            (Target(f"{infrastructure.RECORD_MEMORY}{{{REVISION}}}", "{{pod}}"),),
            width=6,
            limit=0.9,
            source=Source.EXPORTERS,
        ),
        Panel(
            "Restarts",
            "Of a pod's containers, within ten minutes.",
            Kind.LINES,
            Unit.NUMBER,
            (Target(f"{infrastructure.RECORD_RESTARTS}{{{REVISION}}}", "{{pod}}"),),
            width=6,
            limit=2,
            source=Source.EXPORTERS,
        ),
    ),
)
