"""Rules of the API as the operator reads them: the same words as the API server's."""

import re
from typing import Final

import pytest

from modelward.api.reading import InvalidManifestError, read_spec, read_status
from modelward.api.template import TEMPLATE_RULES
from modelward.conventions import ANNOTATION_RETRY
from tests.modeldeployments import (
    AGAINST_A_RULE,
    AGAINST_THE_SCHEMA,
    BESIDE_THE_MODEL,
    FULL_TEMPLATE,
    LEFT_OUT,
    UNKNOWN_FIELDS,
    VALID,
    Manifest,
    Wrong,
    changed,
)

_OF_THE_TEMPLATE = {"a container without a name"}
"""What only the API server knows: the operator takes a template as it was stored."""

QUERY: Final[Manifest] = {
    "name": "answers",
    "query": {"good": 'sum(g{r="$revision"})', "total": 'sum(a{r="$revision"})'},
    "target": "99%",
}


def _by_name(wrong: Wrong) -> str:
    return wrong.name.replace(" ", "-")


@pytest.mark.parametrize("wrong", AGAINST_A_RULE, ids=_by_name)
def test_a_stored_object_that_breaks_a_rule_is_refused_in_the_same_words(wrong: Wrong) -> None:
    """The operator must say of an object older than a rule what the API server says of a new one."""
    with pytest.raises(InvalidManifestError, match=re.escape(wrong.said)):
        read_spec(wrong.manifest)


@pytest.mark.parametrize(
    "wrong", [w for w in AGAINST_THE_SCHEMA if w.name not in _OF_THE_TEMPLATE], ids=_by_name
)
def test_a_stored_object_against_the_schema_is_refused(wrong: Wrong) -> None:
    """An object that the schema would refuse must not be acted on either."""
    with pytest.raises(InvalidManifestError, match=r"^spec\."):
        read_spec(wrong.manifest)


@pytest.mark.parametrize("wrong", UNKNOWN_FIELDS[:3], ids=_by_name)
def test_an_unknown_field_is_named(wrong: Wrong) -> None:
    """A field that this version does not know must be refused with its path, never ignored."""
    with pytest.raises(InvalidManifestError, match=r"spec\.\S+: no such field: leave it out"):
        read_spec(wrong.manifest)


def test_a_volume_beside_the_model_is_taken() -> None:
    """Also below it, and where its folder is only part of the path."""
    mounts = [{"name": "models", "mountPath": path} for path in BESIDE_THE_MODEL]
    template = {"spec": {"containers": [{"name": "model", "image": "a", "volumeMounts": mounts}]}}
    assert read_spec(changed({"spec": {"server": {"template": template}}})).server.template == template


def test_every_problem_is_said_at_once() -> None:
    """A person must not have to mend one mistake to hear of the next."""
    wrong = changed({"spec": {"replicas": -1, "model": {"uri": "models"}}})
    with pytest.raises(InvalidManifestError, match=r"spec\.model\.uri: .*; spec\.replicas: "):
        read_spec(wrong)


def test_a_missing_field_is_named() -> None:
    """What is required and left out must be named with its path."""
    with pytest.raises(InvalidManifestError, match=r"spec\.model: required: write it"):
        read_spec(changed({"spec": {"model": LEFT_OUT}}))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"metadata": {"name": "e" * 40, "annotations": {ANNOTATION_RETRY: "e-1@2"}}},
        {"spec": {"model": {"uri": "pvc://models/electricity", "storageSecretName": "model-store.v1"}}},
        {"spec": {"model": {"uri": "https://models.example.com/a.tar?version=3"}}},
        {"spec": {"model": {"digest": "sha256:" + "0" * 64}}},
        {"spec": {"server": {"template": FULL_TEMPLATE}}},
        {"spec": {"rollout": {"steps": [{"weight": 1, "duration": "59s"}], "deadline": "1m"}}},
        {"spec": {"rollout": {"standby": {"replicas": "0%", "retain": "0s"}}}},
        {"spec": {"rollout": {"holdback": "10%"}, "objectives": [QUERY]}},
    ],
)
def test_what_is_at_the_edge_is_accepted(change: Manifest) -> None:
    """The rules must refuse nothing that the operator can do."""
    read_spec(changed(change))


@pytest.mark.parametrize("template", [{}, {"spec": None}, {"metadata": None, "spec": {"containers": None}}])
def test_a_template_with_holes_is_read_without_a_crash(template: Manifest) -> None:
    """Rules must give an answer on any template, since a stored one may be anything."""
    assert [rule.holds(template) for rule in TEMPLATE_RULES].count(False) == 1


def test_an_object_without_status_has_the_default_one() -> None:
    """A new object's status must read as one where nothing has happened."""
    status = read_status(VALID)
    assert (status.phase, status.stable_revision, status.conditions) == ("Initializing", "", ())


def test_a_status_of_another_version_is_refused() -> None:
    """A status that this version did not write must not be half-read."""
    with pytest.raises(InvalidManifestError, match=r"status\.phase: "):
        read_status({**VALID, "status": {"phase": "Dancing"}})


def test_fields_that_a_newer_version_added_to_status_are_passed_over() -> None:
    """An older operator or plugin must be able to read what a newer operator has written."""
    rollout = {"startedAt": "2026-01-01T12:00:00Z", "mood": "good"}
    status = read_status({**VALID, "status": {"phase": "Starting", "weather": "fair", "rollout": rollout}})
    assert status.rollout is not None
    assert (status.phase, status.rollout.started_at) == ("Starting", "2026-01-01T12:00:00Z")
