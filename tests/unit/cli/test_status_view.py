"""What the tables of `kubectl modelward status` say."""

import io
from typing import Any

import pytest
from rich.console import Console, RenderableType

from modelward.cli import resource, status_view
from tests.unit.cli import recorded


def text_of(renderable: RenderableType, width: int = 160) -> str:
    """Return what a terminal of this width would show, without colours."""
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(renderable)
    return console.export_text()


def line_with(text: str, *words: str) -> str:
    """Return the one line that has all of `words`."""
    (line,) = [line for line in text.splitlines() if all(word in line for word in words)]
    return line


def detail(manifest: dict[str, Any]) -> str:
    """Return the table of one deployment."""
    return text_of(status_view.detail(resource.read(manifest), recorded.NOW))


def test_summary_has_a_line_for_each_deployment() -> None:
    """The overview names phase, revisions, shares, verdict and age of each deployment."""
    deployments = [resource.read(each) for each in (recorded.STEPPING, recorded.NEW)]
    text = text_of(status_view.summary(deployments, recorded.NOW))
    stepping = line_with(text, "Stepping")
    assert stepping.split() == [
        *("demo", "electricity", "Stepping", "5d9c7fbbkx", "8hxq2lwzrt"),
        *("67%", "/", "33%", "Inconclusive", "-", "3h12m"),
    ]
    assert "Unknown" in line_with(text, "Initializing")


def test_summary_of_nothing_says_so() -> None:
    """An empty list is a sentence, not an empty table."""
    assert text_of(status_view.summary([], recorded.NOW)).strip() == "No ModelDeployments found."


def test_detail_shows_shares_of_traffic_by_revision() -> None:
    """Each revision with traffic has its role and its real share."""
    text = detail(recorded.STEPPING)
    assert line_with(text, recorded.STABLE, "%").split()[1:3] == ["stable", "67%"]
    assert line_with(text, recorded.CANDIDATE, "%").split()[1:3] == ["candidate", "33%"]
    assert "step 1 of 2, began 2m ago" in text


def test_detail_shows_objectives_in_the_order_of_spec() -> None:
    """Each objective has its target, counts, verdict and evidence, stable before candidate."""
    text = detail(recorded.STEPPING)
    accuracy = line_with(text, "accuracy", "candidate")
    assert "70% right" in accuracy
    assert "590 / 1,000" in accuracy
    assert "59.00%" in accuracy
    assert "Inconclusive" in accuracy
    assert accuracy.rstrip().endswith("██████░░░░  62%")
    rows = [line.split()[0] for line in text.splitlines() if "%" in line and "/" in line]
    assert rows == ["latency", "latency", "accuracy", "accuracy"]


def test_detail_shows_why_a_revision_was_rejected() -> None:
    """A rejected revision stays in sight with its cause and reason."""
    line = line_with(detail(recorded.REJECTED), recorded.CANDIDATE, "rejected")
    assert "0%" in line
    assert "Model: WorseThanStable" in line


def test_detail_shows_what_holds_a_rollout() -> None:
    """A held rollout names its reason, and the condition its message."""
    text = detail(recorded.HELD)
    assert "held: MetricsUnavailable" in text
    assert "no answer from Prometheus" in line_with(text, "ObjectivesMet")


def test_detail_of_a_deployment_nobody_has_seen() -> None:
    """Without any status the table asks whether the operator runs."""
    assert "is the operator running?" in detail(recorded.NEW)


@pytest.mark.parametrize(
    ("share", "drawn"), [(0.0, "░░░░░░░░░░   0%"), (0.5, "█████░░░░░  50%"), (1.0, "██████████ 100%")]
)
def test_evidence_bar_is_full_at_a_breach(share: float, drawn: str) -> None:
    """The bar is empty without evidence and full when there is enough for a breach."""
    assert status_view.evidence_bar(share).plain == drawn


def test_a_long_message_takes_one_line() -> None:
    """A condition's message is cut, not wrapped: explain has the whole of it."""
    status = recorded.HELD["status"]
    condition = {**status["conditions"][0], "message": "no answer " * 30}
    text = detail({**recorded.HELD, "status": {**status, "conditions": [condition]}})
    assert line_with(text, "no answer").rstrip().endswith("…")
