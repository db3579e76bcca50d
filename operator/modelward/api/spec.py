"""`spec` of a ModelDeployment: what a team asks for, with every default.

A field's docstring is its description in the CRD and in `kubectl explain`.
"""

import re
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from modelward.api.base import APIType
from modelward.api.drift import Drift
from modelward.api.gatepolicy import (
    GATE_RULES,
    GateReports,
    GateResources,
    RequireApproval,
)
from modelward.api.gates import GateList, Table, Validation
from modelward.api.inference import Inference
from modelward.api.objectives import Objective, default_objectives, judges_candidates
from modelward.api.quantities import (
    DecimalString,
    Duration,
    Size,
    cel_duration,
    decimal_above,
    decimal_within,
    duration_within,
)
from modelward.api.rules import ListMap, Rule, matches
from modelward.api.status import MOST_ROLLBACKS
from modelward.api.template import RESERVED_PORTS, TEMPLATE_RULES, PodTemplate
from modelward.conventions import BLOCK_SECONDS

DAY: Final = timedelta(days=1)
MIN_STEP: Final = timedelta(seconds=4 * BLOCK_SECONDS)
"""No verdict is given on less than four blocks."""
_NAME: Final = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_NAME}(\.{_NAME})*"

NAME_RULE: Final = Rule(
    # Only when an object is made: a name cannot be changed, and an older object's status must be writable.
    "oldSelf.hasValue() || self.metadata.name.matches(r'^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$')",
    "the name of a ModelDeployment becomes part of other names: "
    "write at most 40 lower case letters, digits and -, beginning with a letter",
    lambda name: re.fullmatch(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", name) is not None,
    field_path=".metadata.name",
)
"""On metadata.name; a Service's name is a DNS label, and revision names add 11 characters."""


class OnInconclusive(StrEnum):
    """What follows a step that ends with the candidate neither shown worse nor shown as good."""

    PROMOTE = "Promote"
    HOLD = "Hold"
    ROLLBACK = "Rollback"


class Model(APIType):
    """The model to serve."""

    uri: Annotated[
        str,
        Field(max_length=1024),
        matches(
            rf"(s3|gs|abfs|https?)://[^\s/?#]+(/\S*)?|pvc://{_SUBDOMAIN}(/\S*)?",
            "not a model's address: write s3://BUCKET/PATH, gs://BUCKET/PATH, abfs://CONTAINER/PATH, "
            "https://HOST/PATH, http://HOST/PATH or pvc://CLAIM/PATH",
        ),
    ]
    """Where the model is: s3://, gs://, abfs://, https://, http:// or pvc://CLAIM/PATH.

    It is fetched into /mnt/models.
    """
    storage_secret_name: (
        Annotated[
            str,
            Field(max_length=253),
            matches(_SUBDOMAIN, "not the name of a Secret: write lower case letters, digits, - and ."),
        ]
        | None
    ) = None
    """Secret in the same namespace whose keys become environment variables of the fetch container."""
    digest: (
        Annotated[
            str,
            Field(max_length=80),
            matches(
                "sha256:[0-9a-f]{64}", "not a digest: write sha256: and 64 hexadecimal digits in lower case"
            ),
        ]
        | None
    ) = None
    """Digest the fetched model must have. Without it the first fetch of a revision records one."""


_NOT_RESERVED: Final = Rule(
    f"!(self in {list(RESERVED_PORTS)})",
    f"the ports {', '.join(map(str, RESERVED_PORTS))} are those of injected containers: write another port",
    lambda port: port not in RESERVED_PORTS,
)


class Server(APIType):
    """The model server."""

    protocol: Literal["v2", "openai", "http"] = "v2"
    """v2: Open Inference Protocol. openai: completions, chat, responses, embeddings.

    http: every POST is a prediction.
    """
    prediction: (
        Annotated[
            str,
            Field(max_length=256),
            matches("(/[^/]*)*", "not a JSON pointer: write one such as /result/class"),
        ]
        | None
    ) = None
    """Protocol http: where an answer's JSON has its predictions, as a JSON pointer (RFC 6901).

    They go into receipts and are held against a profile; without it senders of labels send them along.
    """
    port: Annotated[int, Field(ge=1, le=65535), _NOT_RESERVED] = 8080
    """Port on which the server's container listens on localhost, for HTTP."""
    grpc_port: Annotated[int, Field(ge=1, le=65535), _NOT_RESERVED] | None = None
    """Port on which it listens for gRPC, with protocol v2; unset: gRPC is refused.

    Clients reach it at port 8081 of the Service, and at its port 80, which takes both.
    """
    max_request_body_size: Size | None = None
    """Longest body of a request over HTTP, such as 64Mi; longer ones are answered 413. Unset: no limit."""
    template: Annotated[PodTemplate, *TEMPLATE_RULES]
    """A pod template, as in a Deployment (see `kubectl explain pod.spec`).

    Its first container is the model server.
    """

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.prediction) || self.protocol == 'http'",
            "with protocols v2 and openai it is known where predictions are: "
            "drop prediction, or write protocol: http",
            lambda server: server.prediction is None or server.protocol == "http",
        ),
        Rule(
            "!has(self.grpcPort) || self.protocol == 'v2'",
            "gRPC is read as the Open Inference Protocol has it: drop grpcPort, or write protocol: v2",
            lambda server: server.grpc_port is None or server.protocol == "v2",
        ),
    )


class Step(APIType):
    """One share of traffic for the candidate, held until it is shown to be no worse."""

    weight: Annotated[int, Field(ge=1, le=99)]
    """Share of traffic for the candidate, in percent."""
    duration: Annotated[Duration, duration_within(MIN_STEP, DAY)] = timedelta(minutes=5)
    """The step lasts at most this long, unless minRequests is not met by then."""
    min_requests: Annotated[int, Field(ge=0, le=1_000_000_000)] = 100
    """Requests the candidate must have answered in this step before it may end."""


class Standby(APIType):
    """The previous stable revision, kept warm after a promotion."""

    replicas: Annotated[
        str,
        Field(max_length=4),
        matches("(100|[1-9]?[0-9])%", 'not a share of replicas: write a string from "0%" to "100%"'),
    ] = "100%"
    """Share of spec.replicas to keep running, rounded up."""
    retain: Annotated[Duration, duration_within(timedelta(0), 30 * DAY)] = timedelta(hours=1)
    """How long after the promotion."""


class Rollout(APIType):
    """How a new revision gets traffic."""

    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=20)] = (Step(weight=50),)
    """Rising shares of traffic; after the last the candidate is promoted.

    None named: one step of 50 percent.
    """
    on_inconclusive: OnInconclusive = OnInconclusive.PROMOTE
    """What follows when a step's time is over and the candidate is neither worse nor shown as good."""
    deadline: Annotated[Duration, duration_within(timedelta(minutes=1), 30 * DAY)] = timedelta(hours=1)
    """A rollout that takes longer is Held: neither promoted nor rejected until someone decides."""
    progress_deadline: Annotated[Duration, duration_within(timedelta(seconds=10), DAY)] = timedelta(
        minutes=10
    )
    """A candidate that has lacked a ready pod for this long is rejected with the reason.

    So is a revision that a rollback would go back to, if none of its pods is ready by then.
    """
    max_false_rejection_probability: Annotated[DecimalString, decimal_above(Decimal(0), Decimal("0.5"))] = (
        Decimal("0.01")
    )
    """Bound on the probability that one rollout rejects a candidate as good as stable, in quotes."""
    standby: Standby = Standby()
    holdback: (
        Annotated[
            str,
            Field(max_length=4),
            matches("([1-9]|[1-4][0-9]|50)%", 'not a share of traffic: write a string from "1%" to "50%"'),
        ]
        | None
    ) = None
    """Share of the traffic that the previous stable revision keeps after a promotion, to compare with.

    At least one pod's share. The standby is retained for as long. A new candidate ends it first.
    """

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.steps.map(s, s.weight).isSorted() && "
            "self.steps.all(s, self.steps.exists_one(t, t.weight == s.weight))",
            "weights of steps must rise: write each step's weight above the one before it, such as 10, 50",
            lambda rollout: all(one.weight < other.weight for one, other in pairwise(rollout.steps)),
        ),
        Rule(
            f"{cel_duration('self.deadline')} > self.steps.map(s, {cel_duration('s.duration')}).sum()",
            "the deadline ends before the steps do: write a deadline above the sum of the steps' durations",
            lambda rollout: rollout.deadline > sum((step.duration for step in rollout.steps), timedelta(0)),
        ),
    )


class AlertSelector(APIType):
    """One of the team's own alerts that may trigger a rollback."""

    match_labels: Annotated[
        dict[str, Annotated[str, Field(max_length=256)]],
        Field(max_length=20),
        Rule(
            "self.size() > 0",
            "an empty selector would match every alert: write at least one label, such as alertname",
            lambda labels: len(labels) > 0,
        ),
        Rule(
            "self.all(name, name.matches(r'^[a-zA-Z_][a-zA-Z0-9_]*$'))",
            "not an alert's label: write letters, digits and _, beginning with no digit",
            lambda labels: all(name.isascii() and name.isidentifier() for name in labels),
        ),
    ]
    """Labels the alert must have. Prometheus must confirm that it fires.

    Alerts whose names begin with Modelward are the operator's own words and trigger nothing.
    """


class OnUnknownCause(StrEnum):
    """What follows a breach after promotion that nothing explains."""

    PROBE = "Probe"
    ROLLBACK = "Rollback"
    ALERT = "Alert"


class Probe(APIType):
    """A comparison of the serving revision, while it is suspected, with the last good one."""

    duration: Annotated[Duration, duration_within(timedelta(minutes=1), 7 * DAY)] = timedelta(minutes=10)
    """It lasts at most this long, and ends as soon as the evidence tells.

    For an objective whose labels come late it must be longer than they take.
    """


class Budget(APIType):
    """How many rollbacks after promotion the operator makes by itself."""

    max: Annotated[int, Field(ge=0, le=MOST_ROLLBACKS)] = 3
    """After this many within the time below it stays where it is, and alerts. Rejections are not counted."""
    within: Annotated[Duration, duration_within(timedelta(minutes=1), 30 * DAY)] = timedelta(hours=1)
    """Time in which they are counted."""


class Rollback(APIType):
    """When the operator goes back by itself."""

    on_unknown_cause: OnUnknownCause = OnUnknownCause.PROBE
    """What follows when a promoted revision breaches an objective and nothing explains it.

    Probe: the last good revision gets a share of the traffic (at most half); the one shown to be worse goes.
    Rollback: go back at once. Alert: stay, and alert.
    """
    probe: Probe = Probe()
    budget: Budget = Budget()

    max_false_rollbacks_per_year: Annotated[DecimalString, decimal_above(Decimal(0), Decimal(1000))] = (
        Decimal(1)
    )
    """Bound on the long-run rate of rollbacks of a revision that meets its objectives, in quotes."""
    alerts: Annotated[tuple[AlertSelector, ...], Field(max_length=20)] = ()
    """The team's own alerts that may trigger a rollback."""


class OTLP(APIType):
    """An OTLP/gRPC endpoint."""

    endpoint: Annotated[
        str,
        Field(max_length=512),
        matches(r"https?://[^\s/?#]+/?", "not an OTLP endpoint: write http://HOST:PORT or https://HOST:PORT"),
    ]
    """Address of a receiver, such as http://jaeger:4317. https:// verifies its certificate."""


class Telemetry(APIType):
    """Where traces go."""

    otlp: OTLP | None = None
    """Without it spans stay in the pod and are dropped there."""
    sample_ratio: Annotated[DecimalString, decimal_within(Decimal(0), Decimal(1))] = Decimal("0.1")
    """Share of requests whose traces are kept, when the caller's trace context does not say; in quotes.

    Those of failed requests, and of predictions slower than a latency objective allows, are always kept.
    """


class ModelDeploymentSpec(APIType):
    """A model, its server, and what must hold while it serves."""

    model: Model
    server: Server
    replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    """Serving pods of the stable revision; `kubectl scale` and a HorizontalPodAutoscaler set it."""
    paused: bool = False
    """While true nothing new is started beside what serves: no step ends, no candidate gets traffic.

    Rollbacks still happen, and a first revision starts and serves all the same.
    """
    rollout: Rollout = Rollout()
    objectives: Annotated[
        tuple[Objective, ...],
        ListMap("name"),
        Field(max_length=10),
        Rule(
            "self.exists(o, o.scope == 'Always' && !has(o.storage))",
            "nothing would judge a candidate: write at least one objective with scope: Always "
            "that is not of storage",
            lambda objectives: any(judges_candidates(objective) for objective in objectives),
        ),
        Rule(
            "self.filter(o, has(o.storage)).size() <= 1",
            "events are marked slow by one limit: write one storage objective",
            lambda objectives: sum(objective.storage is not None for objective in objectives) <= 1,
        ),
        Rule(
            "self.all(o, self.exists_one(p, p.name == o.name))",
            "two objectives have the same name: write a name of its own for each",
            lambda objectives: len({objective.name for objective in objectives}) == len(objectives),
        ),
    ] = Field(default_factory=default_objectives)
    """What must hold while a revision serves. None named: 99.5% available, 99% answered within 1s."""
    drift: Drift = Drift()
    rollback: Rollback = Rollback()
    telemetry: Telemetry = Telemetry()
    inference: Inference | None = None
    """How gates ask the model."""
    validation: Validation | None = None
    """Rows with labels that gates hold the model against, read with the model's credentials."""
    training: Table | None = None
    """A sample of the rows that the model was trained on, with the same columns."""
    gates: GateList = ()
    """What each revision must pass before it gets any traffic, the first one too.

    A revision's gates are recorded when it is made; later edits can only add to them, and what was added
    before its first traffic stays too.
    """
    gate_reports: GateReports = GateReports()
    gate_resources: GateResources = GateResources()
    require_approval: RequireApproval = RequireApproval()
    revision_history_limit: Annotated[int, Field(ge=1, le=50)] = 10
    """Revisions to keep, besides those that run, for going back to."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.rollout.holdback) || "
            r"self.objectives.all(o, !has(o.query) || o.query.total.matches(r'\$revision\b'))",
            "during a holdback two revisions always share the traffic, and a query without $revision cannot "
            "tell them apart: write $revision in good and total, or leave out rollout.holdback",
            lambda spec: (
                spec.rollout.holdback is None
                or all(
                    objective.query is None or objective.query.is_of_a_revision
                    for objective in spec.objectives
                )
            ),
        ),
        *GATE_RULES,
    )
