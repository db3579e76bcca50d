"""What people ask for by annotation."""

import pytest

from modelward.api.status import Phase
from modelward.decide.commands import LONGEST_KEPT
from modelward.decide.observation import Commands, MetricsState
from tests.unit.decide.world import World, promoted, promoting, serving, stepping, worse


def rejected() -> World:
    """Build a world in which m-2 was rejected and m-1 serves."""
    world = stepping()
    world.see(worse("m-2"))
    world.step()
    world.drain("m-2")
    world.let_pods_follow()
    world.evidence.clear()
    return world


def test_retry_tries_a_rejected_revision_once_more() -> None:
    """Each token is one more try; the same token is not answered twice."""
    world = rejected()
    world.commands = Commands(retry="m-2@1")
    assert world.settle() == ["Retry", "Begin"]
    assert world.status.last_handled_retry == "m-2@1"
    assert world.status.candidate_revision == "m-2"


def test_retry_of_an_unknown_revision_says_what_to_write() -> None:
    """A wrong name is refused with the names that would do, and answered once."""
    world = rejected()
    world.commands = Commands(retry="m-9@1")
    decision = world.step()
    assert decision.announcements[0].reason == "CommandRefused"
    assert "rejected are: m-2" in decision.announcements[0].message
    assert world.settle() == []


def test_retry_of_an_unknown_revision_names_all_that_are_rejected() -> None:
    """The newest first."""
    world = rejected()
    world.wanted = "m-3"
    world.settle()
    world.commands = Commands(abort="m-3")
    world.settle()
    world.commands = Commands(retry="m-9@1")
    assert "rejected are: m-3, m-2; write" in world.step().announcements[0].message


def test_retry_restarts_a_held_rollout() -> None:
    """A rollout held at its deadline goes on, with its clock set back."""
    world = stepping()
    world.pass_time(hours=1)
    world.settle()
    world.commands = Commands(retry="m-2@go")
    assert world.step().rule == "Retry"
    assert world.status.phase is Phase.STEPPING
    assert world.settle() == []


def test_retry_goes_on_with_the_candidate_only_if_that_is_held() -> None:
    """In a step there is nothing to go on with; and another revision's retry lets the held one wait."""
    world = rejected()
    world.wanted = "m-3"
    world.settle()
    world.let_pods_follow()
    world.settle()
    world.commands = Commands(retry="m-3@1")
    assert world.step().announcements[0].reason == "CommandRefused"
    world.pass_time(hours=1)
    world.settle()
    assert world.status.phase is Phase.HELD
    world.commands = Commands(retry="m-2@2")
    assert world.step().announcements[0].message == "m-2 may be tried again"
    assert world.status.phase is Phase.HELD


def test_retry_of_a_rollout_held_before_its_first_step_begins_no_step() -> None:
    """It goes on waiting for what it waited for: here metrics."""
    world = serving()
    world.wanted = "m-2"
    world.settle()
    world.let_pods_follow()
    world.metrics = MetricsState.UNAVAILABLE
    world.pass_time(hours=1)
    assert world.settle() == ["HoldAtDeadline"]
    world.commands = Commands(retry="m-2@1")
    assert world.step().rule == "Retry"
    assert world.status.phase is Phase.STARTING
    assert world.status.rollout is not None
    assert (world.status.rollout.step, world.status.rollout.step_started_at) == (-1, None)


def test_abort_rejects_a_candidate_with_traffic() -> None:
    """A person's word is enough: the candidate loses its traffic and is remembered."""
    world = stepping()
    world.commands = Commands(abort="stop-1")
    assert world.step().rule == "Abort"
    assert world.status.phase is Phase.ROLLING_BACK
    assert world.status.rejected_revisions[0].reason == "Aborted"
    assert world.status.last_handled_abort == "stop-1"


def test_abort_rejects_a_candidate_that_is_about_to_be_promoted() -> None:
    """Until all traffic is its own a person can stop it; afterwards there is no rollout any more."""
    world = promoting()
    world.commands = Commands(abort="stop-1")
    assert world.step().rule == "Abort"
    assert world.status.phase is Phase.ROLLING_BACK
    assert world.status.rejected_revisions[0].revision == "m-2"
    world = promoting()
    world.let_pods_follow()
    assert world.step().rule == "Promote"
    world.commands = Commands(abort="stop-1")
    decision = world.step()
    assert (decision.rule, world.status.phase) == ("Abort", Phase.PROMOTING)
    assert decision.announcements[0].reason == "CommandRefused"
    world.drain("m-1")
    assert (world.status.stable_revision, world.status.phase) == ("m-2", Phase.SERVING)


def test_abort_rejects_a_candidate_without_traffic() -> None:
    """Before its first share there is nothing to withdraw."""
    world = serving()
    world.wanted = "m-2"
    world.settle()
    world.commands = Commands(abort="1")
    assert world.settle() == ["Abort"]
    assert world.status.phase is Phase.SERVING


def test_abort_without_a_rollout_is_refused() -> None:
    """Nothing to abort is said, once, with what to write instead."""
    world = serving()
    world.commands = Commands(abort="1")
    (refused,) = world.step().announcements
    assert refused.reason == "CommandRefused"
    assert refused.message == (
        "abort: no rollout is in progress; to leave the revision that serves, write "
        "modelward.dev/undo: REVISION@TOKEN with one of: (there is none)"
    )
    assert world.settle() == []


def test_undo_goes_back_to_the_named_revision() -> None:
    """Undo rolls back whatever the evidence, and rejects what served, so that it is not tried again."""
    world = promoted()
    world.commands = Commands(undo="m-1@1")
    assert world.step().rule == "Undo"
    assert world.status.phase is Phase.ROLLING_BACK
    world.drain("m-2")
    assert world.status.stable_revision == "m-1"
    assert world.status.rejected_revisions[0].reason == "Undone"
    assert world.settle() == []


def test_a_token_may_be_anything() -> None:
    """What comes before the first @ is the revision."""
    world = promoted()
    world.commands = Commands(undo="m-1@anna@example.org")
    assert world.step().rule == "Undo"
    assert world.status.rejected_revisions[0].revision == "m-2"


def test_undo_to_a_rejected_revision_clears_its_rejection() -> None:
    """A person may ask for a revision that was rejected; it then serves and is not rejected."""
    world = rejected()
    world.commands = Commands(undo="m-2@1")
    world.step()
    world.let_pods_follow()
    world.settle()
    world.drain("m-1")
    assert world.status.stable_revision == "m-2"
    assert [r.revision for r in world.status.rejected_revisions] == ["m-1"]


def test_undo_of_an_unknown_revision_or_in_a_split_is_refused() -> None:
    """The refusal says what to write instead."""
    world = promoted()
    world.commands = Commands(undo="nope@1")
    world.pods("m-0", ready=0)
    assert "with one of: m-0, m-1" in world.step().announcements[0].message
    split = stepping()
    split.commands = Commands(undo="m-1@1")
    assert "modelward.dev/abort" in split.step().announcements[0].message


def test_undo_gives_up_a_candidate_without_traffic_first() -> None:
    """The starting candidate is dropped, then traffic goes back."""
    world = promoted()
    world.wanted = "m-3"
    world.settle()
    world.commands = Commands(undo="m-1@1")
    assert world.step().rule == "Undo"
    assert world.status.phase is Phase.ROLLING_BACK
    assert world.status.candidate_revision == ""
    told = [(each.action, each.reason, each.revision, each.message) for each in world.status.history[:2]]
    assert told == [
        ("RolledBack", "Undone", "m-2", "asked by 'm-1@1'; going back to m-1"),
        ("Replaced", "Undone", "m-3", "given up for an undo"),
    ]


@pytest.mark.parametrize("command", ["abort", "retry", "undo"])
def test_a_request_is_kept_as_written_up_to_a_length(command: str) -> None:
    """One of 128 characters is; of a longer one its SHA-256 is kept."""
    world = promoted()
    world.commands = Commands(**{command: "x" * LONGEST_KEPT})
    world.step()
    assert getattr(world.status, f"last_handled_{command}") == "x" * LONGEST_KEPT
    world.commands = Commands(**{command: "x" * (LONGEST_KEPT + 1)})
    world.step()
    kept = "0ec9eb33e74510bcdd1f2ea55206e82f21649c5c2becbf2b433eb475b34c01bd"
    assert getattr(world.status, f"last_handled_{command}") == kept


@pytest.mark.parametrize("command", ["retry", "abort", "undo"])
def test_a_request_of_any_length_is_answered_once_and_kept_small(command: str) -> None:
    """A request is new if and only if it differs from the last one, if only at its end."""
    world = promoted()
    fired = []
    for each in ("x" * 100_000, "x" * 100_000, "x" * 100_000 + "y", ""):
        world.commands = Commands(**{command: each})
        fired.append(world.step().rule != "Stay")
        assert len(getattr(world.status, f"last_handled_{command}")) <= LONGEST_KEPT
    assert fired == [True, False, True, False]
