"""A real Prometheus on loopback that scrapes an Exporter, twice a second unless told otherwise."""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import yaml

from dev.cluster import processes, programs
from modelward.signals.prometheus import Endpoint
from tests.integration.signals.conditions import until_answered
from tests.integration.signals.exporter import Exporter

SCRAPE_SECONDS: Final = 0.5
BLOCK_SECONDS: Final = 1
"""Two scrapes, so that each block has one although their times waver."""


@dataclass(slots=True)
class PrometheusServer:
    """One Prometheus: its folder, its port, which Exporter it scrapes, and its name among replicas."""

    folder: Path
    port: int
    exporter: Exporter
    rules: str = ""
    replica: str = "a"
    scrape_seconds: float = SCRAPE_SECONDS

    @property
    def endpoint(self) -> Endpoint:
        """Where it is asked."""
        return Endpoint(f"http://127.0.0.1:{self.port}")

    def start(self) -> None:
        """Start it, with the data that its folder holds."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(self._config()))
        (self.folder / "rules.yml").write_text(self.rules or "groups: []\n")
        command: list[str | Path] = [
            programs.find("prometheus"),
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--scrape.discovery-reload-interval=1s",
            "--log.level=warn",
        ]
        processes.start(self.folder, "prometheus", processes.dying_with_parent(command))

    def stop(self) -> None:
        """End it; its data stay."""
        processes.stop(self.folder, "prometheus", grace_seconds=10)

    async def sampled(self, at: float) -> None:
        """Wait until every target was scraped at a time or later, so that nothing before it is missing."""
        await until_answered(lambda: self._all_sampled(at), f"Prometheus has scraped everything at {at}")

    async def _all_sampled(self, at: float) -> bool:
        found = await self.query("min(timestamp(up))")
        return found is not None and found >= at

    async def settle(self) -> int:
        """Wait until all that is exported now is in blocks that have ended; the end of the last of them."""
        await self.sampled(time.time())
        newest = await self.query("max(timestamp(up))")
        assert newest is not None
        end = int(newest) + 1
        await self.sampled(end)
        return end

    async def was_late_since(self, began: float) -> bool:
        """Whether the machine was too busy to scrape in time at some moment since then (unix seconds)."""
        window = math.ceil(time.time() - began) + 1
        slowest = await self.query(f"max(max_over_time(scrape_duration_seconds[{window}s]))")
        fewest = await self.query(f"min(count_over_time(up[{window}s]))")
        if slowest is None or fewest is None:
            return True
        return slowest > self.scrape_seconds * 0.8 or fewest < window / self.scrape_seconds - 3

    async def query(self, query: str) -> float | None:
        """Evaluate a query now; its single value, or None without one (or without an answer)."""
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{self.endpoint.url}/api/v1/query", params={"query": query}) as response,
            ):
                answer = await response.json()
        except (aiohttp.ClientError, OSError, ValueError):
            return None
        result = answer.get("data", {}).get("result", [])
        return float(result[0]["value"][1]) if result else None

    def _config(self) -> dict[str, object]:
        target = f"127.0.0.1:{self.exporter.port}"
        interval = f"{self.scrape_seconds * 1000:.0f}ms"
        return {
            "global": {
                "scrape_interval": interval,
                "scrape_timeout": interval,
                "evaluation_interval": "1s",
                # Replicas scrape a target at moments that depend on these.
                "external_labels": {"replica": self.replica},
            },
            "rule_files": [str(self.folder / "rules.yml")],
            "scrape_configs": [
                {
                    "job_name": "pods",
                    "honor_labels": True,
                    "static_configs": [
                        {"targets": [target], "labels": {"__metrics_path__": path, "instance": path}}
                        for path in self.exporter.paths
                    ],
                }
            ],
        }
