"""The name of a revision follows from what changes what is served, and from nothing else."""

import pytest

from modelward.api.reading import read_spec
from modelward.api.revision import revision_inputs, revision_name
from tests.modeldeployments import VALID, Manifest, changed


def _name(manifest: Manifest) -> str:
    return revision_name("electricity", revision_inputs(read_spec(manifest)))


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"model": {"uri": "s3://models/electricity/3"}}},
        {"spec": {"model": {"digest": "sha256:" + "0" * 64}}},
        {"spec": {"model": {"storageSecretName": "store"}}},
        {"spec": {"server": {"port": 8081}}},
        {"spec": {"server": {"protocol": "http"}}},
        {"spec": {"server": {"maxRequestBodySize": "64Mi"}}},
        {"spec": {"server": {"template": {"spec": {"containers": [{"name": "model", "image": "other"}]}}}}},
        {"spec": {"server": {"template": {"metadata": {"labels": {"team": "power"}}}}}},
    ],
)
def test_a_change_of_what_is_served_makes_a_revision(change: Manifest) -> None:
    """Model, server and template must each count."""
    assert _name(changed(change)) != _name(VALID)


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"replicas": 5}},
        {"spec": {"paused": True}},
        {"spec": {"rollout": {"steps": [{"weight": 20}]}}},
        {"spec": {"objectives": [{"name": "availability", "availability": {}, "target": "99%"}]}},
        {"spec": {"rollback": {"maxFalseRollbacksPerYear": "2"}}},
        {"spec": {"telemetry": {"sampleRatio": "1"}}},
        {"spec": {"revisionHistoryLimit": 3}},
        {"metadata": {"labels": {"team": "power"}}},
    ],
)
def test_a_change_of_anything_else_makes_none(change: Manifest) -> None:
    """Objectives, rollout and scale must leave the revision as it is."""
    assert _name(changed(change)) == _name(VALID)


def test_a_default_written_out_makes_no_revision() -> None:
    """A stored object with its defaults filled in must name the same revision as the manifest."""
    written = {"spec": {"server": {"port": 8080, "protocol": "v2"}}}
    assert _name(changed(written)) == _name(VALID)


def test_a_name_is_stable() -> None:
    """A name must never change between versions of the operator: it would make a rollout for all."""
    assert _name(VALID) == "electricity-qrkvk9n8cp"


def test_a_name_is_a_dns_label() -> None:
    """The longest name of a deployment must still give a name for a Service."""
    assert len(revision_name("e" * 40, {})) == 51
