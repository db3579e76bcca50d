"""The monitor's configuration file: what the operator writes into a pod's ConfigMap and the monitor reads.

One JSON object per revision. Unknown fields are refused: the operator renders a revision with the
versions that the revision was made with, so a field that the monitor does not know is a mistake.
The types hold no I/O; reading and reloading the file is the monitor's part.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from modelward.api.binning import DriftConfig

CONFIG_VERSION: Final = 1
MAX_OBJECTIVES: Final = 32


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerProtocol(StrEnum):
    """How the model server speaks, which says what counts as a prediction request."""

    V2 = "v2"
    """Open Inference Protocol over HTTP: POST /v2/models/NAME[/versions/V]/infer or /generate."""
    OPENAI = "openai"
    """OpenAI-compatible: POST /v1/completions, /v1/chat/completions, /v1/embeddings and /v1/responses."""
    HTTP = "http"
    """Anything over HTTP: every POST is a prediction."""


class ServerConfig(_Schema):
    """Where the team's model server listens, on the pod's loopback."""

    protocol: ServerProtocol = ServerProtocol.V2
    port: int = Field(ge=1, le=65535)
    grpc_port: int | None = Field(default=None, ge=1, le=65535)
    """Where it listens for gRPC (Open Inference Protocol); None: it does not."""
    prediction: str | None = Field(default=None, max_length=256, pattern=r"^(/[^/]*)*$")
    """Protocol http: where an answer's JSON has its predictions, as a pointer (RFC 6901); None: not read."""
    max_request_body_bytes: int | None = Field(default=None, gt=0)
    """Requests over HTTP with longer bodies are refused; None: none are."""


class _ObjectiveConfig(_Schema):
    name: str = Field(min_length=1, max_length=63)
    config: str = Field(min_length=1, max_length=64)
    """Hash of the event's definition: evidence reads only counts with the current one."""


class LatencyOf(StrEnum):
    """What has to come in time."""

    ANSWER = "answer"
    """The last byte of the answer."""
    FIRST_TOKEN = "first_token"  # noqa: S105 - a token of text
    """The first event with content of a streamed answer; answers that are not streamed are no events."""
    OUTPUT_TOKEN = "output_token"  # noqa: S105 - a token of text
    """Each token of a streamed answer after the first, on average; those of fewer than two are no events."""


class LatencyObjectiveConfig(_ObjectiveConfig):
    """Good: answered, or begun or continued to be, within `within_ms`."""

    kind: Literal["latency"] = "latency"
    within_ms: float = Field(gt=0, le=3_600_000)
    of: LatencyOf = LatencyOf.ANSWER


class AvailabilityObjectiveConfig(_ObjectiveConfig):
    """Good: answered, and not with a server error."""

    kind: Literal["availability"] = "availability"


class AccuracyObjectiveConfig(_ObjectiveConfig):
    """Good: the prediction differs from its label by at most `tolerance` (0: is equal to it).

    With a `threshold` the prediction is 1 if the answered probability is at least that, else 0. With
    `argmax` it is the class of the highest score: its number, or its name among `classes`. With a `clip`
    each label is bad by the share |prediction - label| / clip, at most 1, and good by the rest.
    """

    kind: Literal["accuracy"] = "accuracy"
    tolerance: float = Field(default=0.0, ge=0)
    clip: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    threshold: float | None = Field(default=None, ge=0, le=1)
    argmax: bool = False
    classes: tuple[str, ...] = Field(default=(), max_length=20)

    @property
    def counts_classes(self) -> bool:
        """Whether predictions and labels are classes, not sizes."""
        return self.clip is None and self.tolerance == 0


class StorageObjectiveConfig(_ObjectiveConfig):
    """Good: a read of the store within `within_ms`. Longer ones mark the events of their time as slow."""

    kind: Literal["storage"] = "storage"
    within_ms: float = Field(gt=0, le=10_000)


ObjectiveConfig = Annotated[
    LatencyObjectiveConfig | AvailabilityObjectiveConfig | AccuracyObjectiveConfig | StorageObjectiveConfig,
    Field(discriminator="kind"),
]


class CaptureConfig(_Schema):
    """How many of the exchanges are parsed for their content, where there is a profile to hold it against."""

    share: float = Field(default=0.1, ge=0, le=1)
    per_second: int = Field(default=100, ge=0, le=10_000)
    """At most so many in a second: parsing one of 4 KB takes some 0.1 ms of CPU."""
    max_body_bytes: int = Field(default=1024 * 1024, gt=0, le=1024 * 1024)
    """Exchanges whose request or answer is longer are not parsed."""


class FeedbackConfig(_Schema):
    """Which labels are taken."""

    max_age_seconds: float = Field(default=2_592_000, gt=0)
    """A receipt older than this is refused as stale."""


class TrafficMode(StrEnum):
    """What the monitor does with the clients' connections."""

    SERVE = "Serve"
    """Every request goes to the pod's own server."""
    REBALANCE = "Rebalance"
    """As Serve, and old connections are asked to reconnect, so that a split gets its share of them."""
    WITHDRAW = "Withdraw"
    """The revision was rejected: requests go to `forward_to` and every connection is asked to leave."""


class TrafficConfig(_Schema):
    """The traffic mode. Of two, the one with the higher generation holds."""

    mode: TrafficMode = TrafficMode.SERVE
    generation: int = Field(default=0, ge=0)
    connection_max_age_seconds: float = Field(default=10.0, gt=0, le=3600)
    """Rebalance: age, give or take a quarter, at which a connection is asked to reconnect."""
    forward_to: str | None = Field(default=None, max_length=512)
    """Withdraw: http://HOST[:PORT] of the stable revision's Service."""

    @field_validator("forward_to")
    @classmethod
    def _is_plain_http(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = urlsplit(value)
        if url.scheme != "http" or not url.hostname or url.path.strip("/") or url.query or url.username:
            msg = f"forward_to {value!r} must be http://HOST[:PORT] without a path, e.g. http://stable.ns.svc:80"
            raise ValueError(msg)
        _ = url.port  # raises ValueError for a port that is none
        return value

    @model_validator(mode="after")
    def _withdraw_names_where_to(self) -> "TrafficConfig":
        if self.mode is TrafficMode.WITHDRAW and self.forward_to is None:
            msg = (
                "mode Withdraw needs forward_to: the stable revision's Service, e.g. http://stable.ns.svc:80"
            )
            raise ValueError(msg)
        return self


class TelemetryConfig(_Schema):
    """Spans."""

    sample_ratio: float = Field(default=0.1, ge=0, le=1)
    """Share of requests without a W3C parent whose trace is kept; a parent's own decision is followed."""
    is_exported: bool = True
    """False: spans would go nowhere, so none are made, of slow and failed requests neither."""


class MonitorConfig(_Schema):
    """The whole of monitor.json."""

    version: Literal[1] = CONFIG_VERSION
    namespace: str = Field(min_length=1, max_length=63)
    deployment: str = Field(min_length=1, max_length=253)
    revision: str = Field(min_length=1, max_length=253)
    model: str = Field(default="", max_length=2048)
    """The model's URI, for spans, and for the reads of its store where there is a storage objective."""
    server: ServerConfig
    objectives: tuple[ObjectiveConfig, ...] = Field(default=(), max_length=MAX_OBJECTIVES)
    feedback: FeedbackConfig = FeedbackConfig()
    drift: DriftConfig | None = None
    """Bins of inputs and predictions to count; None: there is no profile."""
    capture: CaptureConfig = CaptureConfig()
    traffic: TrafficConfig = TrafficConfig()
    telemetry: TelemetryConfig = TelemetryConfig()
    drain_seconds: float = Field(default=10.0, ge=0, le=3600)

    @field_validator("objectives")
    @classmethod
    def _names_are_unique(cls, value: tuple[ObjectiveConfig, ...]) -> tuple[ObjectiveConfig, ...]:
        names = [objective.name for objective in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"objectives named twice: {', '.join(twice)}; give each its own name"
            raise ValueError(msg)
        return value
