"""`spec` of a ModelDeployment: what a team asks for, with every default.

A field's docstring is its description in the CRD and in `kubectl explain`.
"""

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from modelward.api.base import APIType
from modelward.api.quantities import DecimalString, Duration, Percentage

PodTemplate: TypeAlias = dict[str, Any]
"""A core/v1 PodTemplateSpec as the API server validated it; opaque to everything but `render`."""


class OnInconclusive(StrEnum):
    """What follows a step that ends with the candidate neither shown worse nor shown as good."""

    PROMOTE = "Promote"
    HOLD = "Hold"
    ROLLBACK = "Rollback"


class OnBreach(StrEnum):
    """What a breach of an objective leads to."""

    ROLLBACK = "Rollback"
    HOLD = "Hold"
    ALERT = "Alert"


class Scope(StrEnum):
    """When an objective is held against a revision."""

    ALWAYS = "Always"
    AFTER_PROMOTION = "AfterPromotion"


class Model(APIType):
    """The model to serve."""

    uri: Annotated[str, Field(min_length=3, max_length=1024)]
    """Where the model is: s3://, gs://, abfs://, https:// or pvc://CLAIM/PATH. Fetched into /mnt/models."""
    storage_secret_name: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Secret in the same namespace whose keys become environment variables of the fetch container."""
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", max_length=71)] | None = None
    """Digest the fetched model must have. Without it the first fetch of a revision records one."""


class Server(APIType):
    """The model server."""

    protocol: Literal["v2", "http"] = "v2"
    """v2: Open Inference Protocol over HTTP. http: every POST is a prediction."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8080
    """Port on which the server's container listens on localhost."""
    template: PodTemplate
    """A pod template, as in a Deployment. Its first container is the model server."""


class Step(APIType):
    """One share of traffic for the candidate, held until it is shown to be no worse."""

    weight: Annotated[int, Field(ge=1, le=99)]
    """Share of traffic for the candidate, in percent."""
    duration: Duration = timedelta(minutes=5)
    """The step lasts at most this long, unless minRequests is not met by then."""
    min_requests: Annotated[int, Field(ge=0, le=1_000_000_000)] = 100
    """Requests the candidate must have answered in this step before it may end."""


class Standby(APIType):
    """The previous stable revision, kept warm after a promotion."""

    replicas: Annotated[str, Field(pattern=r"^(100|[1-9]?[0-9])%$", max_length=4)] = "100%"
    """Share of spec.replicas to keep running, rounded up."""
    retain: Duration = timedelta(hours=1)
    """How long after the promotion."""


class Rollout(APIType):
    """How a new revision gets traffic."""

    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=20)] = (Step(weight=50),)
    """Rising shares of traffic; after the last the candidate is promoted."""
    on_inconclusive: OnInconclusive = OnInconclusive.PROMOTE
    """What follows when a step's time is over and the candidate is neither worse nor shown as good."""
    deadline: Duration = timedelta(hours=1)
    """A rollout that takes longer is Held: neither promoted nor rejected until someone decides."""
    progress_deadline: Duration = timedelta(minutes=10)
    """A candidate whose pods are not all ready after this long is rejected with the reason."""
    max_false_rejection_probability: DecimalString = Decimal("0.01")
    """Bound on the probability that one rollout rejects a candidate as good as stable."""
    standby: Standby = Standby()


class Latency(APIType):
    """Good: answered within this time."""

    within: Duration


class Availability(APIType):
    """Good: not a server error."""


class Accuracy(APIType):
    """Good: the prediction agrees with the label sent back for it."""

    tolerance: DecimalString = Decimal(0)
    """Largest absolute difference that still agrees; 0 for classes."""


class VersusStable(APIType):
    """How a candidate's share of bad events may compare with stable's in the same time."""

    max_ratio: DecimalString = Decimal("1.5")
    """The candidate is worse when its bad share is shown to be above this multiple of stable's."""
    not_worse_ratio: DecimalString = Decimal(2)
    """The candidate is as good when its bad share is shown to be below this multiple of stable's."""


class Objective(APIType):
    """A share of events must be good. Exactly one of latency, availability, accuracy."""

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=40)]
    latency: Latency | None = None
    availability: Availability | None = None
    accuracy: Accuracy | None = None
    target: Percentage
    """Share of events that must be good."""
    versus_stable: VersusStable = VersusStable()
    scope: Scope = Scope.ALWAYS
    """AfterPromotion: for labels that come days later, not used to judge a candidate."""
    on_breach: OnBreach = OnBreach.ROLLBACK


class AlertSelector(APIType):
    """One of the team's own alerts that may trigger a rollback."""

    match_labels: Annotated[dict[str, str], Field(min_length=1, max_length=20)]
    """Labels the alert must have. Prometheus must confirm that it fires."""


class Rollback(APIType):
    """When the operator goes back by itself."""

    max_false_rollbacks_per_year: DecimalString = Decimal(1)
    """Bound on the long-run rate of rollbacks of a revision that meets its objectives."""
    alerts: Annotated[tuple[AlertSelector, ...], Field(max_length=20)] = ()


class OTLP(APIType):
    """An OTLP/gRPC endpoint."""

    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s/]+(/.*)?$", max_length=512)]


class Telemetry(APIType):
    """Where traces go."""

    otlp: OTLP | None = None
    """Without it spans stay in the pod and are dropped there."""
    sample_ratio: DecimalString = Decimal("0.1")
    """Share of requests traced, when the caller's trace context does not say."""


def default_objectives() -> tuple[Objective, ...]:
    """Objectives of a deployment that names none."""
    return (
        Objective(name="availability", availability=Availability(), target=Decimal("0.995")),
        Objective(name="latency", latency=Latency(within=timedelta(seconds=1)), target=Decimal("0.99")),
    )


class ModelDeploymentSpec(APIType):
    """A model, its server, and what must hold while it serves."""

    model: Model
    server: Server
    replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    paused: bool = False
    """While true nothing new is started: no step ends, no candidate gets traffic. Rollbacks still happen."""
    rollout: Rollout = Rollout()
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1, max_length=10)] = Field(
        default_factory=default_objectives
    )
    rollback: Rollback = Rollback()
    telemetry: Telemetry = Telemetry()
    revision_history_limit: Annotated[int, Field(ge=1, le=50)] = 10
