"""What `kubectl modelward explain` says."""

from typing import Any

import pytest

from modelward.cli import explanation, resource
from tests.unit.cli import recorded


def section(manifest: dict[str, Any], title: str) -> str:
    """Return the lines of one section; empty if it is left out."""
    sections = explanation.explain(resource.read(manifest), recorded.NOW)
    return "\n".join(line for each in sections if each.title.startswith(title) for line in each.lines)


def changed(manifest: dict[str, Any], spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest with these fields of spec and status replaced."""
    return {**manifest, "spec": {**manifest["spec"], **spec}, "status": {**manifest["status"], **status}}


def test_what_serves_has_the_numbers() -> None:
    """The stable revision is named with its age, its traffic and its objectives."""
    text = section(recorded.STEPPING, "What serves")
    assert f"{recorded.STABLE} is the stable revision, promoted 3h10m ago." in text
    assert f"{recorded.CANDIDATE} has 33% of the traffic." in text
    assert "- accuracy: 4,711 of 6,000 good (78.52%), wanted 70% right: Healthy" in text


def test_what_is_tried_has_step_and_numbers() -> None:
    """The candidate is named with its step, wanted and real share, and its objectives."""
    text = section(recorded.STEPPING, "What is being tried")
    assert "step 1 of 2: 33% asked for, 33% real" in text
    assert "590 of 1,000 good" in text
    assert "evidence against 62% of what a breach takes" in text


def test_what_was_rejected_has_cause_reason_and_message() -> None:
    """A rejection is told with cause, reason and the numbers it was made from."""
    text = section(recorded.REJECTED, "What was rejected")
    assert f"{recorded.CANDIDATE}, 50s ago, cause Model, reason WorseThanStable." in text
    assert "420 of 1000 bad (42.00%)" in text


def test_history_is_told_newest_first() -> None:
    """Decisions are told in order, with their reasons."""
    lines = section(recorded.REJECTED, "What was decided").splitlines()
    assert lines[0].startswith(f"50s ago: Rejected {recorded.CANDIDATE} (WorseThanStable): accuracy")
    assert lines[1] == f"3h10m ago: Promoted {recorded.STABLE} (FirstRevision)"


def test_sections_without_content_are_left_out() -> None:
    """A deployment at rest is not said to try or reject anything."""
    titles = [each.title for each in explanation.explain(resource.read(recorded.NEW), recorded.NOW)]
    assert "What is being tried" not in titles
    assert "What was rejected" not in titles


def test_an_unseen_generation_is_a_trouble() -> None:
    """A spec the operator has not acted on yet is said to be so."""
    text = section(recorded.NEW, "What is not as it should be")
    assert text == "The operator has seen generation 2 of the spec, not yet 1."


@pytest.mark.parametrize(
    ("policy", "consequence"),
    [
        ("Promote", "the step ends all the same"),
        ("Hold", "the rollout is held"),
        ("Rollback", "the candidate is rejected"),
    ],
)
def test_next_says_what_an_inconclusive_step_leads_to(policy: str, consequence: str) -> None:
    """Each onInconclusive policy is spelled out with the time that is left."""
    rollout = {**recorded.STEPPING["spec"]["rollout"], "onInconclusive": policy}
    text = section(changed(recorded.STEPPING, {"rollout": rollout}, {}), "What happens next")
    assert f"shown in 3m and 200 requests of the step, {consequence}" in text


def test_next_of_the_last_step_is_promotion() -> None:
    """After the last step there is no larger share but promotion."""
    rollout = {**recorded.STEPPING["status"]["rollout"], "step": 1}
    text = section(changed(recorded.STEPPING, {}, {"rollout": rollout}), "What happens next")
    assert "as good as stable on every objective, it is promoted." in text
    first = section(recorded.STEPPING, "What happens next")
    assert "as good as stable on every objective, its share becomes 50%." in first


@pytest.mark.parametrize(
    ("phase", "sentence"),
    [
        ("Initializing", "first revision serves once its pods are ready and it has passed its gates"),
        ("Serving", "Nothing while the stable revision meets its objectives"),
        ("Starting", "if not in 10m, it is rejected"),
        ("Promoting", f"{recorded.CANDIDATE} becomes stable"),
        ("RollingBack", "scaled down once its request counter stands still"),
        ("Held", "waits for a person"),
    ],
)
def test_next_follows_from_the_phase(phase: str, sentence: str) -> None:
    """Each phase says what ends it."""
    assert sentence in section(changed(recorded.STEPPING, {}, {"phase": phase}), "What happens next")


def test_commands_are_given_only_where_they_work() -> None:
    """Abort needs a candidate, retry a rejected revision, undo a standby."""
    stepping = section(recorded.STEPPING, "What happens next")
    assert "modelward.dev/abort=" in stepping
    assert "modelward.dev/retry=" not in stepping
    with_standby = changed(recorded.REJECTED, {}, {"standbyRevision": "electricity-old"})
    rejected = section(with_standby, "What happens next")
    assert "modelward.dev/retry=" not in rejected
    assert "modelward.dev/undo=electricity-old@" in rejected
    assert "modelward.dev/abort=" not in rejected


def test_retry_is_offered_when_spec_still_asks_for_what_was_rejected() -> None:
    """A rejected revision that spec asks for can be retried; one that it has left behind cannot."""
    wanted = resource.read(recorded.REJECTED).wanted_revision
    rejection = {**recorded.REJECTED["status"]["rejectedRevisions"][0], "revision": wanted}
    text = section(changed(recorded.REJECTED, {}, {"rejectedRevisions": [rejection]}), "What happens next")
    assert f"Spec still asks for {wanted}, which was rejected." in text
    assert f"modelward.dev/retry={wanted}@" in text


def test_a_paused_rollout_says_what_still_happens() -> None:
    """Pausing is told with its one exception."""
    text = section(changed(recorded.STEPPING, {"paused": True}, {}), "What happens next")
    assert "a rollback still happens" in text


def test_a_withdrawal_names_both_revisions() -> None:
    """While traffic moves back both ends of the move are named."""
    withdrawal = {
        "revision": recorded.CANDIDATE,
        "to": recorded.STABLE,
        "startedAt": "2026-03-01T11:59:50Z",
        "reason": "WorseThanStable",
        "replicas": 2,
    }
    text = section(changed(recorded.REJECTED, {}, {"withdrawal": withdrawal}), "What serves")
    assert f"{recorded.CANDIDATE} is being withdrawn, begun 10s ago" in text
    assert f"its requests go to {recorded.STABLE}." in text


def test_a_rollback_that_waits_for_pods_says_for_which() -> None:
    """Before traffic is switched it is said what it waits for, and what happens if that never comes."""
    withdrawal = {
        "revision": recorded.STABLE,
        "to": "electricity-older",
        "startedAt": "2026-01-01T12:00:00Z",
        "reason": "AccuracyBreached",
        "replicas": 2,
    }
    waiting = changed(recorded.REJECTED, {}, {"phase": "RollingBack", "withdrawal": withdrawal})
    text = section(waiting, "What happens next")
    assert "Traffic moves as soon as electricity-older has ready pods." in text
    assert f"electricity-older is rejected and {recorded.STABLE} goes on serving" in text
    switched = changed(waiting, {}, {"withdrawal": {**withdrawal, "switched": True}})
    assert "has ready pods" not in section(switched, "What happens next")


CONTROL = {
    "revision": "iris-control",
    "purpose": "Probe",
    "replicas": 2,
    "startedAt": "2026-01-01T11:59:00Z",
    "sharedAt": "2026-01-01T11:59:01Z",
}
INCIDENT = {
    "revision": recorded.STABLE,
    "cause": "Infrastructure",
    "reason": "InfrastructureSuspected",
    "since": "2026-01-01T11:00:00Z",
}


def test_a_comparison_after_promotion_is_told_with_its_end() -> None:
    """Who is compared with whom, and what follows either way."""
    manifest = changed(recorded.REJECTED, {}, {"phase": "Probing", "control": CONTROL})
    assert "iris-control is compared with it, to find the cause of a breach." in section(
        manifest, "What serves"
    )
    text = section(manifest, "What happens next")
    assert f"If {recorded.STABLE} is shown to be worse it is rolled back." in text
    assert "not in 10m, the share is put back" in text
    restoring = changed(recorded.REJECTED, {}, {"phase": "Restoring"})
    assert f"All traffic is back on {recorded.STABLE} once" in section(restoring, "What happens next")


def test_an_incident_is_told_with_its_cause() -> None:
    """A breach that is borne is said to be so, and so is a holdback."""
    held_back = {**CONTROL, "purpose": "Holdback"}
    manifest = changed(
        recorded.REJECTED, {}, {"phase": "Serving", "incident": INCIDENT, "control": held_back}
    )
    text = section(manifest, "What serves")
    assert "nothing is rolled back: InfrastructureSuspected, cause Infrastructure." in text
    assert "iris-control is compared with it, as a holdback." in text


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("Probe", "iris-old gets a share to compare them"),
        ("Rollback", "traffic goes back to iris-old"),
        ("Alert", "it goes on serving and an alert fires"),
    ],
)
def test_what_follows_a_breach_is_what_the_policy_says(policy: str, said: str) -> None:
    """While a standby is warm, what it is for depends on spec.rollback.onUnknownCause."""
    manifest = changed(
        recorded.REJECTED,
        {"rollback": {"onUnknownCause": policy}},
        {"phase": "Serving", "standbyRevision": "iris-old"},
    )
    assert said in section(manifest, "What happens next")


def test_a_candidate_at_its_gates_is_told_with_each_of_them() -> None:
    """How each stands, and what is waited for."""
    gates = [
        {"name": "calm", "kind": "robustness", "configuration": "0", "result": "Passed", "message": "well"},
        {"name": "people", "kind": "approval", "configuration": "0", "result": "Awaiting"},
    ]
    manifest = changed(recorded.STEPPING, {}, {"phase": "Gating", "gates": gates})
    text = section(manifest, "What is being tried")
    assert "- gate calm (robustness): Passed: well" in text
    assert "- gate people (approval): Awaiting" in text
    assert "gets traffic once it has passed its gates" in section(manifest, "What happens next")
