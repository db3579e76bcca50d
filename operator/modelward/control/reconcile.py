"""One reconcile of one deployment: look, decide, write the decision down, bring it about.

Level-triggered: it is a function of what exists now, so running it twice, late, or after a crash at any
line comes to the same end. The status is written before anything is done about it, so that what was
decided (above all which revision was rejected) is never forgotten. Order: docs/architecture.md.
"""

import itertools
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from modelward.api.reading import InvalidManifestError, read_spec, read_status
from modelward.api.reasons import Reason
from modelward.api.spec import ModelDeploymentSpec
from modelward.api.status import ModelDeploymentStatus, Phase
from modelward.control import decisions, events, kinds, observe, stalled, traffic
from modelward.control.apply import Applier, NotOursError
from modelward.control.approvals import approvals
from modelward.control.cache import Cache
from modelward.control.children import Children, Wanted
from modelward.control.client import Client, Manifest
from modelward.control.evidence_book import EvidenceBook, Followed, Pace
from modelward.control.gated import Gated
from modelward.control.gates import Gates, GatesSeen
from modelward.control.monitors import Monitors, Reading
from modelward.control.profiles import Profiles
from modelward.control.refusals import Refusals, RefusedError
from modelward.control.revisions import Revisions
from modelward.decide import decide, evidence_plan, targets
from modelward.decide.decision import Decision
from modelward.decide.engine import STAY
from modelward.decide.observation import Observation
from modelward.decide.placement import Targets
from modelward.decide.situation import to_go_back_to
from modelward.render.identity import DeploymentIdentity
from modelward.render.queries import team_queries
from modelward.signals.key import Key
from modelward.signals.telemetry import Telemetry
from modelward.signals.tracing import record_decision

log: Final = logging.getLogger(__name__)


class NotTakenError(Exception):
    """Nothing can be decided before the API server takes something, or something makes room for it."""


@dataclass(frozen=True, slots=True)
class _Deployment:
    """A ModelDeployment as it was when the reconcile began."""

    key: Key
    manifest: Manifest
    spec: ModelDeploymentSpec
    status: ModelDeploymentStatus

    @property
    def identity(self) -> DeploymentIdentity:
        """Return who owns the children."""
        return DeploymentIdentity(self.key.name, self.key.namespace, self.manifest["metadata"]["uid"])


@dataclass(slots=True)
class Reconciler:
    """Reconciles deployments; keeps nothing of them but what the API server refused last."""

    client: Client
    cache: Cache
    applier: Applier
    monitors: Monitors
    book: EvidenceBook
    children: Children
    revisions: Revisions
    gates: Gates
    profiles: Profiles
    telemetry: Telemetry
    clock: Callable[[], datetime]
    _refused: dict[Key, str] = field(init=False, default_factory=dict)

    async def reconcile(self, key: Key) -> timedelta | None:
        """Reconcile one deployment; return when to look again if nothing happens before.

        Raises:
            ApiError: the API server refused the status, or could not be reached.
            NotTakenError: it did not take the first revision, or something has the name of the keys' Secret.
        """
        record = self.cache.get(key, kinds.MODEL_DEPLOYMENT, key.name)
        manifest = record.manifest() if record else None
        if record is None or manifest is None or manifest["metadata"].get("deletionTimestamp"):
            self.forget(key)
            return None
        manifest["metadata"]["resourceVersion"] = str(record.resource_version)
        try:
            deployment = _Deployment(key, manifest, read_spec(manifest), read_status(manifest))
        except InvalidManifestError as error:
            await self._report(manifest, Reason.INVALID_SPEC, str(error))
            return None
        try:
            return await self._reconcile(deployment)
        except (NotOursError, RefusedError) as error:
            await self._report(manifest, Reason.RENDER_REFUSED, error.message)
            raise NotTakenError(error.message) from error

    async def _report(self, manifest: Manifest, reason: Reason, problem: str) -> None:
        await stalled.report(
            self.client, self.cache, manifest, stalled.Problem(reason, problem), self.clock()
        )

    def forget(self, key: Key) -> None:
        """Forget a deployment that is gone."""
        self.book.forget(key)
        self.applier.forget(key)
        self.children.forget(key)
        self.gates.forget(key)
        self.profiles.forget(key)
        self._refused.pop(key, None)

    def follow(self, key: Key, uid: str, spec: ModelDeploymentSpec, status: ModelDeploymentStatus) -> None:
        """Have evidence kept for what a status says serves."""
        if status.withdrawal or status.candidate_revision or status.phase is Phase.PROBING:
            pace = Pace.EVERY_BLOCK
        else:
            is_watched_closely = status.standby_revision or status.control or status.incident
            pace = Pace.CLOSE if is_watched_closely else Pace.SETTLED
        selectors = tuple(alert.match_labels for alert in spec.rollback.alerts)
        plan, selected = evidence_plan(spec, status), targets(spec, status).selected
        profile = self.profiles.find(key, spec)
        bins = profile.config if profile else None
        queries = team_queries(key, spec, plan.revisions, selected, bins)
        self.book.follow(key, uid, Followed(plan, pace, selectors, queries))

    async def _reconcile(self, deployment: _Deployment) -> timedelta | None:
        key, spec, identity = deployment.key, deployment.spec, deployment.identity
        refusals = Refusals()
        wanted = await self._wanted(deployment, refusals)
        await self.revisions.record_digests(key, refusals)
        self.follow(key, identity.uid, spec, deployment.status)
        keys = await self.children.keys(key)
        await decisions.keep(self.applier, key, identity, deployment.status.last_decision, refusals)
        found = observe.revisions(self.cache, key, _with_traffic(deployment.status))
        readings = await self._read_withdrawn(deployment.status, found, keys.admin_token)
        candidate = deployment.status.candidate_revision or wanted
        gated = Gated(key, identity, spec, self.revisions.record(key, candidate))
        if gated.record is None:
            # Also of a revision that is not placed yet: it waits, and nothing else would say for what.
            refusals.unrendered.append(self.revisions.problem(key, candidate))
        gates = await self.gates.look(gated, deployment.status, self.clock(), refusals)
        observation = self._observation(deployment, wanted, found, readings, gates)
        status = _above_what_was_told(deployment.status, found, readings)
        decision = decide(spec, status, observation, self.clock())
        # First: once a status names a gate, no edit takes it back.
        await self.gates.record_added(gated, decision.status, refusals)
        await self._write_down(deployment, decision)
        if decision.status.last_decision != deployment.status.last_decision:
            await decisions.keep(self.applier, key, identity, decision.status.last_decision, refusals)
        placed = targets(spec, decision.status)
        profile = self.profiles.find(key, spec)
        asked = Wanted(identity, spec, placed, keys, profile.config if profile else None)
        await self.children.bring_about(key, asked, readings, refusals)
        await self.gates.bring_about(gated, decision.status, placed, refusals)
        await self.gates.remember(gated, deployment.status, decision.status, refusals)
        await self.revisions.prune(key, spec, {wanted, *_in_use(decision.status, placed, found)}, refusals)
        is_news = refusals.message != observation.render_problem
        self._refused[key] = refusals.message
        look_again_after = timedelta(0) if is_news or decision.rule != STAY else decision.look_again_after
        return min((t for t in (look_again_after, refusals.again_in) if t is not None), default=None)

    async def _wanted(self, deployment: _Deployment, refusals: Refusals) -> str:
        """Return the revision to work towards: what spec asks for, which exists from then on.

        Where the API server does not take that one, what is under way goes on without it.

        Raises:
            RefusedError: nothing is under way.
        """
        wanted = deployment.status.candidate_revision or deployment.status.stable_revision
        try:
            return await self.revisions.ensure(deployment.key, deployment.identity, deployment.spec)
        except RefusedError as error:
            if not wanted:
                raise
            refusals.note("the new revision's ControllerRevision", error)
            return wanted

    async def _read_withdrawn(
        self, status: ModelDeploymentStatus, found: Mapping[str, observe.PodsOfRevision], token: str
    ) -> dict[str, Reading]:
        if status.withdrawal is None or status.withdrawal.revision not in found:
            return {}
        return await self.monitors.read(found[status.withdrawal.revision].pods, token)

    def _observation(
        self,
        deployment: _Deployment,
        wanted: str,
        found: Mapping[str, observe.PodsOfRevision],
        readings: Mapping[str, Reading],
        gates: GatesSeen,
    ) -> Observation:
        entry = self.book[deployment.key]
        profile = self.profiles.find(deployment.key, deployment.spec)
        return Observation(
            deployment=deployment.key.name,
            generation=deployment.manifest["metadata"]["generation"],
            wanted_revision=wanted,
            revisions={name: observe.observe(pods, readings) for name, pods in found.items()},
            assessments=entry.assessments,
            metrics=entry.metrics,
            metrics_message=entry.message,
            alerts=entry.alerts,
            drift=entry.drift,
            drift_unknown=entry.drift_unknown,
            pressures=entry.pressures,
            profile=profile.seen if profile else None,
            query_problems=entry.problems,
            commands=observe.commands(deployment.manifest),
            render_problem=self._refused.get(deployment.key, ""),
            gates_in_force=gates.in_force,
            gates=gates.observations,
            approvals=approvals(self.cache, deployment.key),
        )

    async def _write_down(self, deployment: _Deployment, decision: Decision) -> None:
        """Write the status if it differs, and tell what was decided."""
        if decision.rule != STAY:
            self.telemetry.decided(decision.rule)
            record_decision(deployment.key, decision)
            log.info(
                "decided %s", decision.rule, extra={"deployment": str(deployment.key), **_numbers(decision)}
            )
        if decision.announcements:
            origin = events.origin(deployment.status)
            await events.announce(
                self.client, deployment.manifest, decision.announcements, origin, self.clock()
            )
        if decision.status == deployment.status:
            return
        body = decision.status.model_dump(by_alias=True, mode="json", exclude_none=True)
        written = await self.client.write_status(
            kinds.MODEL_DEPLOYMENT, {**deployment.manifest, "status": body}
        )
        self.cache.put(kinds.MODEL_DEPLOYMENT, written)
        self.follow(deployment.key, deployment.identity.uid, deployment.spec, decision.status)


def _above_what_was_told(
    status: ModelDeploymentStatus,
    found: Mapping[str, observe.PodsOfRevision],
    readings: Mapping[str, Reading],
) -> ModelDeploymentStatus:
    """Return a status whose traffic generation monitors obey, also if it began anew and its pods did not.

    That is so where a ModelDeployment was deleted without its pods and made again, or its status was lost.
    """
    told = [traffic.announced_generation(pod) for revision in found.values() for pod in revision.pods]
    highest = max((*told, *(reading.generation for reading in readings.values())), default=0)
    if highest <= status.traffic_generation:
        return status
    return status.model_copy(update={"traffic_generation": highest + 1})


def _with_traffic(status: ModelDeploymentStatus) -> set[str]:
    """Return the revisions whose pods matter even if someone has deleted their ControllerRevision."""
    moving, control = status.withdrawal, status.control
    moved = (moving.to, moving.revision) if moving else ()
    return {status.stable_revision, *moved, control.revision if control else ""} - {""}


def _in_use(status: ModelDeploymentStatus, placed: Targets, existing: Collection[str]) -> set[str]:
    """Return the revisions that serve, are tried, or would be gone back to once no standby is kept."""
    names = {status.stable_revision, status.candidate_revision, status.standby_revision}
    last_good = (name for name in to_go_back_to(status, existing) if name not in names)
    return {*names, *itertools.islice(last_good, 1), *(placement.revision for placement in placed.placements)}


def _numbers(decision: Decision) -> dict[str, Any]:
    return {
        "phase": decision.status.phase.value,
        "stable": decision.status.stable_revision,
        "candidate": decision.status.candidate_revision,
        "said": [announcement.message for announcement in decision.announcements],
    }
