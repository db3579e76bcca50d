"""The tables of `kubectl modelward status`: one line per deployment, or one deployment in full."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from modelward.api.status import Condition, ObjectiveStatus, Phase, VerdictName
from modelward.cli.resource import Deployment, Role, read_time
from modelward.cli.wording import ago, criterion, evidence_share, good_share, span

_BAR_CELLS: Final = 10
_MESSAGE_CELLS: Final = 90
_NOTABLE: Final = 0.5
"""Share of the evidence of a breach from which the bar is yellow."""
_VERDICT_STYLES: Final[dict[VerdictName, str]] = {
    "Healthy": "green",
    "Breached": "bold red",
    "Inconclusive": "yellow",
    "Unknown": "magenta",
}
_PHASE_STYLES: Final = {
    Phase.SERVING: "green",
    Phase.ROLLING_BACK: "bold red",
    Phase.GATING: "cyan",
    Phase.HELD: "bold yellow",
    Phase.PROBING: "bold yellow",
}
_ROLE_STYLES: Final = {Role.STABLE: "green", Role.CANDIDATE: "cyan", Role.REJECTED: "red"}
_GOOD_WHEN_FALSE: Final = frozenset({"Reconciling", "Stalled"})


def summary(deployments: Sequence[Deployment], now: datetime) -> RenderableType:
    """Return a table with one line per deployment."""
    if not deployments:
        return Text("No ModelDeployments found.")
    table = _table("NAMESPACE", "NAME", "PHASE", "STABLE", "CANDIDATE", "TRAFFIC", "VERDICT", "CAUSE", "AGE")
    for each in deployments:
        status = each.status
        table.add_row(
            each.namespace,
            Text(each.name, "bold"),
            _phase(each),
            each.short(status.stable_revision) or "-",
            each.short(status.candidate_revision) or "-",
            _shares(each),
            _verdict(status.verdict),
            status.cause or "-",
            span(now - each.created_at),
        )
    return table


def detail(deployment: Deployment, now: datetime) -> RenderableType:
    """Return everything about one deployment: traffic, objectives, conditions."""
    parts: list[RenderableType] = [_headline(deployment, now), Text(), _traffic(deployment), Text()]
    if deployment.status.objectives:
        parts += [_objectives(deployment), Text()]
    parts.append(_conditions(deployment.status.conditions, now))
    return Group(*parts)


def evidence_bar(share: float) -> Text:
    """Draw the evidence against a revision as a share of what a breach takes; full and red is a breach."""
    filled = round(share * _BAR_CELLS)
    style = "red" if share >= 1 else "yellow" if share >= _NOTABLE else "green"
    return Text.assemble(("█" * filled, style), ("░" * (_BAR_CELLS - filled), "dim"), f" {share:4.0%}")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _phase(deployment: Deployment) -> Text:
    phase = deployment.status.phase
    text = "Paused, " if deployment.spec.paused else ""
    return Text(f"{text}{phase}", _PHASE_STYLES.get(phase, "cyan"))


def _verdict(verdict: VerdictName) -> Text:
    return Text(verdict, _VERDICT_STYLES[verdict])


def _shares(deployment: Deployment) -> str:
    shares = [f"{each.weight}%" for each in deployment.status.traffic]
    return " / ".join(shares) or "-"


def _headline(deployment: Deployment, now: datetime) -> Text:
    status = deployment.status
    line = Text.assemble((f"{deployment.namespace}/{deployment.name}", "bold"), "  ", _phase(deployment))
    steps = deployment.spec.rollout.steps
    rollout = status.rollout
    if rollout is not None and status.phase in {Phase.STEPPING, Phase.HELD} and rollout.step >= 0:
        line.append(f"  step {rollout.step + 1} of {len(steps)}")
        if rollout.step_started_at is not None:
            line.append(f", began {ago(rollout.step_started_at, now)}")
    if rollout is not None and rollout.held:
        line.append(f"  held: {rollout.held}", "yellow")
    if status.incident is not None:
        line.append(f"  incident: {status.incident.reason}", "yellow")
    line.append("  verdict ").append_text(_verdict(status.verdict))
    if status.cause is not None:
        line.append("  cause ").append(status.cause, "bold")
    return line


def _traffic(deployment: Deployment) -> Table:
    """One line per revision that has traffic or a role, then those rejected."""
    status = deployment.status
    weights = {each.revision: each.weight for each in status.traffic}
    named = [status.stable_revision, status.candidate_revision, status.standby_revision]
    rejected = {each.revision: each for each in status.rejected_revisions}
    table = _table("REVISION", "ROLE", "TRAFFIC", "REJECTED FOR")
    for revision in dict.fromkeys([*filter(None, named), *weights, *rejected]):
        role, weight = deployment.role(revision), weights.get(revision, 0)
        share = Text.assemble(f"{weight:3}% ", ("█" * round(weight / _BAR_CELLS), "blue"))
        why = f"{rejected[revision].cause}: {rejected[revision].reason}" if revision in rejected else ""
        table.add_row(revision, Text(role, _ROLE_STYLES.get(role, "")), share, why)
    if not table.row_count:
        table.add_row("no revision yet", "", "", "")
    return table


def _objectives(deployment: Deployment) -> Table:
    wanted = {each.name: criterion(each) for each in deployment.spec.objectives}
    table = _table("OBJECTIVE", "TARGET", "REVISION", "GOOD / TOTAL", "GOOD", "VERDICT", "EVIDENCE AGAINST")
    for column in (3, 4):
        table.columns[column].justify = "right"
    for each in sorted(deployment.status.objectives, key=lambda each: _order(deployment, each)):
        role = deployment.role(each.revision)
        table.add_row(
            each.name,
            wanted.get(each.name, "-"),
            Text(role or deployment.short(each.revision), _ROLE_STYLES.get(role, "")),
            f"{each.good:,} / {each.total:,}",
            f"MAE {each.mean_absolute_error}" if each.mean_absolute_error else good_share(each),
            _verdict(each.verdict),
            evidence_bar(evidence_share(each)),
        )
    return table


def _order(deployment: Deployment, status: ObjectiveStatus) -> tuple[int, int]:
    """Objectives as in spec, the stable revision first."""
    names = [each.name for each in deployment.spec.objectives]
    position = names.index(status.name) if status.name in names else len(names)
    return position, list(Role).index(deployment.role(status.revision))


def _conditions(conditions: Sequence[Condition], now: datetime) -> Table:
    table = _table("CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE")
    # One line each: `explain` has the whole message.
    table.columns[-1].max_width = _MESSAGE_CELLS
    for each in conditions:
        is_good = (each.status == "False") is (each.type in _GOOD_WHEN_FALSE) and each.status != "Unknown"
        style = "green" if is_good else "yellow"
        since = span(now - read_time(each.last_transition_time))
        table.add_row(each.type, Text(each.status, style), each.reason, since, each.message)
    if not conditions:
        table.add_row("none yet: is the operator running?", "", "", "", "")
    return table
