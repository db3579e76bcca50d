"""Gates of one deployment: what is in force, what came of it so far, and the Jobs that should exist now."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from modelward import conventions as names
from modelward.api.gateverdict import ErrorReason, Result
from modelward.api.reading import in_one_line
from modelward.api.recordedgates import GateInForce
from modelward.api.status import ModelDeploymentStatus
from modelward.control import addedgates, kinds, passedgates
from modelward.control.apply import Applier, NotOursError
from modelward.control.cache import Cache
from modelward.control.client import ApiError, Client
from modelward.control.gated import Gated
from modelward.control.gatejobs import GateJobs, Seen
from modelward.control.gatereports import GateReports
from modelward.control.gateverdicts import Said
from modelward.control.refusals import LONGEST_RETRY, Refusals, RefusedError
from modelward.decide.clock import elapsed
from modelward.decide.observation import GateObservation
from modelward.decide.placement import GateJob, Targets
from modelward.render.gatepods import GateRun
from modelward.render.gates import COMPONENT, gate_manifests, job_name
from modelward.render.revision import InvalidRevisionError
from modelward.signals.key import Key

UNPROCESSABLE: Final = 422
_NEVER_TAKEN: Final = frozenset({400, UNPROCESSABLE})
"""Answers of the API server to an object that is invalid, whenever it is sent."""


@dataclass(frozen=True, slots=True)
class GatesSeen:
    """What a decision is made from."""

    in_force: tuple[GateInForce, ...] | None = None
    """None: the revision cannot be read, so that nobody knows what it must pass."""
    observations: tuple[GateObservation, ...] = ()


@dataclass(slots=True)
class Gates:
    """Looks at gates and brings about their Jobs."""

    client: Client
    cache: Cache
    applier: Applier
    image: str
    jobs: GateJobs = field(init=False)
    reports: GateReports = field(init=False)
    _refused: dict[Key, dict[GateJob, RefusedError]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Make the parts."""
        self.jobs = GateJobs(self.client, self.cache)
        self.reports = GateReports(self.client, self.cache)

    def forget(self, key: Key) -> None:
        """Forget a deployment that is gone."""
        self.jobs.forget(key)
        self.reports.forget(key)
        self._refused.pop(key, None)

    async def look(
        self, gated: Gated, status: ModelDeploymentStatus, now: datetime, refusals: Refusals
    ) -> GatesSeen:
        """Return what is in force for the candidate, and what came of its gates.

        Where the API server cannot be asked about a gate, nothing is known of it yet; that is noted.
        """
        record = gated.record
        if record is None:
            return GatesSeen()
        asked = record.in_force(gated.spec)
        if too_many := addedgates.too_many(record, gated.spec, status):
            refusals.unrendered.append(too_many)
            return GatesSeen()
        if not asked:
            return GatesSeen(asked)
        seen = await self.jobs.look(gated.key, record.name, refusals)
        observed = [await self._observed(gated, each, refusals) for each in seen]
        refused = self._refused.get(gated.key, {})
        late = (_refusal(job, error, status, asked, now) for job, error in refused.items())
        passes = passedgates.passed(self.cache, gated.key, record.name)
        return GatesSeen(asked, (*passes, *observed, *late))

    async def bring_about(
        self, gated: Gated, status: ModelDeploymentStatus, targets: Targets, refusals: Refusals
    ) -> None:
        """Make the Jobs that should exist and do not; delete those that run and are no longer asked for."""
        if not status.gates and gated.key not in self._refused:
            return
        refused: dict[GateJob, RefusedError] = {}
        for job in targets.gate_jobs:
            if error := await self._make(gated, job):
                refused[job] = error
                refusals.note(f"Job {job_name(job)}", error)
        self._refused[gated.key] = refused
        await self._clear(gated.key, {job_name(job) for job in targets.gate_jobs}, refusals)

    async def record_added(self, gated: Gated, status: ModelDeploymentStatus, refusals: Refusals) -> None:
        """Record the gates that spec has added to the candidate; call it before this status is written."""
        await addedgates.record(self.applier, gated, status, refusals)

    async def remember(
        self, gated: Gated, before: ModelDeploymentStatus, after: ModelDeploymentStatus, refusals: Refusals
    ) -> None:
        """Remember what the candidate has passed, also where this decision has ended its rollout.

        Without a candidate status.gates are those of an earlier one, which need not be what is wanted now.
        """
        candidate = after.candidate_revision or before.candidate_revision
        if candidate and after.gates:
            of = passedgates.Measured(candidate, before.stable_revision, after.gates)
            await passedgates.remember(self.applier, self.cache, gated.key, of, refusals)

    async def _observed(self, gated: Gated, seen: Seen, refusals: Refusals) -> GateObservation:
        observation = GateObservation(
            revision=seen.job.revision,
            name=seen.job.name,
            configuration=seen.job.configuration,
            run=seen.job.run,
            attempt=seen.job.attempt,
            stable=seen.job.stable,
            message=seen.hindered.message if seen.hindered else "",
        )
        if seen.said is None:
            return observation
        report, problem = await self._report(gated, seen, refusals)
        note = f" (its report is not kept: {problem})" if problem else ""
        return replace(
            observation,
            result=seen.said.result,
            reason=seen.said.reason,
            message=f"{seen.said.message}{note}",
            finished_at=seen.said.finished_at,
            report=report,
        )

    async def _report(self, gated: Gated, seen: Seen, refusals: Refusals) -> tuple[str, str]:
        """Return where the report of a gate that has ended is, and why it is not kept, if so."""
        if seen.said is None or not seen.report or not _has_measured(seen.said):
            return "", ""
        if seen.report != names.REPORT_ON_LOG:
            return ("", seen.said.report_problem) if seen.said.report_problem else (seen.report, "")
        problem = await self.reports.keep(gated.key, gated.identity, seen, refusals)
        return self.reports.place(gated.key, seen), problem

    async def _make(self, gated: Gated, job: GateJob) -> RefusedError | None:
        """Make what one gate needs; return why it was not taken, if so."""
        record = gated.record
        asked = record.in_force(gated.spec) if record else ()
        gate = next((each for each in asked if _is_asked(each, job)), None)
        if record is None or record.name != job.revision or gate is None:
            return None
        run = GateRun(
            job=job,
            gate=gate,
            record=record,
            image=self.image,
            resources=gated.spec.gate_resources,
            reports=gated.spec.gate_reports,
        )
        try:
            for manifest in gate_manifests(gated.identity, run):
                await self.applier.make(gated.key, manifest)
            if self.jobs.is_anothers(gated.key, job):
                return RefusedError(NotOursError(kinds.JOB, job_name(job)), LONGEST_RETRY)
        except RefusedError as error:
            return error
        except (InvalidRevisionError, ValidationError) as error:
            said = in_one_line("gate", error) if isinstance(error, ValidationError) else str(error)
            return RefusedError(ApiError(UNPROCESSABLE, "Invalid", said), LONGEST_RETRY)
        return None

    async def _clear(self, key: Key, wanted: set[str], refusals: Refusals) -> None:
        """Delete Jobs that run and are not wanted, files of Jobs that are gone, and the oldest reports."""
        existing = set()
        for _, record in self.jobs.of(key):
            existing.add(record.name)
            if record.name not in wanted and not self.jobs.has_ended(key, record):
                await self.applier.delete(key, record, refusals)
        for record in list(self.cache.of(key, kinds.CONFIG_MAP)):
            labels = record.manifest()["metadata"].get("labels") or {}
            is_of_gate = labels.get(names.LABEL_COMPONENT) == COMPONENT
            if is_of_gate and record.name not in existing | wanted:
                await self.applier.delete(key, record, refusals)
        for record in self.reports.superfluous(key):
            await self.applier.delete(key, record, refusals)


def _is_asked(gate: GateInForce, job: GateJob) -> bool:
    return gate.gate.name == job.name and gate.configuration == job.configuration


def _has_measured(said: Said) -> bool:
    """Return whether a program came to its end and so has written or printed its report."""
    return said.result is not Result.ERROR or said.is_own


def _refusal(
    job: GateJob,
    error: RefusedError,
    status: ModelDeploymentStatus,
    asked: tuple[GateInForce, ...],
    now: datetime,
) -> GateObservation:
    """Return what is seen of a gate whose Job the API server does not take: an Error if it never will.

    A quota may have room later, so it has until the gate's time is over.
    """
    gate = next((each.gate for each in asked if _is_asked(each, job)), None)
    started = next((each.started_at for each in status.gates if each.name == job.name), None)
    is_late = gate is not None and started is not None and elapsed(started, now) > gate.time_limit
    is_over = error.status in _NEVER_TAKEN or is_late
    return GateObservation(
        revision=job.revision,
        name=job.name,
        configuration=job.configuration,
        run=job.run,
        attempt=job.attempt,
        stable=job.stable,
        result=Result.ERROR if is_over else None,
        reason=ErrorReason.REFUSED if is_over else None,
        message=f"the API server does not take its Job: {error.message}",
        finished_at=now if is_over else None,
    )
