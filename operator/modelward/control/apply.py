"""Server-side apply of what differs, and of nothing else.

A live object that covers its manifest is left alone. Where the API server writes a value in its own way,
so that the comparison never holds, what our last apply came to is remembered: the same manifest on the
same live content sends nothing either.
"""

import hashlib
import logging
from typing import Final

from modelward import conventions as names
from modelward.control import kinds
from modelward.control.cache import Cache, Record
from modelward.control.client import CONFLICT, NOT_FOUND, ApiError, Client, Manifest
from modelward.control.comparison import covers
from modelward.control.kinds import Kind
from modelward.control.refusals import Refusals, RefusedError, Retries
from modelward.signals.key import Key

log: Final = logging.getLogger(__name__)


class NotOursError(ApiError):
    """An object that the operator needs has the name of one that someone else made."""

    def __init__(self, kind: Kind, name: str) -> None:
        message = (
            f"{kind.name} {name} exists and was not made for this deployment; delete or rename one of the two"
        )
        super().__init__(CONFLICT, "NotOurs", message)


class Applier:
    """Writes children. What it wrote is put into the cache at once, so that the next look sees it."""

    def __init__(self, client: Client, cache: Cache) -> None:
        self._client = client
        self._cache = cache
        self._settled: dict[Key, dict[tuple[str, str], tuple[str, bytes]]] = {}
        """By plural and name: hash of the manifest applied, and fingerprint of what it came to."""
        self._retries = Retries()

    async def find(self, key: Key, kind: Kind, name: str) -> Record | None:
        """Return an object of a deployment, also one that the watches have not shown yet.

        Raises:
            NotOursError: an object of that name belongs to someone else.
            ApiError: the API server could not be asked.
        """
        if record := self._cache.get(key, kind, name):
            return record
        try:
            found = await self._client.request("GET", kind.path(key.namespace, name))
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        if self._owns(key, found):
            # Someone has removed the label by which the watches see it.
            label = {"metadata": {"labels": {names.LABEL_DEPLOYMENT: key.name}}}
            found = await self._client.merge(kind, key.namespace, name, label)
        self._cache.put(kind, found)
        if record := self._cache.get(key, kind, name):
            return record
        raise NotOursError(kind, name)

    def _owns(self, key: Key, found: Manifest) -> bool:
        owner = self._cache.get(key, kinds.MODEL_DEPLOYMENT, key.name)
        references = found["metadata"].get("ownerReferences") or ()
        return owner is not None and any(reference["uid"] == owner.uid for reference in references)

    def is_settled(self, key: Key, manifest: Manifest) -> bool:
        """Return whether nothing need be sent for a manifest."""
        kind, name = kinds.kind_of(manifest), manifest["metadata"]["name"]
        live = self._cache.get(key, kind, name)
        if live is None:
            return False
        came_to = self._settled.get(key, {}).get((kind.plural, name))
        if came_to == (_rendered(manifest), _fingerprint(live)):
            return True
        return covers(live.manifest(), manifest)

    async def apply(self, key: Key, manifest: Manifest) -> None:
        """Apply a manifest if it says anything new.

        Raises:
            RefusedError: the API server did not take it or could not be reached, now or lately.
        """
        kind, name = kinds.kind_of(manifest), manifest["metadata"]["name"]
        live = self._cache.get(key, kind, name)
        asked = (_rendered(manifest), _fingerprint(live) if live else b"")
        with self._retries.of(key, kind, name, asked):
            await self.find(key, kind, name)
            if self.is_settled(key, manifest):
                return
            log.info("applying %s %s", kind.name, name, extra={"deployment": str(key)})
            self._cache.put(kind, await self._client.apply(kind, manifest))
        live = self._cache.get(key, kind, name)
        if live is not None:
            self._settled.setdefault(key, {})[kind.plural, name] = (_rendered(manifest), _fingerprint(live))

    async def make(self, key: Key, manifest: Manifest) -> None:
        """Make an object if there is none of its name; one that exists stays as it is.

        Raises:
            RefusedError: the API server did not take it or could not be reached, now or lately.
        """
        kind, name = kinds.kind_of(manifest), manifest["metadata"]["name"]
        with self._retries.of(key, kind, name, "make"):
            if await self.find(key, kind, name) is None:
                # Not by create: the API server keeps the bytes of a ControllerRevision's `data` as they were
                # sent then, and takes every later patch of metadata for a change of them, because it writes
                # them in its own order.
                self._cache.put(kind, await self._client.apply(kind, manifest))
                log.info("made %s %s", kind.name, name, extra={"deployment": str(key)})

    async def annotate(self, key: Key, kind: Kind, name: str, annotation: str, value: str) -> None:
        """Set one annotation of an object; one that is gone meanwhile is no error.

        Raises:
            RefusedError: the API server did not take it or could not be reached, now or lately.
        """
        change = {"metadata": {"annotations": {annotation: value}}}
        with self._retries.of(key, kind, name, value, to_be=f"annotated with {annotation}"):
            try:
                self._cache.put(kind, await self._client.merge(kind, key.namespace, name, change))
            except ApiError as error:
                if error.status != NOT_FOUND:
                    raise

    async def delete(self, key: Key, record: Record, refusals: Refusals) -> bool:
        """Delete an object as it was seen, and return whether it is gone, or about to go.

        One that is gone already or was made anew is no error. What the API server does not do, now or lately,
        is noted, so that it holds up nothing else.
        """
        kind, name = record.kind, record.name
        try:
            with self._retries.of(key, kind, name, (record.uid, _fingerprint(record)), to_be="deleted"):
                log.info("deleting %s %s", kind.name, name, extra={"deployment": str(key)})
                await self._delete(record)
        except RefusedError as error:
            refusals.note(f"the deletion of {kind.name} {name}", error)
            return False
        return True

    async def _delete(self, record: Record) -> None:
        try:
            await self._client.delete(record.kind, record.namespace, record.name, record.uid)
        except ApiError as error:
            if error.status not in {NOT_FOUND, CONFLICT}:
                raise

    def forget(self, key: Key) -> None:
        """Forget what was applied for a deployment that is gone, and what was refused."""
        self._settled.pop(key, None)
        self._retries.forget(key)


def _rendered(manifest: Manifest) -> str:
    return str(manifest["metadata"]["annotations"][names.ANNOTATION_RENDERED])


def _fingerprint(live: Record) -> bytes:
    return hashlib.blake2b(live.content, digest_size=16).digest()
