"""Moves traffic in the order in which no request is lost: monitors, the Service, then what outlives both.

A selector moves only new connections, and a mounted ConfigMap takes a minute to arrive. So the monitors
are told first, those of a withdrawn revision before all others; then the Service is switched; then the
ConfigMaps say the same to a monitor that restarts, and an annotation on each pod makes its kubelet look
at once, which also reaches a monitor that could not be told.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from modelward import conventions as names
from modelward.control import kinds
from modelward.control.apply import Applier
from modelward.control.client import Manifest
from modelward.control.monitors import Monitors, Reading
from modelward.control.observe import PodsOfRevision
from modelward.control.refusals import Refusals
from modelward.decide.placement import MonitorMode, Placement, Targets
from modelward.render.config import traffic_config
from modelward.render.identity import DeploymentIdentity
from modelward.signals.key import Key

_UNTOLD: Final = -1
_GENERATION: Final = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Route:
    """What one reconcile wants of the traffic of one deployment."""

    identity: DeploymentIdentity
    targets: Targets
    manifests: tuple[Manifest, ...]
    """The deployment's Service and the ConfigMaps of the placed revisions."""
    revisions: Mapping[str, PodsOfRevision]
    readings: Mapping[str, Reading]
    """Of monitors that were read in this reconcile, by pod uid."""
    token: str

    def behind(self, placement: Placement) -> list[Manifest]:
        """Return the running pods of a revision whose monitors may not obey the current generation yet."""
        revision = self.revisions.get(placement.revision)
        return [pod for pod in revision.pods if _is_running(pod) and self._is_behind(pod)] if revision else []

    def _is_behind(self, pod: Manifest) -> bool:
        reading = self.readings.get(pod["metadata"]["uid"])
        if reading is not None and reading.generation < self.targets.generation:
            return True
        return announced_generation(pod) != self.targets.generation


def announced_generation(pod: Manifest) -> int:
    """Return the generation in a pod's annotation; -1 if there is none that the operator can have written."""
    value = pod["metadata"]["annotations"].get(names.ANNOTATION_TRAFFIC_GENERATION, "")
    return int(value) if _GENERATION.fullmatch(value) else _UNTOLD


async def move(applier: Applier, monitors: Monitors, key: Key, route: Route, refusals: Refusals) -> None:
    """Bring monitors, Service, ConfigMaps and annotations in line with the targets; nothing is sent twice."""
    behind = {placement: route.behind(placement) for placement in route.targets.placements}
    withdrawn = [placement for placement in behind if placement.mode is MonitorMode.WITHDRAW]
    others = [placement for placement in behind if placement.mode is not MonitorMode.WITHDRAW]
    for group in (withdrawn, others):
        await asyncio.gather(*(_tell(monitors, route, placement, behind[placement]) for placement in group))
    for manifest in sorted(route.manifests, key=lambda manifest: manifest["kind"] != kinds.SERVICE.name):
        with refusals.of_manifest(manifest):
            await applier.apply(key, manifest)
    for pod in (pod for pods in behind.values() for pod in pods):
        with refusals.of(kinds.POD.name, pod["metadata"]["name"]):
            await _annotate(applier, key, pod, route.targets.generation)


async def _tell(monitors: Monitors, route: Route, placement: Placement, pods: list[Manifest]) -> None:
    if pods:
        told = traffic_config(route.identity, placement, route.targets.generation)
        await monitors.tell(pods, route.token, told.model_dump(mode="json"))


async def _annotate(applier: Applier, key: Key, pod: Manifest, generation: int) -> None:
    if announced_generation(pod) != generation:
        name = pod["metadata"]["name"]
        await applier.annotate(key, kinds.POD, name, names.ANNOTATION_TRAFFIC_GENERATION, str(generation))


def _is_running(pod: Manifest) -> bool:
    return bool(pod["status"]["podIP"]) and pod["status"]["phase"] == "Running"
