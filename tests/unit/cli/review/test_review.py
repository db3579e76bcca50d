"""What a review says, in the terminal and on its page."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelward.api.approval import ApprovalDecision
from modelward.cli import resource
from modelward.cli.review.answers import command
from modelward.cli.review.material import gate_review, reviewed_revision, words
from modelward.cli.review.page import page
from modelward.cli.review.text import answers, sections
from tests.unit.cli import recorded
from tests.unit.cli.review.cases import REPORT, files, review, status


def awaiting(**fields: Any) -> dict[str, Any]:
    """Return a deployment that waits for a person."""
    condition = {
        "type": "Approved",
        "status": "False",
        "reason": "AwaitingApproval",
        "message": "1 of 2 people have approved",
        "lastTransitionTime": "2026-03-01T11:30:00Z",
        **fields,
    }
    return {**recorded.STEPPING, "status": {**recorded.STEPPING["status"], "conditions": [condition]}}


def lines(title: str, **fields: Any) -> str:
    """Return one section's text; empty if it is left out."""
    found = sections(review(**fields), recorded.NOW)
    return "\n".join(line for each in found if each.title == title for line in each.lines)


def test_what_is_awaited_comes_first() -> None:
    """A person reads first what is asked of them, since when, and whether they may answer."""
    first = sections(review(awaiting()), recorded.NOW)[0]
    assert first.lines[0] == "1 of 2 people have approved (AwaitingApproval, 30m ago)"
    assert first.lines[-1] == "You are alice and may say yes or no."


def test_one_who_may_not_is_told_what_it_takes() -> None:
    """The answer would be refused; better to know before."""
    assert "verb approve" in lines("What is asked of you", may_approve=False)


def test_nothing_awaited_is_said() -> None:
    """A veto counts all the same."""
    assert "Nothing is awaited; a veto counts at any time." in lines("What is asked of you")


def going_back() -> dict[str, Any]:
    """Return a deployment whose rollback waits for a person."""
    known = recorded.STEPPING["status"]
    incident = {
        "revision": recorded.CANDIDATE,
        "cause": "Unknown",
        "reason": "AwaitingRollbackApproval",
        "since": "2026-03-01T11:30:00Z",
        "goBackTo": recorded.STABLE,
    }
    without = {"candidateRevision": "", "rollout": None, "stableRevision": recorded.CANDIDATE}
    return {**recorded.STEPPING, "status": {**known, **without, "phase": "Serving", "incident": incident}}


def test_where_a_rollback_waits_the_answers_are_about_the_one_to_go_back_to() -> None:
    """A word on the one that serves would approve nothing, or veto it."""
    manifest = going_back()
    assert reviewed_revision(resource.read(manifest)) == recorded.STABLE
    given = answers(review(manifest, revision=recorded.STABLE, compared_with=recorded.CANDIDATE))
    assert given.count(f"  revision: {recorded.STABLE}\n") == 2
    assert "# Yes, go back to it:" in given
    assert "# No, neither now nor later" in given


def test_failed_checks_are_named_with_value_and_limit() -> None:
    """The reason of a failure is a number beside its limit; what passed is on the page."""
    text = lines("Gates")
    assert "calm, robustness: Failed: 31% flip" in text
    assert "- noise 0.1 is 0.31, asked for at most 0.08" in text
    assert "worst slice" not in text


def test_what_people_said_is_told_with_who_and_why() -> None:
    """The second person sees what the first one said."""
    assert lines("What people said of it") == "bob approved it 1h ago: calm <enough>"


def test_evidence_is_of_both_revisions() -> None:
    """The candidate's numbers stand before those of the one that serves."""
    text = lines("Evidence so far")
    assert text.index(recorded.CANDIDATE) < text.index(recorded.STABLE)


def test_what_could_not_be_read_is_said() -> None:
    """Missing is told from nothing there."""
    unread = ("ControllerRevision x: you may not read it",)
    assert lines("What could not be read", unread=unread) == unread[0]
    assert "Not read: ControllerRevision x" in page(review(unread=unread), recorded.NOW)


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    """A report cannot run a script in the page, nor end its own frame; what people wrote is text."""
    written = page(review(awaiting()), recorded.NOW)
    assert "<script" not in written
    assert "calm &lt;enough&gt;" in written
    assert not re.search(r"(src|href)=\"https?:", written)
    (frame,) = re.findall(r"<iframe sandbox [^>]*srcdoc=\"([^\"]*)\"", written)
    assert "A plot, &#34;quoted&#34; &amp; all" in frame


def test_the_page_has_every_check_and_every_change() -> None:
    """What the terminal leaves out is on the page."""
    written = page(review(), recorded.NOW)
    for part in ("worst slice", "noise 0.1", "s3://models/electricity/1", "s3://models/electricity/2"):
        assert part in written


def test_a_deployment_without_gates_has_a_page() -> None:
    """A veto does not need gates; neither does the page."""
    bare = review(gates=(), changes=(), words=(), compared_with="")
    assert "No gates are recorded" in page(bare, recorded.NOW)


@pytest.mark.parametrize("broken", [b"", b"no gzip", files()["calm.report.html.gz"]])
def test_a_verdict_that_cannot_be_read_leaves_the_status(broken: bytes) -> None:
    """How the gate ended is in status; a broken file costs the details only."""
    found = gate_review(status(), {**files(), "calm.verdict.json.gz": broken})
    assert found.checks == ()
    assert found.report == REPORT


def test_another_gates_files_are_not_taken() -> None:
    """Files are told apart by the gate's name."""
    assert gate_review(status(name="why"), files("calm")).report == ""


def test_the_candidate_is_reviewed_before_what_serves() -> None:
    """Without a candidate a person may still say no to what serves."""
    assert reviewed_revision(resource.read(recorded.STEPPING)) == recorded.CANDIDATE
    assert reviewed_revision(resource.read(recorded.REJECTED)) == recorded.STABLE


def test_only_words_on_this_revision_count_in_order_of_time() -> None:
    """An approval of another revision is no word on this one."""

    def made(revision: str, second: int, reason: str) -> dict[str, Any]:
        spec = {"modelDeploymentName": "electricity", "revision": revision, "decision": "Veto"}
        return {
            "metadata": {"creationTimestamp": f"2026-03-01T10:00:0{second}Z"},
            "spec": {**spec, "approver": "bob", "reason": reason},
        }

    given = [
        made(recorded.CANDIDATE, 5, "later"),
        made(recorded.STABLE, 1, "another"),
        made(recorded.CANDIDATE, 2, "earlier"),
        {"metadata": {"creationTimestamp": "2026-03-01T10:00:00Z"}, "spec": {"decision": "?"}},
    ]
    assert [word.reason for word in words(given, recorded.CANDIDATE)] == ["earlier", "later"]


def _run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a command with a kubectl that knows who asks, and keeps what it is given."""
    program = folder / "kubectl"
    kept = shlex.quote(str(folder / "given"))
    program.write_text(f'#!/bin/sh\nif [ "$1" = auth ]; then echo carol; else cat >{kept}; fi\n')
    program.chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin"}
    return subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("decision", list(ApprovalDecision))
def test_the_command_speaks_for_whoever_runs_it(tmp_path: Path, decision: ApprovalDecision) -> None:
    """The page may be passed on: the shell fills in the person and their reason."""
    asked = command(resource.read(recorded.STEPPING), recorded.CANDIDATE, decision)
    done = _run(tmp_path, f"WHY='seen: \"all\" of it'\n{asked}")
    assert done.returncode == 0, done.stderr
    given = yaml.safe_load((tmp_path / "given").read_text())
    assert given["metadata"] == {"generateName": f"{recorded.CANDIDATE}-"}
    assert given["spec"] == {
        "modelDeploymentName": "electricity",
        "revision": recorded.CANDIDATE,
        "decision": decision.value,
        "approver": "carol",
        "reason": 'seen: "all" of it',
    }


def test_without_a_reason_nothing_is_said(tmp_path: Path) -> None:
    """A command that is run as it stands ends before it reaches the cluster."""
    asked = command(resource.read(recorded.STEPPING), recorded.CANDIDATE, ApprovalDecision.APPROVE)
    done = _run(tmp_path, asked)
    assert done.returncode != 0
    assert "set it first" in done.stderr
    assert not (tmp_path / "given").exists()


def test_both_commands_are_printed_as_they_are_to_be_pasted() -> None:
    """An indented end of a here-document would not end it."""
    assert answers(review()).splitlines().count("EOF") == 2
