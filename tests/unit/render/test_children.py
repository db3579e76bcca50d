"""All children together."""

from dataclasses import replace

import pytest

from modelward import conventions as names
from modelward.decide.placement import Placement, Targets
from modelward.render.children import render, superfluous_revisions
from modelward.render.identity import Platform
from modelward.render.manifest import Manifest, rendered_hash
from modelward.render.revision import RevisionRecord
from tests.unit.render import cases

IDENTITY = cases.identity_of("shop")
STABLE, CANDIDATE = cases.two_records(IDENTITY, cases.MINIMAL)
SPEC = cases.read(cases.MINIMAL)


def kinds(children: tuple[Manifest, ...]) -> list[str]:
    """List kinds and names in order."""
    return [f"{child['kind']}/{child['metadata']['name']}" for child in children]


def test_what_is_referred_to_comes_first() -> None:
    """A pod's Secret and ConfigMap exist before its Deployment, the Services before traffic."""
    stable, candidate = STABLE.name, CANDIDATE.name
    assert kinds(cases.children_of("minimal", "split")) == [
        "Secret/shop-modelward",
        *(f"{kind}/{stable}" for kind in ("ConfigMap", "Service", "Deployment")),
        *(f"{kind}/{candidate}" for kind in ("ConfigMap", "Service", "Deployment")),
        "Service/shop",
        "PodMonitor/shop",
        "PrometheusRule/shop",
    ]


def test_a_revision_that_is_not_placed_is_scaled_to_nothing() -> None:
    """Its Deployment stays, with no pods; its ConfigMap, which ending pods still read, is left as it is."""
    children = cases.children_of("minimal", "settled")
    mine = [child for child in children if child["metadata"]["name"] == CANDIDATE.name]
    assert [(child["kind"], child["spec"]["replicas"]) for child in mine] == [("Deployment", 0)]


@pytest.mark.parametrize("state", cases.STATES)
def test_every_child_is_owned_labelled_and_sealed(state: str) -> None:
    """All of them go with their owner, are found by its label, and carry their hash."""
    for child in cases.children_of("full", state):
        metadata = child["metadata"]
        assert metadata["ownerReferences"][0]["controller"] is True
        assert metadata["labels"][names.LABEL_DEPLOYMENT] == "shop"
        assert metadata["labels"][names.LABEL_MANAGED_BY] == names.MANAGED_BY
        assert metadata["annotations"][names.ANNOTATION_RENDERED] == rendered_hash(child)


def test_rendering_again_renders_the_same() -> None:
    """Nothing random and no clock: equal inputs give equal children."""
    assert cases.children_of("full", "split") == cases.children_of("full", "split")


def test_apis_that_the_cluster_lacks_are_left_out() -> None:
    """Without prometheus-operator there is neither a PodMonitor nor a PrometheusRule."""
    targets = cases.targets_of("first", STABLE.name, CANDIDATE.name, 1)
    children = render(IDENTITY, SPEC, {STABLE.name: STABLE}, targets, Platform(), cases.KEYS)
    assert {child["kind"] for child in children} == {"Secret", "ConfigMap", "Service", "Deployment"}


def test_a_placed_revision_needs_its_record() -> None:
    """What cannot be rendered is an error, never left out silently."""
    targets = Targets((Placement("shop-gone", 1),), ("shop-gone",), 1)
    with pytest.raises(KeyError, match="shop-gone"):
        render(IDENTITY, SPEC, {}, targets, cases.PLATFORM, cases.KEYS)


def test_secrets_are_not_shown() -> None:
    """A traceback or log that holds the key material does not print it."""
    assert cases.KEYS.admin_token not in repr(cases.KEYS)
    assert cases.KEYS.receipt_keys not in repr(cases.KEYS)


def numbered(*numbers: int) -> list[RevisionRecord]:
    """Make revisions shop-1, shop-2 and so on."""
    return [replace(STABLE, name=f"shop-{number}", number=number) for number in numbers]


@pytest.mark.parametrize(
    ("kept", "limit", "superfluous"),
    [
        ((), 3, ()),
        ((), 2, ("shop-1",)),
        (("shop-1",), 1, ("shop-2",)),
        (("shop-3",), 2, ()),
        (("shop-1", "shop-2", "shop-3"), 1, ()),
    ],
    ids=[
        "within the limit",
        "the oldest goes",
        "a kept one stays",
        "what runs is not counted",
        "all kept, though above the limit",
    ],
)
def test_history_is_limited(kept: tuple[str, ...], limit: int, superfluous: tuple[str, ...]) -> None:
    """The oldest beyond the limit are deleted, never one that is referred to."""
    assert superfluous_revisions(numbered(3, 1, 2), kept, limit) == superfluous
