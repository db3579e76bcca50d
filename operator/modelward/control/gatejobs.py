"""The Jobs of a revision's gates and what came of them, read from the Jobs' and pods' status.

A Job's pod is not watched: it has no label of the deployment's. It is asked for when the deployment is
looked at while its Job runs, and once more when the Job has ended; what it said then does not change.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar

from modelward import conventions as names
from modelward.control import gateverdicts, kinds
from modelward.control.cache import Cache, Record
from modelward.control.client import ApiError, Client, Manifest
from modelward.control.gateverdicts import Said
from modelward.control.refusals import Refusals, RefusedError
from modelward.decide.observation import Problem, ProblemReason
from modelward.decide.placement import GateJob
from modelward.render.gates import job_name, read_gate_job
from modelward.signals.key import Key

log: Final = logging.getLogger(__name__)
_Known = TypeVar("_Known")
ASK_AGAIN: Final = timedelta(seconds=5)
"""Until the API server is asked again for pods that it did not show."""
_OF_JOB: Final = "batch.kubernetes.io/controller-uid"


@dataclass(frozen=True, slots=True)
class Seen:
    """One Job of a gate.

    Args:
        job: which gate of which revision, and which try.
        record: the Job as the watches have it.
        pod: name of its pod; empty if there is none.
        said: what came of it; None while it runs.
        hindered: what keeps it from running.
    """

    job: GateJob
    record: Record
    pod: str
    said: Said | None
    hindered: Problem | None = None

    @property
    def report(self) -> str:
        """Where its program was to write its report; REPORT_ON_LOG: onto its log; empty: it writes none."""
        annotations = self.record.manifest()["metadata"]["annotations"]
        return str(annotations.get(names.ANNOTATION_GATE_REPORT, ""))


@dataclass(slots=True)
class GateJobs:
    """Reads Jobs; keeps what those that have ended said, and what kept the others from running."""

    client: Client
    cache: Cache
    _ended: dict[Key, dict[str, Seen]] = field(default_factory=dict)
    _hindered: dict[Key, dict[str, Problem]] = field(default_factory=dict)
    """Both by the Job's uid."""

    def of(self, key: Key) -> Iterator[tuple[GateJob, Record]]:
        """Yield the Jobs of a deployment's gates that are this operator's work."""
        owner = self.cache.get(key, kinds.MODEL_DEPLOYMENT, key.name)
        for record in list(self.cache.of(key, kinds.JOB)):
            manifest = record.manifest()
            job = read_gate_job(manifest)
            if (
                job is not None
                and owner is not None
                and record.name == job_name(job)
                # The API server lets nobody else write this label (helm/modelward/templates/policies.yaml).
                and manifest["metadata"]["labels"].get(names.LABEL_GATE) == job.name
                and _is_owned(manifest, owner.uid)
            ):
                yield job, record

    async def look(self, key: Key, revision: str, refusals: Refusals) -> tuple[Seen, ...]:
        """Return the Jobs of a revision's gates, and what came of them.

        A Job whose pods the API server does not show has said nothing, and holds up neither the others nor
        what serves. That is noted, so that it is looked at again soon.
        """
        ours = list(self.of(key))
        existing = {record.uid for _, record in ours}
        self._ended[key] = _only(existing, self._ended.get(key, {}))
        self._hindered[key] = _only(existing, self._hindered.get(key, {}))
        seen = []
        for job, record in ours:
            if job.revision != revision:
                continue
            try:
                seen.append(await self._look(key, job, record))
            except ApiError as error:
                refusals.note(f"the pods of Job {record.name}", RefusedError(error, ASK_AGAIN))
                message = f"the API server does not show the pods of its Job: {error.message}"
                hindered = Problem(ProblemReason.NOT_READY, message)
                seen.append(Seen(job, record, "", None, hindered))
        return tuple(seen)

    def is_anothers(self, key: Key, job: GateJob) -> bool:
        """Return whether an object that somebody else made has the name of a gate's Job."""
        found = self.cache.get(key, kinds.JOB, job_name(job))
        return found is not None and all(record.uid != found.uid for _, record in self.of(key))

    def has_ended(self, key: Key, record: Record) -> bool:
        """Return whether a Job has nothing more to do; its pod may say so before the Job does."""
        return record.uid in self._ended.get(key, {}) or _ended_by(record.manifest()) is not None

    def forget(self, key: Key) -> None:
        """Forget a deployment that is gone."""
        self._ended.pop(key, None)
        self._hindered.pop(key, None)

    async def _look(self, key: Key, job: GateJob, record: Record) -> Seen:
        if known := self._ended[key].get(record.uid):
            return known
        condition = _ended_by(record.manifest())
        pods = await self._pods(record)
        pod = pods[0] if pods else None
        hindered = self._hindered[key].get(record.uid)
        if forged := gateverdicts.forged(pods, record.manifest()):
            said = forged
        elif pod is not None and gateverdicts.has_ended(pod):
            said = gateverdicts.judge(pod, hindered)
        elif condition is not None:
            said = gateverdicts.gone(condition, hindered)
        else:
            hindered = gateverdicts.hindrance(pod) if pod else None
            if hindered is not None:
                self._hindered[key][record.uid] = hindered
            return Seen(job, record, pod["metadata"]["name"] if pod else "", None, hindered)
        seen = Seen(job, record, pod["metadata"]["name"] if pod else "", said)
        log.info(
            "gate %s of %s: %s: %s", job.name, job.revision, said.result, said.message,
            extra={"reason": said.reason, "job": record.name},
        )  # fmt: skip
        self._ended[key][record.uid] = seen
        return seen

    async def _pods(self, record: Record) -> list[Manifest]:
        """Return the pods that the Job owns."""
        query = {"labelSelector": f"{_OF_JOB}={record.uid},{names.LABEL_GATE}"}
        listed = await self.client.request("GET", kinds.POD.path(record.namespace), query=query)
        return [pod for pod in listed["items"] if _is_owned(pod, record.uid)]


def _only(existing: set[str], known: dict[str, _Known]) -> dict[str, _Known]:
    return {uid: each for uid, each in known.items() if uid in existing}


def _ended_by(job: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the condition that says how a Job ended; None while it runs."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition["status"] == "True"), None)


def _is_owned(manifest: Mapping[str, Any], uid: str) -> bool:
    references = manifest["metadata"].get("ownerReferences") or ()
    return any(reference["uid"] == uid and reference.get("controller") for reference in references)
