"""What every child has in common."""

from typing import Any

from modelward import conventions as names
from modelward.render.manifest import deployment_labels, owned, rendered_hash, revision_labels, sealed
from tests.unit.render import cases

IDENTITY = cases.identity_of("shop")


def manifest(**data: str) -> dict[str, Any]:
    """Make a child with some content."""
    metadata = owned(IDENTITY, "shop", deployment_labels(IDENTITY, "test"))
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def test_the_owner_collects_its_children() -> None:
    """A child names its ModelDeployment as controller, so the garbage collector removes both."""
    (owner,) = manifest()["metadata"]["ownerReferences"]
    assert owner == {
        "apiVersion": "modelward.dev/v1alpha1",
        "kind": "ModelDeployment",
        "name": "shop",
        "uid": IDENTITY.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def test_the_hash_follows_the_content_alone() -> None:
    """Equal content has an equal hash whatever the order of keys; other content has another."""
    assert rendered_hash(manifest(a="1", b="2")) == rendered_hash(manifest(b="2", a="1"))
    assert rendered_hash(manifest(a="1")) != rendered_hash(manifest(a="2"))


def test_the_hash_leaves_itself_out() -> None:
    """A sealed manifest hashes to what it is sealed with, and sealing again changes nothing."""
    child = sealed(manifest(a="1"))
    assert child["metadata"]["annotations"] == {names.ANNOTATION_RENDERED: rendered_hash(child)}
    assert sealed(child) == child


def test_other_annotations_are_hashed_and_kept() -> None:
    """An annotation of the content's own counts as content."""
    annotated = manifest()
    annotated["metadata"]["annotations"] = {"example.com/a": "1"}
    assert rendered_hash(annotated) != rendered_hash(manifest())
    assert sealed(annotated)["metadata"]["annotations"]["example.com/a"] == "1"


def test_a_revisions_labels_are_the_deployments_and_its_own() -> None:
    """Both selectors of a Service match the labels of a revision."""
    labels = revision_labels(IDENTITY, "server", "shop-a")
    assert deployment_labels(IDENTITY, "server").items() < labels.items()
    assert labels[names.LABEL_REVISION] == "shop-a"
