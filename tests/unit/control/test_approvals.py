"""What people said: which ModelApprovals count for a deployment, and when one wakes it."""

from datetime import UTC, datetime
from typing import Any

from modelward.api.approval import ApprovalDecision
from modelward.control import kinds
from modelward.control.approvals import approvals
from modelward.control.cache import Cache
from modelward.decide.observation import ApprovalObservation
from modelward.signals.key import Key

KEY = Key("ns", "electricity")


def manifest(
    name: str, second: int, *, metadata: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """Make a ModelApproval as the API server sends it."""
    return {
        "metadata": {
            "namespace": "ns",
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "creationTimestamp": f"2026-11-22T10:00:{second:02}Z",
            **(metadata or {}),
        },
        "spec": {
            "modelDeploymentName": "electricity",
            "revision": "electricity-2222222222",
            "decision": "Approve",
            "reason": "seen the reports",
            "approver": "alice",
            **spec,
        },
    }


def seen(*manifests: dict[str, Any]) -> tuple[ApprovalObservation, ...]:
    """Return what is observed of some."""
    cache = Cache()
    for each in manifests:
        cache.put(kinds.MODEL_APPROVAL, each)
    return approvals(cache, KEY)


def test_an_approval_is_observed_as_it_was_made() -> None:
    """Who, what, why and when reach the decision unchanged."""
    assert seen(manifest("yes", 7)) == (
        ApprovalObservation(
            revision="electricity-2222222222",
            decision=ApprovalDecision.APPROVE,
            approver="alice",
            reason="seen the reports",
            created_at=datetime(2026, 11, 22, 10, 0, 7, tzinfo=UTC),
            uid="uid-yes",
        ),
    )


def test_they_come_in_the_order_in_which_they_were_made() -> None:
    """The same objects give the same observation, however the watch ordered them."""
    later, earlier = manifest("a", 9), manifest("b", 3)
    assert [each.uid for each in seen(later, earlier)] == ["uid-b", "uid-a"]


def test_another_deployments_approval_is_not_seen() -> None:
    """An approval belongs to the deployment that it names, and wakes that one."""
    cache = Cache()
    other = manifest("yes", 1, modelDeploymentName="water", revision="water-2222222222")
    assert cache.put(kinds.MODEL_APPROVAL, other) == Key("ns", "water")
    assert approvals(cache, KEY) == ()


def test_an_approve_that_is_being_deleted_is_revoked_and_a_veto_is_not() -> None:
    """A finalizer keeps no yes alive, and lets no no go."""
    going = {"deletionTimestamp": "2026-11-22T11:00:00Z"}
    left = seen(manifest("yes", 1, metadata=going), manifest("no", 2, metadata=going, decision="Veto"))
    assert [each.uid for each in left] == ["uid-no"]


def test_a_deleted_approval_wakes_its_deployment() -> None:
    """Taking a word back is looked at at once."""
    cache = Cache()
    assert cache.put(kinds.MODEL_APPROVAL, manifest("yes", 1)) == KEY
    assert cache.drop(kinds.MODEL_APPROVAL, "ns", "yes", 2) == KEY
    assert approvals(cache, KEY) == ()


def test_one_that_breaks_a_rule_counts_for_nothing() -> None:
    """What this version cannot read is no yes."""
    assert seen(manifest("yes", 1, revision="electricity")) == ()
