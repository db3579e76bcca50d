"""Which gates are in force for a revision, and what they are told apart by."""

from typing import Any

import pytest
from pydantic import ValidationError

from modelward.api.gates import Gate
from modelward.api.recordedgates import RecordedGates, in_force, recorded, unrecorded
from modelward.api.spec import ModelDeploymentSpec
from modelward.gates.comparisons import without_comparisons
from tests.modeldeployments import VALID

MEASURED_BY: dict[str, Any] = {
    "inference": {"model": "electricity"},
    "validation": {"uri": "s3://data/validation.csv", "labels": "class"},
    "training": {"uri": "s3://data/training.csv"},
}
CALM: dict[str, Any] = {"name": "calm", "robustness": {"noise": [{"size": "0.1", "maxFlips": "5%"}]}}
PEOPLE: dict[str, Any] = {"name": "people", "approval": {"required": 2}}
TEST: dict[str, Any] = {
    "name": "test",
    "job": {"template": {"spec": {"containers": [{"name": "test", "image": "test:1"}]}}},
}


def spec_of(**fields: Any) -> ModelDeploymentSpec:
    """Build a spec that says what gates are measured by."""
    return ModelDeploymentSpec.model_validate({**VALID["spec"], **MEASURED_BY, **fields})


def test_what_is_recorded_reads_back() -> None:
    """A ControllerRevision keeps it as JSON, defaults left out."""
    record = recorded(spec_of(gates=[CALM, TEST, PEOPLE]))
    assert RecordedGates.model_validate(record.stored()) == record
    assert set(record.stored()) == {"inference", "validation", "training", "gates"}


def test_a_recorded_gate_stays_whatever_spec_says() -> None:
    """Also what it is measured by; only gates with other names come from spec, with what that says."""
    record = recorded(spec_of(gates=[CALM]))
    other = {"uri": "s3://data/easier.csv", "labels": "class"}
    eased = {**CALM, "onFailure": "Warn"}
    first, second = in_force(record, spec_of(gates=[TEST, eased], validation=other))
    assert (first.gate.name, second.gate.name) == ("calm", "test")
    assert (first.is_edited, second.is_edited) == (True, False)
    assert first.gate.on_failure is None
    assert first.validation is not None
    assert first.validation.uri == "s3://data/validation.csv"
    assert second.validation is not None
    assert second.validation.uri == "s3://data/easier.csv"


def test_a_recorded_gate_cannot_be_dropped() -> None:
    """A spec without gates takes none away."""
    record = recorded(spec_of(gates=[CALM, PEOPLE], requireApproval={"rollout": True}))
    kept = in_force(record, spec_of())
    assert all(each.is_edited for each in kept)
    names = [each.gate.name for each in kept]
    assert names == ["calm", "people", "rollout-approval"]


def test_a_gate_that_was_added_stays_too() -> None:
    """As it was then, with what it was measured by: spec may neither drop nor ease it, only add others."""
    record = recorded(spec_of(gates=[CALM]))
    added = unrecorded(record, spec_of(gates=[CALM, TEST, PEOPLE]))
    assert added is not None
    assert [gate.name for gate in added.gates] == ["test", "people"]
    other = {"uri": "s3://data/easier.csv", "labels": "class"}
    eased = {**PEOPLE, "approval": {"required": 1}}
    board = {"name": "board", "approval": {}}
    spec = spec_of(gates=[eased, board], validation=other)
    calm, test, people, new = in_force(record, spec, [added])
    assert [each.gate.name for each in (calm, test, people, new)] == ["calm", "test", "people", "board"]
    assert [each.is_edited for each in (calm, test, people, new)] == [True, True, True, False]
    assert people.gate.approval is not None
    assert people.gate.approval.required == 2
    assert test.validation is not None
    assert test.validation.uri == "s3://data/validation.csv"
    later = unrecorded(record, spec, [added])
    assert later is not None
    assert [gate.name for gate in later.gates] == ["board"]
    assert unrecorded(record, spec_of(), [added, later]) is None


def test_gates_are_added_to_a_revision_without_a_record() -> None:
    """One that nothing was asked of when it was made."""
    added = unrecorded(None, spec_of(gates=[CALM]))
    assert added is not None
    (calm,) = in_force(None, spec_of(), [added])
    assert (calm.gate.name, calm.is_edited) == ("calm", True)


def test_a_gate_that_spec_says_the_same_of_is_not_edited() -> None:
    """Read back from its record too; what it is measured by is part of what is said, but of no person."""
    spec = spec_of(gates=[CALM, PEOPLE], requireApproval={"rollout": True})
    record = RecordedGates.model_validate(recorded(spec).stored())
    assert not any(each.is_edited for each in in_force(record, spec))
    other = spec.model_copy(update={"training": None})
    assert [each.is_edited for each in in_force(record, other)] == [True, False, False]


def test_a_revision_without_a_record_has_the_gates_of_spec() -> None:
    """One that was made by an older operator."""
    assert [each.gate.name for each in in_force(None, spec_of(gates=[CALM]))] == ["calm"]
    assert in_force(None, spec_of()) == ()


def test_a_person_is_awaited_for_as_long_as_spec_says() -> None:
    """An approval's own timeout comes first; a measured gate has its own default."""
    own = {"name": "board", "approval": {}, "timeout": "1h"}
    record = recorded(spec_of(gates=[CALM, PEOPLE, own], requireApproval={"rollout": True, "timeout": "48h"}))
    limits = {gate.name: gate.time_limit.total_seconds() for gate in record.gates}
    assert limits == {"calm": 600, "people": 172800, "board": 3600, "rollout-approval": 172800}


def test_a_configuration_covers_what_a_gate_is_measured_by() -> None:
    """Other data, another limit: another configuration, so that nothing counts for what it did not see."""

    def configuration(gate: dict[str, Any], **fields: Any) -> str:
        (each,) = in_force(None, spec_of(gates=[gate], **fields))
        return each.configuration

    assert configuration(CALM) == configuration({**CALM, "timeout": None})
    stricter = {"name": "calm", "robustness": {"noise": [{"size": "0.1", "maxFlips": "1%"}]}}
    other = {"uri": "s3://data/other.csv", "labels": "class"}
    hashes = {configuration(CALM), configuration(stricter), configuration(CALM, validation=other)}
    assert len(hashes) == 3
    assert configuration(PEOPLE) == configuration(PEOPLE, validation=other)


@pytest.mark.parametrize(
    ("gate", "compares"),
    [
        (CALM, False),
        (PEOPLE, False),
        (TEST, True),
        ({"dataQuality": {}}, False),
        ({"interpretability": {"required": [{"feature": "a"}]}}, False),
        ({"interpretability": {"minRankCorrelation": "0.5"}}, True),
        ({"robustness": {"shifted": [{"size": "1", "maxFlips": "5%", "maxFlipsAboveStable": "1%"}]}}, True),
        ({"robustness": {"slices": [{"name": "s", "column": "a", "min": "0", "minAccuracy": "5%"}]}}, False),
        ({"robustness": {"worstSlice": {"minAccuracy": "5%", "maxBelowStable": "1%"}}}, True),
        ({"robustness": {"perturbation": {"minMedian": "1"}}}, False),
        ({"robustness": {"perturbation": {"minMedian": "1", "minRatioToStable": "0.5"}}}, True),
    ],
)
def test_a_gate_compares_where_a_limit_is_beside_stable(gate: dict[str, Any], compares: bool) -> None:
    """What the program leaves out for a first revision, and all of a team's own."""
    each = Gate.model_validate({"name": "gate", **gate})
    assert each.compares_with_stable is compares
    if each.job is None:
        assert (without_comparisons(each) != each) is compares


def test_a_measured_gate_is_run_from_a_file_of_its_own() -> None:
    """That `modelward gate run` reads as well; a person cannot be run."""
    calm, people = in_force(None, spec_of(gates=[CALM, PEOPLE], training=None))
    assert [gate.name for gate in calm.file().gates] == ["calm"]
    assert calm.file().training is None
    assert people.file().gates[0].approval is not None
    with pytest.raises(ValidationError):
        in_force(None, ModelDeploymentSpec.model_validate({**VALID["spec"], "gates": [PEOPLE]}))[0].file()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"gates": [CALM, CALM]}, "two gates have the same name: write a name of its own for each"),
        (
            {"validation": {**MEASURED_BY["validation"], "features": ["a", "a"]}},
            "a feature is written twice: write each once",
        ),
        (
            {"gates": [{"name": "q", "dataQuality": {"columns": [{"name": "a", "type": "Number"}] * 2}}]},
            "two columns have the same name: write each once",
        ),
        (
            {
                "gates": [
                    {
                        "name": "r",
                        "robustness": {
                            "slices": [{"name": "s", "column": "a", "min": "0", "minAccuracy": "5%"}] * 2
                        },
                    }
                ]
            },
            "two slices have the same name: write a name of its own for each",
        ),
    ],
    ids=["gates", "features", "columns", "slices"],
)
def test_what_is_written_twice_is_refused(fields: dict[str, Any], said: str) -> None:
    """In words that say what to write; the API server's own say it of lists by their key."""
    with pytest.raises(ValidationError, match=said):
        spec_of(**fields)
