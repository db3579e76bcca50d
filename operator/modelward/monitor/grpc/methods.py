"""The methods of servers of models, and what a span says of a call of one."""

from typing import Final

from modelward.monitor.grpc.status import Status
from modelward.monitor.trace import CallFacts

_SERVICE: Final = b"inference.GRPCInferenceService"
PREDICTION_PATH: Final = b"/" + _SERVICE + b"/ModelInfer"
_INFERENCE: Final = (
    b"ServerLive",
    b"ServerReady",
    b"ServerMetadata",
    b"ModelReady",
    b"ModelMetadata",
    b"ModelInfer",
    # Extensions of KServe, MLServer and Triton.
    b"ModelStreamInfer",
    b"ModelConfig",
    b"ModelStatistics",
    b"RepositoryIndex",
    b"RepositoryModelLoad",
    b"RepositoryModelUnload",
)
_KNOWN: Final = frozenset(
    {b"/" + _SERVICE + b"/" + method for method in _INFERENCE}
    | {b"/grpc.health.v1.Health/Check", b"/grpc.health.v1.Health/Watch"}
)
"""Others may be whatever a client writes: so that spans have few names, these are the only ones they have."""


def call_facts(path: bytes | None, status: Status | None) -> CallFacts:
    """What a span says of a call of the method at `path` that the server has ended with `status`."""
    method = None if path is None else path.removeprefix(b"/").decode("latin-1")
    return CallFacts(method, is_known=path in _KNOWN, status=None if status is None else status.name)
