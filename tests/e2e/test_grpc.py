"""MLServer, asked over gRPC by a client inside the cluster."""

import json
from typing import Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelward.conventions import METRIC_EVENTS, METRIC_GRPC_CALLS, PATH_OBJECTIVES, PORT_METRICS
from tests.e2e.faulty import NAME, Faulty

CALLS: Final = 20
MODEL: Final = {
    "model-settings.json": json.dumps({"name": "m", "implementation": "echo.Echo"}),
    "echo.py": """
from mlserver import MLModel
from mlserver.types import InferenceResponse, ResponseOutput


class Echo(MLModel):
    async def predict(self, payload):
        outputs = [
            ResponseOutput(name=each.name, shape=each.shape, datatype=each.datatype, data=each.data)
            for each in payload.inputs
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)
""",
}
"""Answers with what it is asked."""
CLIENT: Final = f"""
import grpc
from mlserver.grpc.dataplane_pb2 import ModelInferRequest
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub

values = dict(name="x", datatype="INT64", shape=[1, 2], contents=dict(int64_contents=[3, 5]))
request = ModelInferRequest(model_name="m", inputs=[ModelInferRequest.InferInputTensor(**values)])
with grpc.insecure_channel("{NAME}:8081") as channel:
    for _ in range({CALLS}):
        answer = GRPCInferenceServiceStub(channel).ModelInfer(request, timeout=60, wait_for_ready=True)
        assert list(answer.outputs[0].contents.int64_contents) == [3, 5], answer
"""
"""MLServer's image has what a client needs, too."""
CONTAINER: Final = {
    "image": "modelward.dev/mlserver:dev",
    "command": ["mlserver", "start", "/mnt/models"],
    "env": [
        {"name": "MLSERVER_HTTP_PORT", "value": "8080"},
        {"name": "MLSERVER_GRPC_PORT", "value": "8081"},
        {"name": "MLSERVER_PARALLEL_WORKERS", "value": "0"},
        {"name": "MLSERVER_METRICS_ENDPOINT", "value": ""},
    ],
    "resources": {"requests": {"cpu": "1m", "memory": "256Mi"}, "limits": {"memory": "768Mi"}},
}

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]


def test_mlserver_is_asked_over_grpc(faulty: Faulty) -> None:
    """Calls through the Service are answered, and each is a good event of the revision."""
    faulty.stage.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bench-files"}, "data": MODEL}
    )
    own = "s3://models/echo"
    faulty.upload(own)
    model = {"uri": own, "storageSecretName": "model-store"}
    revision = faulty.serve("1", model=model, container=CONTAINER, server={"grpcPort": 8081})
    (pod,) = faulty.pods(revision)
    faulty.stage.kubectl("exec", pod, "-c", "model", "--", "python", "-c", CLIENT)
    assert counted(faulty, pod, "/metrics", METRIC_GRPC_CALLS, grpc_status="OK") == CALLS
    for result, expected in (("good", CALLS), ("bad", 0)):
        labels = {"objective": "availability", "result": result}
        assert counted(faulty, pod, PATH_OBJECTIVES, METRIC_EVENTS, **labels) == expected


def counted(faulty: Faulty, pod: str, path: str, metric: str, **labels: str) -> float:
    """Return a counter of a pod's monitor."""
    url = f"/api/v1/namespaces/{faulty.stage.namespace}/pods/{pod}:{PORT_METRICS}/proxy{path}"
    return sum(
        sample.value
        for family in text_string_to_metric_families(faulty.stage.kubectl("get", "--raw", url))
        for sample in family.samples
        if sample.name == metric and labels.items() <= sample.labels.items()
    )
