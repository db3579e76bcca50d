"""A store that can be made slow: a proxy between a namespace's pods and the cluster's S3 server."""

import base64
import json
from dataclasses import dataclass
from typing import Final

from dev.demo.stage import CHECKOUT, Stage

MANIFEST: Final = CHECKOUT / "bench" / "toxiproxy.yaml"
ADDRESS: Final = "http://toxiproxy:9000"
_TOXIC: Final = "slow"


@dataclass(frozen=True, slots=True)
class SlowStore:
    """The proxy of one namespace."""

    stage: Stage

    def furnish(self) -> None:
        """Start the proxy, and make the Secret model-store lead through it."""
        self.stage.apply(MANIFEST.read_text())
        self.stage.kubectl("rollout", "status", "deployment/toxiproxy", "--timeout=600s")
        self.stage.provide_model_store()
        address = base64.b64encode(ADDRESS.encode()).decode()
        change = json.dumps({"data": {"AWS_ENDPOINT_URL": address}})
        self.stage.kubectl("patch", "secret", "model-store", "--type=merge", "-p", change)

    def slow_down(self, latency_ms: int) -> None:
        """Let every answer of the store come this much later."""
        toxic = {"name": _TOXIC, "type": "latency", "attributes": {"latency": latency_ms}}
        self.stage.kubectl("create", "--raw", self._api("toxics"), "-f", "-", text=json.dumps(toxic))

    def speed_up(self) -> None:
        """Let answers come at once again."""
        self.stage.kubectl("delete", "--raw", self._api(f"toxics/{_TOXIC}"))

    def _api(self, path: str) -> str:
        service = f"/api/v1/namespaces/{self.stage.namespace}/services/toxiproxy:8474"
        return f"{service}/proxy/proxies/s3/{path}"
