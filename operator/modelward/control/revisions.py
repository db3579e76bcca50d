"""ControllerRevisions: the history of what a deployment was asked to serve, and with which images.

One is made when spec asks for something that has none yet; it is never changed afterwards but for the
digest of the model that its first pod fetched.
"""

import contextlib
from collections.abc import Collection

from modelward import conventions as names
from modelward.api.spec import ModelDeploymentSpec
from modelward.control import kinds, observe
from modelward.control.apply import Applier
from modelward.control.cache import Cache
from modelward.control.refusals import Refusals
from modelward.render.children import superfluous_revisions
from modelward.render.identity import DeploymentIdentity
from modelward.render.revision import (
    Images,
    InvalidRevisionError,
    RevisionRecord,
    controller_revision,
    new_record,
    read_record,
)
from modelward.signals.key import Key


class Revisions:
    """Makes and reads the revisions of deployments."""

    def __init__(self, cache: Cache, applier: Applier, images: Images) -> None:
        self._cache = cache
        self._applier = applier
        self._images = images

    def records(self, key: Key) -> dict[str, RevisionRecord]:
        """Return every revision of a deployment that this operator can render, by name."""
        found = {}
        for stored in self._cache.of(key, kinds.CONTROLLER_REVISION):
            with contextlib.suppress(InvalidRevisionError):
                found[stored.name] = read_record(stored.manifest())
        return found

    def record(self, key: Key, name: str) -> RevisionRecord | None:
        """Return one revision, if there is one of that name and this operator can render it."""
        stored = self._cache.get(key, kinds.CONTROLLER_REVISION, name)
        with contextlib.suppress(InvalidRevisionError):
            return read_record(stored.manifest()) if stored else None
        return None

    def problem(self, key: Key, name: str) -> str:
        """Say why a revision cannot be rendered, and what to do; empty if it can."""
        stored = self._cache.get(key, kinds.CONTROLLER_REVISION, name)
        if stored is None:
            return (
                f"ControllerRevision {name} is gone, so Deployment {name} is left as it is; restore the one "
                f"from a backup, or have spec ask for that revision or for another one"
            )
        try:
            read_record(stored.manifest())
        except InvalidRevisionError as error:
            return f"{error}; until then Deployment {name} is left as it is"
        return ""

    async def ensure(self, key: Key, identity: DeploymentIdentity, spec: ModelDeploymentSpec) -> str:
        """Return the name of the revision that spec asks for, which exists from then on.

        Raises:
            RefusedError: the API server did not take it or could not be reached, now or lately.
        """
        wanted = new_record(identity, spec, self._next_number(key), self._images)
        await self._applier.make(key, controller_revision(identity, wanted))
        return wanted.name

    async def record_digests(self, key: Key, refusals: Refusals) -> None:
        """Note the digest of each revision whose pods have reported one for the first time.

        Where pods that start together report different ones none is noted; that is a problem of its own.
        """
        kind = kinds.CONTROLLER_REVISION
        for revision in observe.revisions(self._cache, key).values():
            if not revision.recorded_digest and len(revision.reported_digests) == 1:
                (digest,) = revision.reported_digests
                with refusals.of(kind.name, revision.name):
                    await self._applier.annotate(
                        key, kind, revision.name, names.ANNOTATION_MODEL_DIGEST, digest
                    )

    async def prune(
        self, key: Key, spec: ModelDeploymentSpec, kept: Collection[str], refusals: Refusals
    ) -> None:
        """Delete revisions beyond the limit, with what was made for them; those in `kept` stay.

        A revision goes last, so that a deletion that was cut short or refused is taken up again.
        """
        records = self.records(key).values()
        for name in superfluous_revisions(records, kept, spec.revision_history_limit):
            for kind in (kinds.DEPLOYMENT, kinds.CONFIG_MAP, kinds.SERVICE, kinds.CONTROLLER_REVISION):
                record = self._cache.get(key, kind, name)
                if record is not None and not await self._applier.delete(key, record, refusals):
                    break

    def _next_number(self, key: Key) -> int:
        numbers = (record.manifest()["revision"] for record in self._cache.of(key, kinds.CONTROLLER_REVISION))
        return max(numbers, default=0) + 1
