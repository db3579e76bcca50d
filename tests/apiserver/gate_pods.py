"""Pods of gates, without containers: what a Job controller and a kubelet would make and say."""

import json
from dataclasses import dataclass
from typing import Any, Final

from modelward.control import kinds
from tests.apiserver.operators import Manifest, World

PASSED: Final = {
    "result": "Passed",
    "message": "all 1 checks passed",
    "checks": [{"name": "gap", "value": 0.01, "comparison": "AtMost", "limit": 0.05, "passed": True}],
}
FAILED: Final = {
    "result": "Failed",
    "message": "gap is 0.12, at most 0.05 is asked for",
    "checks": [{"name": "gap", "value": 0.12, "comparison": "AtMost", "limit": 0.05, "passed": False}],
}
_WHEN: Final = "2026-01-01T00:00:00Z"
_ENDED: Final = {
    "Complete": ("SuccessCriteriaMet", "Complete"),
    "Failed": ("FailureTarget", "Failed"),
}


def fairness(name: str = "fairness", **more: Any) -> Manifest:
    """Return a gate of the team's own."""
    container = {"name": "test", "image": "fairness:1", "command": ["test"]}
    return {"name": name, "job": {"template": {"spec": {"containers": [container]}}}, **more}


def measured(name: str = "data", **more: Any) -> Manifest:
    """Return a gate that modelward-gates measures."""
    return {"name": name, "dataQuality": {"maxDuplicates": "1%"}, **more}


MEASURED_BY: Final[Manifest] = {
    "inference": {"model": "electricity"},
    "validation": {"uri": "s3://data/validation.csv", "labels": "up"},
}


@dataclass(frozen=True, slots=True)
class GatePods:
    """Plays what runs the Jobs of a test's namespace."""

    world: World

    async def jobs(self, gate: str) -> list[Manifest]:
        """Return the Jobs of a gate, in the order in which they were made."""
        found = [job for job in await self.world.all(kinds.JOB) if _gate_of(job) == gate]
        return sorted(found, key=lambda job: int(job["metadata"]["resourceVersion"]))

    async def job(self, gate: str, number: int = 0) -> Manifest:
        """Wait for the Job of a gate's attempt `number`, and return it."""

        async def found() -> list[Manifest]:
            return [job for job in await self.jobs(gate) if _attempt_of(job) == number]

        await self.world.until(found)
        return (await found())[0]

    async def end(self, job: Manifest, exit_code: int, message: object = "", reason: str = "Error") -> None:
        """Let a Job's pod end with an exit code and a termination message, a verdict or text."""
        text = message if isinstance(message, str) else json.dumps(message)
        terminated = {
            "exitCode": exit_code,
            "reason": "Completed" if exit_code == 0 else reason,
            "message": text,
            "startedAt": _WHEN,
            "finishedAt": _WHEN,
        }
        status = {"phase": "Failed" if exit_code else "Succeeded"}
        await self.pod(job, status, {"terminated": terminated})
        await self.close(job, "Failed" if exit_code else "Complete")

    async def evict(self, job: Manifest) -> None:
        """Let a Job's pod be evicted while it runs."""
        status = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
        await self.pod(job, status, None)
        await self.close(job, "Failed")

    async def pod(
        self, job: Manifest, status: Manifest, state: Manifest | None, owner: str | None = None
    ) -> str:
        """Make a Job's pod, of another owner if one is named, and say how it is; return its name."""
        template, uid = job["spec"]["template"], job["metadata"]["uid"]
        container = template["spec"]["containers"][0]
        name = f"{job['metadata']['name']}-{'forged' if owner else 'own'}"
        reference = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": job["metadata"]["name"],
            "uid": owner or uid,
            "controller": True,
        }
        labels = {**template["metadata"]["labels"], "batch.kubernetes.io/controller-uid": uid}
        metadata = {
            "name": name,
            "namespace": self.world.namespace,
            "labels": labels,
            "ownerReferences": [reference],
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        await self.world.client.create(kinds.POD, pod)
        one = {"name": container["name"], "image": "x", "imageID": "", "ready": False, "restartCount": 0}
        states = {"containerStatuses": [{**one, "state": state}]} if state else {}
        await self.world.set_pod(name, {**status, **states})
        return name

    async def close(self, job: Manifest, how: str, reason: str = "Played") -> None:
        """Say of a Job that it is Complete or Failed, and why."""
        conditions = [
            {"type": kind, "status": "True", "reason": reason, "message": "", "lastTransitionTime": _WHEN}
            for kind in _ENDED[how]
        ]
        ended = {"completionTime": _WHEN, "succeeded": 1} if how == "Complete" else {"failed": 1}
        await self.world.client.request(
            "PATCH",
            kinds.JOB.path(self.world.namespace, job["metadata"]["name"], "status"),
            body={"status": {"startTime": _WHEN, "conditions": conditions, **ended}},
            content_type="application/merge-patch+json",
        )


def _gate_of(job: Manifest) -> str:
    gate: str = job["metadata"]["labels"]["modelward.dev/gate"]
    return gate


def _attempt_of(job: Manifest) -> int:
    attempt: int = json.loads(job["metadata"]["annotations"]["modelward.dev/gate-job"])["attempt"]
    return attempt
