"""Memory and CPU time of a pod's collector at several rates of requests, each with three spans of a server's.

`python -m bench.collector` runs the real collector with the rendered configuration, its endpoint a second
one. One request in a hundred is kept. Memory is the resident set at the end of each rate, which lasts for
longer than the tail sampler's wait; CPU time is utime and stime over the time that the rate lasted.
"""

import asyncio
import os
import resource
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from modelward.render.collector import DECISION_WAIT_SECONDS
from tests.integration.otlp_store import OTLPStore
from tests.integration.tracing.pod_collector import CollectorProcess, gateway, pod_collector, span

RATES: Final = (0, 100, 1000)
LASTS_SECONDS: Final = 3 * DECISION_WAIT_SECONDS
KEPT_OF: Final = 100
CALLER: Final = "00f067aa0ba902b7"


def request(number: int) -> list[dict[str, Any]]:
    """Make the spans of one request."""
    trace_id = secrets.token_hex(16)
    spans = [span(name, trace_id, CALLER) for name in ("predict", "preprocess")]
    spans.append(span("read", trace_id, CALLER, storage_latency_ms=12.5))
    if number % KEPT_OF == 0:
        spans.append(span("POST /v2/models/{model}/infer", trace_id, CALLER, kept="sampled"))
    return spans


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> float:
    """Resident set of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


async def measure(pod: CollectorProcess, rate: int) -> str:
    """Send so many requests a second, ten times a second, and return a line of the table."""
    began, cpu_before, number = time.monotonic(), cpu_seconds(pod.pid), 0
    while (passed := time.monotonic() - began) < LASTS_SECONDS:
        due = int(passed * rate)
        spans = [each for asked in range(number, due) for each in request(asked)]
        number = due
        if spans:
            await pod.take(*spans)
        await asyncio.sleep(0.1)
    share = (cpu_seconds(pod.pid) - cpu_before) / (time.monotonic() - began)
    return (
        f"| {rate} | {number / LASTS_SECONDS:.0f} | {memory_mib(pod.pid):.0f} MiB | {share:.1%} of a core |"
    )


async def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with OTLPStore() as store:
            behind = gateway(folder / "gateway", store.port)
            await behind.collector.start()
            pod = pod_collector(folder / "pod", behind.endpoint)
            pod.config["processors"]["tail_sampling"]["decision_wait"] = f"{DECISION_WAIT_SECONDS}s"
            await pod.start()
            print(f"load of the machine: {os.getloadavg()[0]:.1f}")
            print("| requests/s | sent | memory | CPU |\n|---|---|---|---|")
            try:
                for rate in RATES:
                    print(await measure(pod, rate), flush=True)
                lost = "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total"
                refused = "otelcol_receiver_refused_spans_total"
                for metric in (lost, refused):
                    print(metric, await pod.metric(pod.own_metrics_port, metric))
            finally:
                pod.stop()
                behind.collector.stop()


if __name__ == "__main__":
    asyncio.run(main())
