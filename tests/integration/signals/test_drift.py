"""Drift from the monitors' own counts of Elec2 to the operator's question, through a real Prometheus."""

import gzip
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import pytest_asyncio
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from dev.cluster.controlplane import free_ports
from modelward.api.binning import DriftConfig, NumericBins
from modelward.api.drift import Drift, ProfileSource
from modelward.api.profile import drift_config
from modelward.conventions import RECORD_PSI, RECORD_PSI_LIMIT
from modelward.evidence.drift import assess
from modelward.monitor.drift.bins import Bins
from modelward.profile.build import Columns, build
from modelward.render.drift import limit_policy, rule_group
from modelward.render.drift_promql import drifted_most
from tests.integration.signals.conditions import until_answered
from tests.integration.signals.exporter import Exporter
from tests.integration.signals.prometheus_server import PrometheusServer
from tests.unit.render import cases

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

SAMPLE: Final = Path(__file__).parents[3] / "examples" / "electricity" / "elec2-sample.csv.gz"
FEATURES: Final = ("period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")
DRIFT: Final = Drift(profile=ProfileSource(config_map_name="shop-profile"))
KEY: Final = ("shops", "shop")


class _Shown(Collector):
    def __init__(self, bins: Bins) -> None:
        self._bins = bins

    def collect(self) -> Iterator[Metric]:
        return self._bins.families()


def page(bins: Bins, pod: str) -> str:
    """A monitor's page, with the labels that a PodMonitor's discovery adds."""
    registry = CollectorRegistry()
    registry.register(_Shown(bins))
    text = generate_latest(registry).decode()
    return text.replace("{", f'{{namespace="{KEY[0]}",pod="{pod}",')


def rows() -> np.ndarray:
    """The sample, in order of time."""
    with gzip.open(SAMPLE, "rt") as text:
        return np.loadtxt(text, delimiter=",", skiprows=1)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> DriftConfig:
    """The bins of the sample's first half."""
    path = tmp_path_factory.mktemp("profile") / "train.csv"
    half = rows()[: len(rows()) // 2]
    np.savetxt(path, half, delimiter=",", header=",".join((*FEATURES, "up")), comments="", fmt="%.17g")
    return drift_config(build(path, Columns(features=FEATURES, label="up"), lambda _done, _total: None))


@pytest_asyncio.fixture(loop_scope="session")
async def recording(
    exporter: Exporter, config: DriftConfig, tmp_path: Path
) -> AsyncIterator[PrometheusServer]:
    """A Prometheus that evaluates the operator's rules each second."""
    group = rule_group(cases.identity_of("shop"), DRIFT, config, cases.PLATFORM) | {"interval": "1s"}
    (port,) = free_ports(1)
    server = PrometheusServer(tmp_path, port, exporter, yaml.safe_dump({"groups": [group]}))
    server.start()
    try:
        await server.sampled(time.time())
        yield server
    finally:
        server.stop()
        exporter.clear()


async def test_elec2_is_recorded_as_numpy_has_it(
    recording: PrometheusServer, exporter: Exporter, config: DriftConfig
) -> None:
    """Of two pods of two revisions together: index and limit to a millionth, and the worst of all inputs."""
    stream = rows()[len(rows()) // 2 :]
    shares = {"a": stream[:700], "b": stream[700:1000]}
    monitors = {pod: Bins(config, "shop", f"shop-{pod}") for pod in shares}
    for pod, part in shares.items():
        columns = {name: part[:, number].tolist() for number, name in enumerate(FEATURES)}
        monitors[pod].observe(columns, part[:, -1].tolist())
    exporter.pages |= {"operator": page(monitors["a"], "a"), "team": page(monitors["b"], "b")}

    policy, worst = limit_policy(DRIFT.psi_threshold, config), 0.0
    for number, feature in enumerate(config.features):
        assert isinstance(feature, NumericBins)
        values = stream[:1000, number]
        edges = [-np.inf, *np.nextafter(feature.edges, np.inf), np.inf]  # a bin holds its upper edge
        counts = [*np.histogram(values, edges)[0].tolist(), 0, 0]
        found = assess(policy, counts, feature.reference)
        worst = max(worst, found.psi / found.limit)
        await agrees(recording, f'{RECORD_PSI}{{feature="{feature.name}", revision=""}}', found.psi)
        await agrees(recording, f'{RECORD_PSI_LIMIT}{{feature="{feature.name}", revision=""}}', found.limit)
    await agrees(recording, drifted_most(KEY, config.profile), worst)
    assert worst > 1


async def agrees(prometheus: PrometheusServer, query: str, value: float) -> None:
    """Wait until a query answers a value, to a millionth."""

    async def is_so() -> bool:
        found = await prometheus.query(query)
        return found is not None and abs(found - value) < 1e-6

    await until_answered(is_so, f"{query} is {value}")
