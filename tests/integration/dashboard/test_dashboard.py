"""Every panel of the dashboard has data, and the page that is drawn without Grafana shows it."""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml
from typer.testing import CliRunner

from dev.cluster import processes, programs
from dev.cluster.controlplane import free_ports
from modelward import conventions as names
from modelward.api.binning import DriftConfig
from modelward.cli.main import app
from modelward.render.config import objective_configs
from modelward.render.dashboard.panel import Kind, Panel, filled
from modelward.render.dashboard.rows import ANNOTATIONS, ROWS
from modelward.render.identity import DeploymentIdentity
from modelward.render.rules import prometheus_rule
from modelward.signals.prometheus import Endpoint, Prometheus
from tests.integration.dashboard.pages import CANDIDATE, Pages
from tests.integration.monitor.model_server import PREDICTION, Connection, ModelServer, Request, answer
from tests.integration.monitor.monitor_process import (
    DEPLOYMENT,
    NAMESPACE,
    REVISION,
    MonitorProcess,
    configuration,
)
from tests.integration.monitor.raw_client import RawClient, infer
from tests.integration.signals.conditions import until_answered
from tests.integration.tracing.pod_collector import pod_collector
from tests.unit.render import cases

VALUES = {"namespace": NAMESPACE, "deployment": DEPLOYMENT, "revision": ".+", "__range": "1h"}
SPEC = cases.read(
    {
        **cases.MINIMAL,
        "objectives": [
            {"name": "latency", "latency": {"within": "200ms"}, "target": "99%"},
            {"name": "availability", "availability": {}, "target": "99.5%"},
            {"name": "accuracy", "accuracy": {"tolerance": "0"}, "target": "65%"},
            {"name": "storage", "storage": {"within": "300ms"}, "target": "99%", "onBreach": "Hold"},
        ],
        "drift": {"profile": {"configMapName": "profile"}},
    }
)
DRIFT = {
    "profile": "p1",
    "columns": 1,
    "features": [
        {"kind": "numeric", "name": "price", "column": 0, "edges": [10.0], "reference": [500, 500, 0, 0]}
    ],
    "prediction": {
        "kind": "categorical",
        "name": "class",
        "categories": ["0", "1"],
        "reference": [500, 500, 0, 0],
    },
}
ROWS_ASKED = json.dumps(
    {"inputs": [{"name": "price", "shape": [4], "datatype": "FP64", "data": [5.0, 5.0, 5.0, 50.0]}]}
).encode()
PANELS = [panel for row in ROWS for panel in row.panels]


@dataclass(slots=True)
class Board:
    """Where Prometheus is, and what may be asked of it."""

    url: str

    async def has_data(self, query: str) -> bool:
        """Whether a query answers at least one number now."""
        async with Prometheus(Endpoint(self.url)) as client:
            found = await client.instant(filled(query, VALUES), time.time())
        return any(math.isfinite(value) for series in found for _, value in series.points)


def prometheus_config(folder: Path, targets: dict[str, tuple[int, str, dict[str, str]]]) -> str:
    """Write a configuration that scrapes these pages: name -> port, path and labels."""
    jobs = [
        {
            "job_name": job,
            "metrics_path": path,
            "honor_labels": True,
            "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": labels}],
        }
        for job, (port, path, labels) in targets.items()
    ]
    return yaml.safe_dump(
        {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(folder / "rules.yml")],
            "scrape_configs": jobs,
        }
    )


def rules() -> str:
    """Render the deployment's rules, each evaluated every second."""
    identity = DeploymentIdentity(DEPLOYMENT, NAMESPACE, "uid")
    rule = prometheus_rule(identity, SPEC, cases.PLATFORM, DriftConfig.model_validate(DRIFT))
    groups = [{**group, "interval": "1s"} for group in rule["spec"]["groups"]]
    return yaml.safe_dump({"groups": groups})


async def reply(_request: Request, connection: Connection) -> None:
    """Answer with class 1, and say how long the store took."""
    body = json.dumps(PREDICTION).encode()
    connection.write(
        answer(body, "200 OK", "Content-Type: application/json", "Server-Timing: storage;dur=12")
    )


async def traffic(monitors: list[MonitorProcess]) -> None:
    """Ask each monitor for predictions for ever, and send labels back, three of four of them right."""
    async with aiohttp.ClientSession() as session:
        for number in range(1_000_000):
            for monitor in monitors:
                async with RawClient(monitor.serving_port) as client:
                    receipt = (await client.ask(infer(ROWS_ASKED))).header(names.HEADER_RECEIPT)
                label = {"receipt": receipt, "label": 1 if number % 4 else 0}
                await (await session.post(monitor.url(names.PATH_FEEDBACK), json=label)).read()
            await asyncio.sleep(0.02)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def board(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Board]:
    """Run two revisions under traffic, the operator's page, the exporters', a collector and Prometheus."""
    folder = tmp_path_factory.mktemp("board")
    objectives = [each.model_dump(mode="json") for each in objective_configs(SPEC.objectives)]
    changes: dict[str, Any] = {"objectives": objectives, "drift": DRIFT}
    changes["capture"] = {"share": 1, "per_second": 10_000}
    port = free_ports(1)[0]
    monitors = [
        MonitorProcess(folder / revision, configuration(port, revision=revision, **changes))
        for revision in (REVISION, CANDIDATE)
    ]
    collector = pod_collector(folder / "collector", endpoint=None)
    async with ModelServer(port, handler=reply), Pages() as pages:
        for monitor in monitors:
            monitor.start()
        await collector.start()
        own = {"namespace": NAMESPACE, "pod": "pod-a"}
        targets = {
            "operator": (pages.port, "/operator", {}),
            "exporters": (pages.port, "/exporters", {}),
            "collector": (collector.own_metrics_port, "/metrics", {**own, "endpoint": "collector"}),
        }
        for pod, monitor in zip(("pod-a", "pod-b"), monitors, strict=True):
            labels = {"namespace": NAMESPACE, "pod": pod}
            targets[f"{pod}-objectives"] = (
                monitor.metrics_port,
                names.PATH_OBJECTIVES,
                {**labels, "endpoint": "objectives"},
            )
            targets[f"{pod}-metrics"] = (monitor.metrics_port, "/metrics", {**labels, "endpoint": "metrics"})
        listen = free_ports(1)[0]
        (folder / "prometheus.yml").write_text(prometheus_config(folder, targets))
        (folder / "rules.yml").write_text(rules())
        command: list[str | Path] = [
            programs.find("prometheus"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{listen}",
            "--scrape.discovery-reload-interval=1s",
            "--log.level=warn",
        ]
        processes.start(folder, "prometheus", processes.dying_with_parent(command))
        asking = asyncio.create_task(traffic(monitors))
        yield Board(f"http://127.0.0.1:{listen}")
        asking.cancel()
        await asyncio.wait([asking])
        processes.stop(folder, "prometheus", grace_seconds=10)
        collector.stop()
        for monitor in monitors:
            monitor.stop()


def _answered(board: Board, query: str) -> Callable[[], Any]:
    async def answered() -> bool:
        try:
            return await board.has_data(query)
        except Exception:  # noqa: BLE001 - Prometheus may not listen yet; the wait has a limit
            return False

    return answered


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
async def test_every_query_of_a_panel_has_data(board: Board, panel: Panel) -> None:
    """A name that no longer is, or labels that do not match, would leave a panel empty for good."""
    for target in panel.targets:
        await until_answered(_answered(board, target.query), f"data of {target.query}")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=lambda annotation: annotation.name)
async def test_every_mark_has_data(board: Board, annotation: Any) -> None:
    """Rollouts and rollbacks are seen while they last."""
    await until_answered(_answered(board, annotation.query), f"data of {annotation.query}")


@pytest.mark.asyncio(loop_scope="module")
async def test_the_page_shows_every_panel(board: Board, tmp_path: Path) -> None:
    """The command draws all panels into one file that refers to nothing else."""
    for panel in PANELS:
        for target in panel.targets:
            await until_answered(_answered(board, target.query), f"data of {target.query}")
    out = tmp_path / "page.html"
    arguments = ["dashboard", f"{NAMESPACE}/{DEPLOYMENT}", "--prometheus", board.url, "--out", str(out)]
    result = await asyncio.to_thread(CliRunner().invoke, app, [*arguments, "--last", "2m"])
    assert result.exit_code == 0, result.output
    text = out.read_text()
    assert "No data" not in text
    assert text.count('class="panel"') == len(PANELS)
    tables = {Kind.TABLE, Kind.CONFUSION}
    assert text.count("<svg") == sum(panel.kind not in tables for panel in PANELS)
    assert "<th>predicted 1</th>" in text
    assert "http://127" not in text
    assert "<script" not in text


def test_a_deployment_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Wrong names and durations are told, with what to write instead, and no file is written."""
    out = tmp_path / "page.html"
    options = ["--prometheus", "http://127.0.0.1:1", "--out", str(out)]
    for arguments, said in (
        (["dashboard", "electricity", *options], "NAMESPACE/NAME"),
        (["dashboard", "shop/electricity", *options, "--last", "soon"], "--last soon"),
        (["dashboard", "shop/electricity", *options, "--last", "1s"], "from 1m"),
        (["dashboard", "shop/electricity", *options], "has nothing of shop/electricity"),
    ):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code != 0
        assert said in str(result.exception)
    assert not out.exists()
