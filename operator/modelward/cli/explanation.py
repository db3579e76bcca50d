"""`kubectl modelward explain`: one deployment in sentences, with the numbers each decision was made from.

What happens next is said from the phase alone; docs/rollout.md has the whole transition table.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from modelward import conventions
from modelward.api.quantities import format_duration
from modelward.api.spec import OnInconclusive, OnUnknownCause, Step
from modelward.api.status import DecisionRecord, Phase, RolloutStatus
from modelward.cli import decisions
from modelward.cli.resource import Deployment, Role, read_time
from modelward.cli.wording import ago, counted, criterion, evidence_share, plural, span


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its sentences."""

    title: str
    lines: tuple[str, ...]


def explain(
    deployment: Deployment, now: datetime, records: Sequence[DecisionRecord] = ()
) -> tuple[Section, ...]:
    """Return what serves, what is tried, what was rejected, what was decided and what comes next.

    Args:
        deployment: the deployment.
        now: the time.
        records: the records of its decisions, newest first.
    """
    sections = (
        Section("What serves", tuple(_serving(deployment, now))),
        Section("What is being tried", tuple(_trying(deployment, now))),
        Section("What was rejected", tuple(_rejected(deployment, now))),
        Section("What was decided, newest first", tuple(_history(deployment, now))),
        Section("What the last decisions were made from", tuple(decisions.sentences(records, now))),
        Section("What is not as it should be", tuple(_troubles(deployment))),
        Section("What happens next", tuple(_next(deployment, now))),
    )
    return tuple(section for section in sections if section.lines)


def _serving(deployment: Deployment, now: datetime) -> Iterator[str]:
    status = deployment.status
    if not status.stable_revision:
        yield "No revision serves yet."
        return
    since = f", promoted {ago(status.promoted_at, now)}" if status.promoted_at else ""
    yield f"{status.stable_revision} is the stable revision{since}."
    for share in status.traffic:
        yield f"{share.revision} has {share.weight}% of the traffic."
    if status.withdrawal is not None:
        yield (
            f"{status.withdrawal.revision} is being withdrawn, "
            f"begun {ago(status.withdrawal.started_at, now)}; its requests go to {status.withdrawal.to}."
        )
    if status.standby_revision:
        until = f" until {status.standby_until}" if status.standby_until else ""
        yield f"{status.standby_revision} is kept warm as standby{until}."
    if status.control is not None:
        purpose = "to find the cause of a breach" if status.phase is Phase.PROBING else "as a holdback"
        yield f"{status.control.revision} is compared with it, {purpose}."
    if status.incident is not None:
        yield (
            f"It has been breached since {ago(status.incident.since, now)} and nothing is rolled back: "
            f"{status.incident.reason}, cause {status.incident.cause}."
        )
    yield from _numbers(deployment, status.stable_revision)


def _trying(deployment: Deployment, now: datetime) -> Iterator[str]:
    status, rollout = deployment.status, deployment.status.rollout
    if not status.candidate_revision:
        return
    began = f", begun {ago(rollout.started_at, now)}" if rollout else ""
    yield f"{status.candidate_revision} is the candidate{began}."
    if rollout is not None and 0 <= rollout.step < len(deployment.spec.rollout.steps):
        step = deployment.spec.rollout.steps[rollout.step]
        number = f"step {rollout.step + 1} of {len(deployment.spec.rollout.steps)}"
        yield f"It is in {number}: {step.weight}% asked for, {status.weight}% real."
    for gate in status.gates:
        why = f": {gate.message}" if gate.message else ""
        yield f"- gate {gate.name} ({gate.kind}): {gate.result}{why}"
    if rollout is not None and rollout.held:
        yield f"It is held: {rollout.held}."
    yield from _numbers(deployment, status.candidate_revision)


def _numbers(deployment: Deployment, revision: str) -> Iterator[str]:
    """One line for each objective of a revision."""
    wanted = {each.name: criterion(each) for each in deployment.spec.objectives}
    for each in deployment.status.objectives:
        if each.revision == revision:
            yield (
                f"- {each.name}: {counted(each)}, "
                f"wanted {wanted.get(each.name, 'by no objective any more')}: {each.verdict}, "
                f"evidence against {evidence_share(each):.0%} of what a breach takes"
            )


def _rejected(deployment: Deployment, now: datetime) -> Iterator[str]:
    for each in deployment.status.rejected_revisions:
        yield f"{each.revision}, {ago(each.time, now)}, cause {each.cause}, reason {each.reason}."
        if each.message:
            yield f"- {each.message}"


def _history(deployment: Deployment, now: datetime) -> Iterator[str]:
    for each in deployment.status.history:
        what = f"{each.action} {each.revision} ({each.reason})"
        yield f"{ago(each.time, now)}: {what}{_after_colon(each.message)}"


def _after_colon(message: str) -> str:
    return f": {message}" if message else ""


def _troubles(deployment: Deployment) -> Iterator[str]:
    status = deployment.status
    if status.observed_generation != deployment.generation:
        yield (
            f"The operator has seen generation {status.observed_generation} of the spec, "
            f"not yet {deployment.generation}."
        )
    good_when_false = {"Reconciling", "Stalled", "Progressing"}
    for each in status.conditions:
        if each.type not in good_when_false and each.status != "True":
            yield f"{each.type} is {each.status} ({each.reason}){_after_colon(each.message)}"
        if each.type == "Stalled" and each.status == "True":
            yield f"Stalled ({each.reason}){_after_colon(each.message)}"


def _next(deployment: Deployment, now: datetime) -> Iterator[str]:
    status = deployment.status
    match status.phase:
        case Phase.SERVING:
            yield "Nothing while the stable revision meets its objectives; a changed spec begins a rollout."
            yield from _after_breach(deployment)
        case Phase.STARTING:
            limit = format_duration(deployment.spec.rollout.progress_deadline)
            yield f"The candidate gets traffic when its pods are ready; if not in {limit}, it is rejected."
        case Phase.STEPPING:
            yield from _after_step(deployment, now)
        case Phase.PROMOTING:
            yield f"{status.candidate_revision} becomes stable once it has all replicas ready."
        case Phase.ROLLING_BACK:
            yield from _after_rollback(deployment)
        case Phase.INITIALIZING | Phase.GATING | Phase.HELD:
            yield _WAITS_FOR[status.phase]
        case Phase.PROBING | Phase.RESTORING:
            yield from _after_comparison(deployment)
    if deployment.spec.paused:
        yield "spec.paused is true: no step ends and no candidate gets traffic; a rollback still happens."
    yield from _commands(deployment)


_WAITS_FOR: Final = {
    Phase.INITIALIZING: "The first revision serves once its pods are ready and it has passed its gates.",
    Phase.GATING: "The candidate gets traffic once it has passed its gates; `review` shows what they found.",
    Phase.HELD: "The rollout waits for a person, or for what holds it to pass.",
}


def _after_comparison(deployment: Deployment) -> Iterator[str]:
    stable = deployment.status.stable_revision
    if deployment.status.phase is Phase.RESTORING:
        yield f"All traffic is back on {stable} once the other answers no request any more."
        return
    limit = format_duration(deployment.spec.rollback.probe.duration)
    yield f"If {stable} is shown to be worse it is rolled back."
    yield f"If not, or not in {limit}, the share is put back and it goes on serving."


def _after_breach(deployment: Deployment) -> Iterator[str]:
    """Say what follows a breach of the stable revision while a standby is warm."""
    if standby := deployment.status.standby_revision:
        what = {
            OnUnknownCause.PROBE: f"{standby} gets a share to compare them; the worse goes",
            OnUnknownCause.ROLLBACK: f"for no known cause, traffic goes back to {standby}",
            OnUnknownCause.ALERT: "for no known cause, it goes on serving and an alert fires",
        }[deployment.spec.rollback.on_unknown_cause]
        yield f"If it breaches one, {what}."


def _after_rollback(deployment: Deployment) -> Iterator[str]:
    moving = deployment.status.withdrawal
    if moving is not None and not moving.switched:
        yield f"Traffic moves as soon as {moving.to} has ready pods."
        if moving.revision == deployment.status.stable_revision:
            limit = format_duration(deployment.spec.rollout.progress_deadline)
            yield f"If none is in {limit}, {moving.to} is rejected and {moving.revision} goes on serving."
    yield "The withdrawn revision is scaled down once its request counter stands still."


def _after_step(deployment: Deployment, now: datetime) -> Iterator[str]:
    rollout = deployment.status.rollout
    steps = deployment.spec.rollout.steps
    if rollout is None or not 0 <= rollout.step < len(steps):
        return
    step, is_last = steps[rollout.step], rollout.step + 1 == len(steps)
    following = "it is promoted" if is_last else f"its share becomes {steps[rollout.step + 1].weight}%"
    yield f"When the candidate is shown to be as good as stable on every objective, {following}."
    end = _step_end(rollout, step, now)
    yield f"If neither that nor the opposite is shown {end}, {_inconclusive(deployment)}."
    yield "If it breaches an objective or is shown to be worse, it is rejected and all traffic goes back."


def _step_end(rollout: RolloutStatus, step: Step, now: datetime) -> str:
    rest = timedelta(0)
    if rollout.step_started_at is not None:
        rest = read_time(rollout.step_started_at) + step.duration - now
    requests = f"{plural(step.min_requests, 'request')} of the step"
    return f"in {span(rest)} and {requests}" if rest > timedelta(0) else f"after the {requests}"


def _inconclusive(deployment: Deployment) -> str:
    match deployment.spec.rollout.on_inconclusive:
        case OnInconclusive.PROMOTE:
            return "the step ends all the same (onInconclusive: Promote)"
        case OnInconclusive.HOLD:
            return "the rollout is held (onInconclusive: Hold)"
        case OnInconclusive.ROLLBACK:
            return "the candidate is rejected (onInconclusive: Rollback)"


def _commands(deployment: Deployment) -> Iterator[str]:
    """Say how a person can step in where that is possible."""
    status = deployment.status
    annotate = f"kubectl annotate mdep {deployment.name} -n {deployment.namespace} --overwrite"
    if status.candidate_revision:
        yield f"To give up the candidate: {annotate} {conventions.ANNOTATION_ABORT}=$(date +%s)"
    wanted = deployment.wanted_revision
    if deployment.role(wanted) is Role.REJECTED:
        retry = f"{conventions.ANNOTATION_RETRY}={wanted}@$(date +%s)"
        yield f"Spec still asks for {wanted}, which was rejected. To try it again: {annotate} {retry}"
    if status.standby_revision:
        revision = status.standby_revision
        yield f"To go back by hand: {annotate} {conventions.ANNOTATION_UNDO}={revision}@$(date +%s)"
