"""The ConfigMap of a revision."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from modelward import conventions as names
from modelward.api.binning import DriftConfig, NumericBins
from modelward.api.drift import Detector, DetectorEvents, events_config
from modelward.api.monitorconfig import (
    AccuracyObjectiveConfig,
    LatencyObjectiveConfig,
    LatencyOf,
    MonitorConfig,
    StorageObjectiveConfig,
    TrafficMode,
)
from modelward.api.objectives import Objective, OnBreach, Storage, event_config
from modelward.api.spec import Telemetry
from modelward.decide.placement import MonitorMode, Placement
from modelward.render.collector import collector_config
from modelward.render.config import config_map, counted_for, objective_configs
from tests.unit.render import cases

IDENTITY = cases.identity_of("shop")


def data_of(placement: Placement, generation: int = 1, **spec: Any) -> dict[str, str]:
    """Render the files of the first revision of the full spec, with changes."""
    document = {**cases.FULL, **spec}
    record, _ = cases.two_records(IDENTITY, document)
    rendered = config_map(IDENTITY, cases.read(document), record, placement, generation)
    files: dict[str, str] = rendered["data"]
    return files


def test_the_monitor_reads_what_is_rendered() -> None:
    """monitor.json is valid for the monitor, and says who it is, what counts and where the server is."""
    files = data_of(Placement("shop-a", 1), generation=7)
    config = MonitorConfig.model_validate_json(files[names.FILE_MONITOR_CONFIG])
    assert (config.namespace, config.deployment) == ("shops", "shop")
    assert (config.server.protocol, config.server.port) == ("http", 8000)
    assert [(each.name, each.kind) for each in config.objectives] == [
        ("latency", "latency"),
        ("availability", "availability"),
        ("accuracy", "accuracy"),
    ]
    assert (config.traffic.mode, config.traffic.generation) == (TrafficMode.SERVE, 7)
    assert config.telemetry.sample_ratio == 0.5


def test_the_monitor_is_told_how_long_a_body_may_be() -> None:
    """In bytes, and without a limit not at all."""
    limited = {**cases.FULL["server"], "maxRequestBodySize": "64Mi"}
    files = data_of(Placement("shop-a", 1), server=limited)
    server = MonitorConfig.model_validate_json(files[names.FILE_MONITOR_CONFIG]).server
    assert server.max_request_body_bytes == 64 * 1024 * 1024
    assert "max_request_body" not in data_of(Placement("shop-a", 1))[names.FILE_MONITOR_CONFIG]


def test_a_withdrawn_revision_is_told_where_its_requests_go() -> None:
    """Forwarding goes to the other revision's own Service."""
    files = data_of(Placement("shop-b", 1, MonitorMode.WITHDRAW, "shop-a"))
    traffic = MonitorConfig.model_validate_json(files[names.FILE_MONITOR_CONFIG]).traffic
    assert (traffic.mode, traffic.forward_to) == (TrafficMode.WITHDRAW, "http://shop-a.shops.svc:80")


def test_a_withdrawal_to_nowhere_is_refused() -> None:
    """Requests of a withdrawn revision must go somewhere."""
    with pytest.raises(ValidationError, match="needs forward_to"):
        data_of(Placement("shop-b", 1, MonitorMode.WITHDRAW))


def test_an_objectives_definition_is_what_the_monitor_counts_by() -> None:
    """Units are the monitor's, and the hash is the one that evidence asks for."""
    objectives = cases.read(cases.FULL).objectives
    latency, availability, accuracy = objective_configs(objectives)
    assert latency.kind == "latency"
    assert latency.within_ms == 200
    assert accuracy.kind == "accuracy"
    assert accuracy.tolerance == 0.5
    assert [each.config for each in (latency, availability, accuracy)] == [
        event_config(objective) for objective in objectives
    ]


def test_times_of_tokens_reach_the_monitor() -> None:
    """Each is another event than the whole answer's time, and its hash another one."""
    objectives = [
        Objective.model_validate({"name": "latency", "latency": {field: "500ms"}, "target": "95%"})
        for field in ("within", "firstTokenWithin", "timePerOutputTokenWithin")
    ]
    found = [each for each in objective_configs(objectives) if isinstance(each, LatencyObjectiveConfig)]
    assert [each.of for each in found] == list(LatencyOf)
    assert {each.within_ms for each in found} == {500}
    assert len({each.config for each in found}) == 3


def test_a_pointer_to_predictions_reaches_the_monitor() -> None:
    """A plain server's predictions are looked for where spec says."""
    server = {**cases.FULL["server"], "protocol": "http", "prediction": "/result/class"}
    files = data_of(Placement("shop-a", 1), server=server)
    config = MonitorConfig.model_validate_json(files[names.FILE_MONITOR_CONFIG])
    assert config.server.prediction == "/result/class"


def test_events_of_detectors_reach_the_monitor() -> None:
    """Beside the profile's bins; without any the field is absent, which earlier monitors do not know."""
    bins = NumericBins(name="price", edges=(1.0,), reference=(49, 49, 0, 0))
    profile = DriftConfig(profile="abc", columns=1, features=(bins,))
    events = DetectorEvents.model_validate({"feature": "price", "values": "Above", "bound": "2.5"})
    by_events, by_query = Detector(name="dear", events=events), Detector(name="psi", query="psi")
    found = counted_for(profile, (by_events, by_query))
    (told,) = found.events or ()
    assert (told.detector, told.config, told.feature) == ("dear", events_config(events), "price")
    assert (told.values, told.bound) == ("Above", 2.5)
    assert counted_for(found, (by_query,)) == profile
    assert "events" not in counted_for(profile, ()).model_dump(exclude_none=True)


def test_errors_that_count_by_their_size_reach_the_monitor() -> None:
    """The clip is the one of spec; where there is none, labels are right or wrong."""
    by_size, by_tolerance = (
        Objective.model_validate({"name": "accuracy", "accuracy": accuracy, "target": "95%"})
        for accuracy in ({"meanAbsoluteError": {"clip": "2.5"}}, {"tolerance": "1"})
    )
    sized, tolerant = objective_configs([by_size, by_tolerance])
    assert isinstance(sized, AccuracyObjectiveConfig)
    assert isinstance(tolerant, AccuracyObjectiveConfig)
    assert (sized.clip, tolerant.clip, tolerant.tolerance) == (2.5, None, 1.0)


def test_a_slow_store_is_slow_for_the_monitor_at_the_same_time() -> None:
    """The limit of a storage objective reaches the monitor in milliseconds."""
    objective = Objective(
        name="storage",
        storage=Storage(within=timedelta(seconds=1.5)),
        target=Decimal("0.99"),
        on_breach=OnBreach.HOLD,
    )
    (config,) = objective_configs([objective])
    assert (config.kind, config.config) == ("storage", event_config(objective))
    assert isinstance(config, StorageObjectiveConfig)
    assert config.within_ms == 1500


def test_a_changed_target_is_no_other_definition() -> None:
    """The target is judged from the same counts, so monitors are told nothing new."""
    strict = [{"name": "latency", "latency": {"within": "200ms"}, "target": "99.9%"}]
    loose = [{"name": "latency", "latency": {"within": "200ms"}, "target": "90%"}]
    placement = Placement("shop-a", 1)
    assert data_of(placement, objectives=strict) == data_of(placement, objectives=loose)


def test_the_recorded_digest_is_what_later_fetches_must_match() -> None:
    """The file is empty until the first fetch has reported a digest."""
    assert data_of(Placement("shop-a", 1))[names.FILE_MODEL_DIGEST] == "sha256:" + "ab" * 32
    _, fresh = cases.two_records(IDENTITY, cases.FULL)
    rendered = config_map(IDENTITY, cases.read(cases.FULL), fresh, Placement(fresh.name, 1), 1)
    assert rendered["data"][names.FILE_MODEL_DIGEST] == ""


@pytest.mark.parametrize(
    ("endpoint", "insecure"), [("http://jaeger:4317", True), ("https://otlp.example.com", False)]
)
def test_spans_go_to_the_endpoint_within_bounds(endpoint: str, insecure: bool) -> None:
    """TLS is as the address says; the queue and the retries end."""
    telemetry = Telemetry.model_validate({"otlp": {"endpoint": endpoint}})
    config = yaml.safe_load(collector_config(IDENTITY, "shop-a", telemetry))
    exporter = config["exporters"]["otlp"]
    assert (exporter["endpoint"], exporter["tls"]["insecure"]) == (endpoint, insecure)
    assert exporter["sending_queue"]["queue_size"] > 0
    assert exporter["retry_on_failure"]["max_elapsed_time"] == "5m"
    assert config["service"]["pipelines"]["traces/kept"]["exporters"] == ["otlp"]
    assert config["service"]["pipelines"]["traces/rest"]["exporters"] == ["otlp"]


def test_without_an_endpoint_spans_end_in_the_pod() -> None:
    """The exporter is one that logs below the level that is logged; none wait to be sampled."""
    config = yaml.safe_load(collector_config(IDENTITY, "shop-a", Telemetry()))
    assert list(config["exporters"]) == ["debug", "prometheus/storage"]
    assert config["service"]["telemetry"]["logs"]["level"] == "warn"
    traces = {name for name in config["service"]["pipelines"] if name.startswith("traces")}
    assert traces == {"traces/storage"}
    assert "tail_sampling" not in config["processors"]


def test_the_collector_listens_to_the_pod_alone() -> None:
    """OTLP is taken on localhost; the health check answers the kubelet, at the pod's address."""
    config = yaml.safe_load(collector_config(IDENTITY, "shop-a", Telemetry()))
    protocols = config["receivers"]["otlp"]["protocols"]
    assert all(each["endpoint"].startswith("127.0.0.1:") for each in protocols.values())
    assert config["extensions"]["health_check"]["endpoint"] == "${env:POD_IP}:13133"
