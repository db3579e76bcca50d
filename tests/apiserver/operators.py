"""The operator as a process of a test's own, and the world around it: manifests, pods and monitors.

There is no kubelet and no controller: a test makes pods itself and says through the API how they are.
"""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml
from kubernetes.aio.client import Configuration

from dev.cluster.controlplane import ControlPlane
from modelward.control import kinds
from modelward.control.client import NOT_FOUND, ApiError, Client
from modelward.control.kinds import Kind
from tests.apiserver.changes import Changes

Manifest: TypeAlias = dict[str, Any]

LIMIT_SECONDS: Final = 240.0
SHORTEST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 0.5
TOO_MANY_REQUESTS: Final = 429
NOWHERE: Final = "http://127.0.0.1:1"
IMAGES: Final = {"monitor": "monitor:1", "fetch": "fetch:1", "collector": "collector:1", "gates": "gates:1"}
CHILDREN: Final = (
    kinds.CONTROLLER_REVISION,
    kinds.DEPLOYMENT,
    kinds.SERVICE,
    kinds.CONFIG_MAP,
    kinds.SECRET,
    kinds.POD_MONITOR,
    kinds.PROMETHEUS_RULE,
)


def administrator(api_server: ControlPlane) -> Configuration:
    """Return how the test itself reaches the API server."""
    api = Configuration()
    api.host = api_server.url
    api.ssl_ca_cert = str(api_server.ca_file)
    api.api_key["BearerToken"] = f"Bearer {api_server.token}"
    return api


class Nursery:
    """Starts operators by forking them from one process (see nursery.py)."""

    def __init__(self) -> None:
        """Start the process; it ends with this one."""
        command = [sys.executable, "-m", "tests.apiserver.nursery"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1)
        self._answers: dict[str, dict[str, int]] = {}
        self._numbers = itertools.count()
        threading.Thread(target=self._listen, daemon=True).start()

    async def start(self, arguments: Sequence[str], log: Path, fault: str) -> "Running":
        """Start an operator, and wait until it runs."""
        name = str(next(self._numbers))
        self._answers[name] = {}
        asked = {"id": name, "arguments": list(arguments), "log": str(log), "fault": fault}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        async with asyncio.timeout(LIMIT_SECONDS):
            while "pid" not in self._answers[name]:
                assert self._process.poll() is None, "the operator cannot be imported"
                await asyncio.sleep(0.02)
        return Running(self._answers[name], log)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer = json.loads(line)
            self._answers[answer.pop("id")] |= answer


@dataclass(slots=True)
class Running:
    """An operator process."""

    told: dict[str, int]
    """What the nursery said: its pid and, once it has ended, its exit status."""
    log: Path
    seen_to_end: bool = False
    """Whether a test has waited for its end and looked at how it ended."""

    async def ended(self) -> int:
        """Wait for it to end and return its exit status."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while "exit" not in self.told:  # noqa: ASYNC110 - another thread listens
                await asyncio.sleep(0.02)
        self.seen_to_end = True
        return self.told["exit"]

    async def ended_or(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Wait until it has ended or something holds."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while "exit" not in self.told and not await holds():  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.1)

    def kill(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if "exit" not in self.told:
            with contextlib.suppress(ProcessLookupError):  # it has, and that is not told yet
                os.kill(self.told["pid"], number)

    async def stop(self) -> int:
        """Send SIGTERM, as a kubelet does, and return the exit status."""
        self.kill(signal.SIGTERM)
        return await self.ended()

    def said(self, message: str) -> bool:
        """Return whether a log line has this text in its message."""
        return any(message in line["message"] for line in self.lines())

    def lines(self) -> list[dict[str, Any]]:
        """Return the log so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


@dataclass(slots=True)
class World:
    """One test's namespace."""

    client: Client
    api_server: ControlPlane
    nursery: Nursery
    namespace: str
    folder: Path
    changes: Changes
    settings: dict[str, Any] = field(default_factory=dict)
    _starts: int = 0

    @asynccontextmanager
    async def operator(self, fault: str = "", **settings: Any) -> AsyncIterator[Running]:
        """Run an operator for this namespace; it is told to end at the end, unless it has ended."""
        self._starts += 1
        config = self.folder / f"operator-{self._starts}.yaml"
        config.write_text(yaml.safe_dump(self._settings(settings)))
        log = self.folder / f"operator-{self._starts}.log"
        log.touch()
        arguments = ["--config", str(config), "--kubeconfig", str(self.api_server.kubeconfig)]
        running = await self.nursery.start(arguments, log, fault)
        try:
            yield running
            if not running.seen_to_end:
                assert await running.stop() == 0, running.log.read_text()[-2000:]
        finally:
            running.kill(signal.SIGKILL)

    def _settings(self, more: dict[str, Any]) -> dict[str, Any]:
        return {
            "prometheus": {"url": NOWHERE},
            "images": IMAGES,
            "namespaces": [self.namespace],
            # Longer than a test waits: a busy machine may keep an operator from renewing it in time.
            "lease": {"namespace": self.namespace, "durationSeconds": 600, "renewDeadlineSeconds": 480},
            "httpPort": 0,
            "alertsPort": 0,
            **self.settings,
            **more,
        }

    async def apply(self, name: str = "electricity", **spec: Any) -> Manifest:
        """Apply a ModelDeployment as a team would; fields of `spec` replace those of the smallest one."""
        manifest = {
            "apiVersion": kinds.MODEL_DEPLOYMENT.api_version,
            "kind": kinds.MODEL_DEPLOYMENT.name,
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"model": {"uri": "s3://models/electricity/1"}, "server": server("mlserver:1"), **spec},
        }
        path = kinds.MODEL_DEPLOYMENT.path(self.namespace, name)
        query = {"fieldManager": "team", "force": "true"}
        return await self.client.request(
            "PATCH", path, query=query, body=manifest, content_type="application/apply-patch+yaml"
        )

    async def annotate(self, annotation: str, value: str, name: str = "electricity") -> None:
        """Set an annotation of a ModelDeployment as a person would."""
        change = {"metadata": {"annotations": {annotation: value}}}
        await self.client.merge(kinds.MODEL_DEPLOYMENT, self.namespace, name, change)

    async def get(self, kind: Kind, name: str) -> Manifest:
        """Return one object."""
        return await self.client.request("GET", kind.path(self.namespace, name))

    async def get_or_none(self, kind: Kind, name: str) -> Manifest | None:
        """Return one object, if it exists."""
        try:
            return await self.get(kind, name)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    async def everything(self, kind: Kind) -> list[Manifest]:
        """Return every object of a kind in the namespace, whosever it is."""
        listed = await self.client.request("GET", kind.path(self.namespace))
        return [{"kind": kind.name, **item} for item in listed["items"]]

    async def all(self, kind: Kind) -> list[Manifest]:
        """Return every object of a kind that belongs to a deployment, by name."""
        items = [item async for page in self.client.pages(kind, self.namespace) for item in page["items"]]
        return sorted(items, key=lambda item: str(item["metadata"]["name"]))

    async def is_served(self) -> bool:
        """Return whether every kind can be listed; an API server that has just started may say: too early."""
        try:
            for kind in (kinds.MODEL_DEPLOYMENT, *CHILDREN):
                await self.everything(kind)
        except ApiError as error:
            if error.status == TOO_MANY_REQUESTS:
                return False
            raise
        return True

    async def status(self, name: str = "electricity") -> Manifest:
        """Return a deployment's status."""
        found: Manifest = (await self.get(kinds.MODEL_DEPLOYMENT, name)).get("status") or {}
        return found

    async def status_holds(self, holds: Callable[[Manifest], Any]) -> bool:
        """Return whether something holds of the status now."""
        return bool(holds(await self.status()))

    async def until_status(
        self,
        holds: Callable[[Manifest], Any],
        name: str = "electricity",
        limit_seconds: float = LIMIT_SECONDS,
    ) -> Manifest:
        """Wait until something holds of a deployment's status, and return that."""
        status = await self.status(name)
        try:
            async with asyncio.timeout(limit_seconds), self.changes.of(kinds.MODEL_DEPLOYMENT) as changed:
                while not holds(status):
                    await changed.wait()
                    status = await self.status(name)
        except TimeoutError:
            message = f"not within {limit_seconds} s; the status is {json.dumps(status, indent=1)}"
            raise AssertionError(message) from None
        return status

    async def until(self, holds: Callable[[], Any], limit_seconds: float = LIMIT_SECONDS) -> None:
        """Wait until something holds; coroutines are awaited. The longer it takes the less often it looks."""
        pause = SHORTEST_PAUSE_SECONDS
        async with asyncio.timeout(limit_seconds):
            while True:
                answer = holds()
                if await answer if asyncio.iscoroutine(answer) else answer:
                    return
                await asyncio.sleep(pause)
                pause = min(pause * 1.2, LONGEST_PAUSE_SECONDS)

    async def make_pod(self, revision: str, number: int, status: Manifest, owner: str = "electricity") -> str:
        """Make one pod of a revision and say how it is; return its name."""
        name = f"{revision}-{number}"
        labels = {"modelward.dev/deployment": owner, "modelward.dev/revision": revision}
        spec = {"containers": [{"name": "model", "image": "mlserver:1"}]}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": self.namespace, "labels": labels},
            "spec": spec,
        }
        await self.client.create(kinds.POD, pod)
        await self.set_pod(name, status)
        return name

    async def set_pod(self, name: str, status: Manifest) -> None:
        """Say how a pod is, as its kubelet would."""
        await self.client.request(
            "PATCH",
            kinds.POD.path(self.namespace, name, "status"),
            body={"status": status},
            content_type="application/merge-patch+json",
        )

    @asynccontextmanager
    async def kubelet(self, statuses: Callable[[str, int], Manifest]) -> AsyncIterator[None]:
        """Keep pods for every Deployment while it lasts; `statuses` says how pod N of a revision is."""

        async def keep() -> None:
            async with self.changes.of(kinds.DEPLOYMENT, kinds.POD) as changed:
                while True:
                    await changed.wait()
                    # What is refused, as for a pod that has just gone, is looked at again.
                    with contextlib.suppress(ApiError):
                        pods = await self.all(kinds.POD)
                        for workload in await self.all(kinds.DEPLOYMENT):
                            await self._keep_pods(workload, pods, statuses)

        keeping = asyncio.create_task(keep())
        try:
            yield
        finally:
            assert not keeping.done(), keeping.exception()
            keeping.cancel()

    async def _keep_pods(
        self, workload: Manifest, pods: Sequence[Manifest], statuses: Callable[[str, int], Manifest]
    ) -> None:
        revision, replicas = workload["metadata"]["name"], workload["spec"]["replicas"]
        labels = workload["metadata"]["labels"]
        existing = {
            pod["metadata"]["name"]: pod
            for pod in pods
            if pod["metadata"]["labels"]["modelward.dev/revision"] == revision
        }
        for number in range(max(replicas, len(existing))):
            name = f"{revision}-{number}"
            if number >= replicas:
                await self.delete(kinds.POD, name)
            elif name not in existing:
                owner = labels["modelward.dev/deployment"]
                await self.make_pod(revision, number, statuses(revision, number), owner)

    async def lease_runs_out(self) -> None:
        """Remove the lease of an operator that died, as if its time were over."""
        with contextlib.suppress(ApiError):
            await self.delete(kinds.LEASE, "modelward-operator")

    async def delete(self, kind: Kind, name: str) -> None:
        """Delete an object at once."""
        options = {"gracePeriodSeconds": 0}
        await self.client.request("DELETE", kind.path(self.namespace, name), body=options)

    def requests(self, *verbs: str) -> list[Manifest]:
        """Return the audit log's requests of operators in this namespace, with one of these verbs."""
        assert self.api_server.audit_log is not None
        here = f'"namespace":"{self.namespace}"'
        lines = (line for line in self.api_server.audit_log.read_text().splitlines() if here in line)
        return [
            event
            for event in map(json.loads, lines)
            if event["verb"] in verbs
            and event.get("objectRef", {}).get("namespace") == self.namespace
            and event["userAgent"].startswith(("modelward", "kopf"))
        ]

    def writes(self) -> list[Manifest]:
        """Return the operators' writes, but for the lease."""
        requests = self.requests("create", "update", "patch", "delete")
        return [event for event in requests if event["objectRef"]["resource"] != "leases"]


def server(image: str) -> Manifest:
    """Return spec.server of an image."""
    return {"template": {"spec": {"containers": [{"name": "model", "image": image}]}}}


def ready(address: str = "", digest: str = "sha256:" + "a" * 64) -> Manifest:
    """Return the status of a pod that is ready; without an address nobody can talk to its monitor."""
    fetched = {"exitCode": 0, "reason": "Completed", "message": json.dumps({"digest": digest})}
    return {
        "phase": "Running",
        **({"podIP": address, "podIPs": [{"ip": address}]} if address else {}),
        "conditions": [{"type": "Ready", "status": "True"}],
        "initContainerStatuses": [
            {
                "name": "fetch",
                "image": "fetch:1",
                "imageID": "",
                "ready": True,
                "restartCount": 0,
                "state": {"terminated": {**fetched, "startedAt": None, "finishedAt": None}},
            }
        ],
    }


def starting(container: str = "model", state: Manifest | None = None) -> Manifest:
    """Return the status of a pod that is not ready, and the state of one of its containers."""
    which = "initContainerStatuses" if container == "fetch" else "containerStatuses"
    one = {"name": container, "image": "x", "imageID": "", "ready": False, "restartCount": 1}
    return {
        "phase": "Pending",
        "conditions": [{"type": "Ready", "status": "False"}],
        which: [{**one, "state": state or {"waiting": {"reason": "ContainerCreating"}}}],
    }


def condition(status: Manifest, kind: str) -> Manifest:
    """Return one condition of a status; an empty one if it is not there."""
    return next((c for c in status.get("conditions", ()) if c["type"] == kind), {})
