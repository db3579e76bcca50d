"""The configuration's schema and the rule of generations."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from modelward.api.monitorconfig import MonitorConfig, TrafficConfig, TrafficMode
from modelward.monitor.traffic import Applied, Target, TrafficState

MINIMAL: dict[str, Any] = {
    "version": 1,
    "namespace": "ns",
    "deployment": "d",
    "revision": "d-1",
    "server": {"port": 8080},
}


def test_minimal_configuration() -> None:
    """What is left out has its default."""
    config = MonitorConfig.model_validate_json(json.dumps(MINIMAL))
    assert (config.traffic.mode, config.drain_seconds, config.objectives) == (TrafficMode.SERVE, 10.0, ())


def test_configuration_survives_writing() -> None:
    """What the operator writes is what the monitor reads."""
    traffic = {"mode": "Withdraw", "generation": 3, "forward_to": "http://s.ns.svc"}
    objectives = [
        {"name": "l", "config": "1", "kind": "latency", "within_ms": 5},
        {"name": "a", "config": "2", "kind": "availability"},
        {"name": "c", "config": "3", "kind": "accuracy", "tolerance": 0.1},
    ]
    config = MonitorConfig.model_validate({**MINIMAL, "traffic": traffic, "objectives": objectives})
    assert MonitorConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"version": 2}, "Input should be 1"),
        ({"extra": 1}, "Extra inputs"),
        ({"server": {"port": 0}}, "greater than or equal to 1"),
        ({"telemetry": {"sample_ratio": 2}}, "less than or equal to 1"),
        ({"objectives": [{"name": "x", "config": "c", "kind": "latency"}]}, "within_ms"),
        (
            {"objectives": [{"name": "x", "config": str(n), "kind": "availability"} for n in "12"]},
            "named twice: x",
        ),
        ({"traffic": {"mode": "Withdraw"}}, "Withdraw needs forward_to"),
        ({"traffic": {"forward_to": "http://user@host"}}, "must be http://HOST"),
        ({"traffic": {"forward_to": "http://host:99999"}}, "Port out of range"),
    ],
)
def test_wrong_configurations(change: dict[str, Any], text: str) -> None:
    """What is wrong is refused with what it should be."""
    with pytest.raises(ValidationError, match=text):
        MonitorConfig.model_validate({**MINIMAL, **change})


def test_generations() -> None:
    """A higher generation holds, an equal one changes nothing, a lower one is refused."""
    state = TrafficState()
    first = TrafficConfig(generation=0, connection_max_age_seconds=5)
    assert state.apply(first) is Applied.CHANGED
    assert state.apply(first) is Applied.SAME
    assert state.apply(TrafficConfig(generation=0)) is Applied.CONFLICT
    assert state.apply(TrafficConfig(generation=2)) is Applied.CHANGED
    assert state.apply(TrafficConfig(generation=1)) is Applied.OLDER
    assert state.current.generation == 2


def test_forward_target() -> None:
    """Only a withdrawn revision forwards; the port defaults to 80."""
    state = TrafficState()
    assert state.forward_target() is None
    state.apply(TrafficConfig(mode=TrafficMode.WITHDRAW, generation=1, forward_to="http://s.ns.svc"))
    assert state.forward_target() == Target("s.ns.svc", 80)
