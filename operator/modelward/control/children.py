"""Brings about what a status says: renders the children, and applies what differs, traffic last."""

import base64
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from modelward import conventions as names
from modelward.api.binning import DriftConfig
from modelward.api.spec import ModelDeploymentSpec
from modelward.control import kinds, observe, traffic
from modelward.control.apply import Applier
from modelward.control.cache import Cache
from modelward.control.client import Manifest
from modelward.control.monitors import Monitors, Reading
from modelward.control.refusals import Refusals
from modelward.control.revisions import Revisions
from modelward.decide.placement import Targets
from modelward.render import children
from modelward.render.identity import DeploymentIdentity, KeyMaterial, Platform
from modelward.render.revision import RevisionRecord
from modelward.render.secret import keys_secret_name
from modelward.signals.key import Key

KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to exist of one deployment, and where its traffic is to go."""

    identity: DeploymentIdentity
    spec: ModelDeploymentSpec
    targets: Targets
    keys: KeyMaterial
    drift: DriftConfig | None
    """The bins of the profile that spec names, if it can be used."""


class Children:
    """Applies children."""

    def __init__(
        self,
        applier: Applier,
        cache: Cache,
        monitors: Monitors,
        revisions: Revisions,
        platform: Platform,
    ) -> None:
        self._applier = applier
        self._cache = cache
        self._monitors = monitors
        self._revisions = revisions
        self._platform = platform
        self._keys: dict[Key, KeyMaterial] = {}

    async def keys(self, key: Key) -> KeyMaterial:
        """Return the deployment's keys: those in its Secret, else those last known, else new ones.

        So a Secret that someone deletes comes back with the same keys, and receipts stay good.

        Raises:
            ApiError: the API server could not be asked, or a Secret of that name is someone else's.
        """
        secret = await self._applier.find(key, kinds.SECRET, keys_secret_name(key.name))
        data = secret.manifest().get("data") or {} if secret else {}
        known = self._keys.get(key) or _new_keys()
        self._keys[key] = KeyMaterial(
            receipt_keys=_decoded(data, names.FILE_RECEIPT_KEY) or known.receipt_keys,
            admin_token=_decoded(data, names.FILE_ADMIN_TOKEN) or known.admin_token,
        )
        return self._keys[key]

    def forget(self, key: Key) -> None:
        """Forget the keys of a deployment that is gone."""
        self._keys.pop(key, None)

    async def bring_about(
        self, key: Key, wanted: Wanted, readings: Mapping[str, Reading], refusals: Refusals
    ) -> None:
        """Apply what differs. What does not exist yet comes first, and what moves traffic last.

        The workload of a revision that cannot be rendered is left as it is; its traffic moves all the same.
        """
        placed = {placement.revision for placement in wanted.targets.placements}
        revisions = observe.revisions(self._cache, key, placed)
        records = self._records(key, placed)
        without_record = sorted(placed - records.keys())
        refusals.unrendered += [self._revisions.problem(key, name) for name in without_record]
        rendered = tuple(each for each in wanted.targets.placements if each.revision in records)
        manifests = children.render(
            wanted.identity,
            wanted.spec,
            records,
            replace(wanted.targets, placements=rendered),
            self._platform,
            wanted.keys,
            drift=wanted.drift,
        )
        route = traffic.Route(
            identity=wanted.identity,
            targets=wanted.targets,
            manifests=tuple(m for m in manifests if self._moves_traffic(key, m, revisions)),
            revisions=revisions,
            readings=readings,
            token=wanted.keys.admin_token,
        )
        for manifest in manifests:
            if manifest not in route.manifests:
                with refusals.of_manifest(manifest):
                    await self._applier.apply(key, manifest)
        await traffic.move(self._applier, self._monitors, key, route, refusals)

    def _records(self, key: Key, placed: Collection[str]) -> dict[str, RevisionRecord]:
        """Return the revisions that are placed and those that have a Deployment, which may be scaled to 0."""
        needed = {*placed, *(record.name for record in self._cache.of(key, kinds.DEPLOYMENT))}
        return {name: record for name, record in self._revisions.records(key).items() if name in needed}

    def _moves_traffic(
        self, key: Key, manifest: Manifest, revisions: Mapping[str, observe.PodsOfRevision]
    ) -> bool:
        """Return whether a change of this object moves the traffic of pods that run.

        That is the deployment's Service, and the file of a revision's monitors. What does not exist yet,
        and the file of a revision without pods, moves nothing and has to be there before the pods.
        """
        kind, name = kinds.kind_of(manifest), manifest["metadata"]["name"]
        if self._cache.get(key, kind, name) is None:
            return False
        if kind is kinds.CONFIG_MAP:
            return bool(revisions[name].pods)
        return kind is kinds.SERVICE and name == key.name


def _decoded(data: Mapping[str, str], file: str) -> str:
    return base64.b64decode(data.get(file, "")).decode()


def _new_keys() -> KeyMaterial:
    receipt_key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    return KeyMaterial(receipt_keys=receipt_key, admin_token=secrets.token_urlsafe(KEY_BYTES))
