"""The ConfigMap of a revision: the monitor's file, the model's digest and the collector's file.

Everything here may change without a new revision and restarts no pod: the monitor reads its file again
when it changes.
"""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from modelward import conventions as names
from modelward.api.binning import DriftConfig, ValueEvents
from modelward.api.drift import Detector, events_config
from modelward.api.monitorconfig import (
    AccuracyObjectiveConfig,
    AvailabilityObjectiveConfig,
    LatencyObjectiveConfig,
    LatencyOf,
    MonitorConfig,
    ObjectiveConfig,
    ServerConfig,
    ServerProtocol,
    StorageObjectiveConfig,
    TelemetryConfig,
    TrafficConfig,
    TrafficMode,
)
from modelward.api.objectives import Latency, Objective, event_config
from modelward.api.spec import ModelDeploymentSpec
from modelward.decide.placement import Placement
from modelward.render.collector import collector_config
from modelward.render.identity import DeploymentIdentity
from modelward.render.manifest import Manifest, owned, revision_labels
from modelward.render.revision import RevisionRecord, read_inputs
from modelward.render.services import revision_url

DRAIN_SECONDS: Final = 10
"""How long an ending monitor still serves, answering with `Connection: close`: endpoints take time to go."""


def config_map(
    identity: DeploymentIdentity,
    spec: ModelDeploymentSpec,
    record: RevisionRecord,
    placement: Placement,
    generation: int,
    drift: DriftConfig | None = None,
) -> Manifest:
    """Return ConfigMap NAME-HASH.

    Raises:
        InvalidRevisionError: the record's inputs break a rule of the API.
        ValueError: the placement withdraws the revision without saying where its requests go.
    """
    monitor = monitor_config(identity, spec, record, placement, generation, drift)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": owned(identity, record.name, revision_labels(identity, "configuration", record.name)),
        "data": {
            names.FILE_MONITOR_CONFIG: monitor.model_dump_json(indent=2, exclude_none=True) + "\n",
            names.FILE_MODEL_DIGEST: record.digest or "",
            names.FILE_COLLECTOR_CONFIG: collector_config(identity, record.name, spec.telemetry),
        },
    }


def monitor_config(
    identity: DeploymentIdentity,
    spec: ModelDeploymentSpec,
    record: RevisionRecord,
    placement: Placement,
    generation: int,
    drift: DriftConfig | None = None,
) -> MonitorConfig:
    """Return what the monitors of a revision are told.

    Raises:
        InvalidRevisionError: the record's inputs break a rule of the API.
        ValueError: the placement withdraws the revision without saying where its requests go.
    """
    model, server = read_inputs(record)
    return MonitorConfig(
        namespace=identity.namespace,
        deployment=identity.name,
        revision=record.name,
        model=model.uri,
        server=ServerConfig(
            protocol=ServerProtocol(server.protocol),
            port=server.port,
            grpc_port=server.grpc_port,
            prediction=server.prediction,
            max_request_body_bytes=server.max_request_body_size,
        ),
        objectives=objective_configs(spec.objectives),
        drift=drift and counted_for(drift, spec.drift.detectors),
        traffic=traffic_config(identity, placement, generation),
        telemetry=TelemetryConfig(
            sample_ratio=float(spec.telemetry.sample_ratio), is_exported=spec.telemetry.otlp is not None
        ),
        drain_seconds=DRAIN_SECONDS,
    )


def counted_for(profile: DriftConfig, detectors: Sequence[Detector]) -> DriftConfig:
    """Return the bins of a profile with the events that the team's detectors want counted beside them."""
    events = tuple(
        ValueEvents(
            detector=detector.name,
            config=events_config(detector.events),
            feature=detector.events.feature,
            values=detector.events.values,
            bound=_number(detector.events.bound),
        )
        for detector in detectors
        if detector.events is not None
    )
    return profile.model_copy(update={"events": events or None})


def traffic_config(identity: DeploymentIdentity, placement: Placement, generation: int) -> TrafficConfig:
    """Return what the monitors of a placed revision are told about traffic, by file and by admin port alike.

    Raises:
        ValueError: the placement withdraws the revision without saying where its requests go.
    """
    forward_to = None if placement.forward_to is None else revision_url(identity, placement.forward_to)
    return TrafficConfig(mode=TrafficMode(placement.mode.value), generation=generation, forward_to=forward_to)


def objective_configs(objectives: Sequence[Objective]) -> tuple[ObjectiveConfig, ...]:
    """Return how a monitor tells good events from bad, for each objective that it counts."""
    return tuple(_objective_config(objective) for objective in objectives if objective.query is None)


def _objective_config(objective: Objective) -> ObjectiveConfig:
    identity: dict[str, Any] = {"name": objective.name, "config": event_config(objective)}
    if objective.latency is not None:
        within, of = _what_in_time(objective.latency)
        return LatencyObjectiveConfig(**identity, within_ms=_milliseconds(within), of=of)
    if objective.storage is not None:
        return StorageObjectiveConfig(**identity, within_ms=_milliseconds(objective.storage.within))
    if objective.accuracy is not None:
        errors = objective.accuracy.mean_absolute_error
        return AccuracyObjectiveConfig(
            **identity,
            tolerance=float(objective.accuracy.tolerated_error),
            clip=float(errors.clip) if errors else None,
            threshold=_number(objective.accuracy.probability_threshold),
            argmax=objective.accuracy.argmax is not None,
            classes=objective.accuracy.argmax.classes if objective.accuracy.argmax else (),
        )
    return AvailabilityObjectiveConfig(**identity)


def _what_in_time(latency: Latency) -> tuple[timedelta, LatencyOf]:
    times = (
        (latency.within, LatencyOf.ANSWER),
        (latency.first_token_within, LatencyOf.FIRST_TOKEN),
        (latency.time_per_output_token_within, LatencyOf.OUTPUT_TOKEN),
    )
    ((within, of),) = ((within, of) for within, of in times if within is not None)  # a rule of the API
    return within, of


def _number(decimal: Decimal | None) -> float | None:
    return None if decimal is None else float(decimal)


def _milliseconds(duration: timedelta) -> float:
    return duration / timedelta(milliseconds=1)
