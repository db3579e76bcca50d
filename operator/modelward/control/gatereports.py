"""Keeps verdicts and reports that gates have printed on their logs, in ConfigMaps NAME-gates-REVISION.

A log is read once, when its gate has ended. What cannot be kept is said and changes no verdict.
"""

import base64
import binascii
import gzip
import logging
import zlib
from dataclasses import dataclass, field
from typing import Final

from modelward import conventions as names
from modelward.control import kinds
from modelward.control.cache import Cache, Record
from modelward.control.client import NOT_FOUND, ApiError, Client, Manifest
from modelward.control.gatejobs import Seen
from modelward.render.gatereports import (
    COMPONENT,
    KEPT_REVISIONS,
    MOST_BYTES,
    file_key,
    kept_jobs,
    reports,
    reports_name,
    reports_place,
)
from modelward.render.identity import DeploymentIdentity
from modelward.signals.key import Key

log: Final = logging.getLogger(__name__)

MOST_LOG_BYTES: Final = 8 * 1024 * 1024
FILES: Final = (names.FILE_REPORT_VERDICT, names.FILE_REPORT)


class NotKeptError(Exception):
    """A report cannot be kept; the message says why."""


@dataclass(slots=True)
class GateReports:
    """Keeps reports; remembers which could not be kept, so that each is tried once."""

    client: Client
    cache: Cache
    _problems: dict[Key, dict[str, str]] = field(default_factory=dict)
    """Why the report of a Job is not kept, by its uid."""

    def place(self, key: Key, seen: Seen) -> str:
        """Return where the report of a Job is; empty if it is not kept."""
        name = reports_name(key.name, seen.job.revision)
        found = self.cache.get(key, kinds.CONFIG_MAP, name)
        jobs = kept_jobs(found.manifest() if found else None)
        is_kept = jobs.get(seen.job.name) == seen.record.uid
        return reports_place(key.name, seen.job.revision) if is_kept else ""

    async def keep(self, key: Key, identity: DeploymentIdentity, seen: Seen) -> str:
        """Keep what a gate that has ended printed, unless that was done; return why it is not kept, if so."""
        if self.place(key, seen):
            return ""
        problems = self._problems.setdefault(key, {})
        if seen.record.uid not in problems:
            problems[seen.record.uid] = ""
            try:
                files = printed(await self._log(seen))
                await self._write(key, identity, seen, files)
            except (ApiError, NotKeptError) as error:
                problems[seen.record.uid] = error.message if isinstance(error, ApiError) else str(error)
                about = {"deployment": str(key), "job": seen.record.name}
                log.warning("the report of gate %s is not kept: %s", seen.job.name, error, extra=about)
        return problems[seen.record.uid]

    def forget(self, key: Key) -> None:
        """Forget a deployment that is gone."""
        self._problems.pop(key, None)

    async def prune(self, key: Key) -> None:
        """Delete the oldest ConfigMaps beyond those that are kept.

        Raises:
            ApiError: the API server refused it or could not be reached.
        """
        own = [record for record in self.cache.of(key, kinds.CONFIG_MAP) if _is_of_reports(record)]
        newest_first = sorted(own, key=lambda record: record.resource_version, reverse=True)
        for record in newest_first[KEPT_REVISIONS:]:
            await self.client.delete(record.kind, record.namespace, record.name, record.uid)

    async def _log(self, seen: Seen) -> str:
        if not seen.pod:
            raise NotKeptError("its pod is gone, and its log with it")
        return await self.client.log(seen.record.namespace, seen.pod, names.CONTAINER_GATE, MOST_LOG_BYTES)

    async def _write(
        self, key: Key, identity: DeploymentIdentity, seen: Seen, files: dict[str, bytes]
    ) -> None:
        live = await self._live(identity, reports_name(key.name, seen.job.revision))
        gate = seen.job.name
        own = {file_key(gate, name) for name in FILES}
        known = {name: text for name, text in (live.get("binaryData") or {}).items() if name not in own}
        room = MOST_BYTES - sum(len(base64.b64decode(text)) for text in known.values())
        kept, left_out = dict(known), ""
        for name in FILES:
            if len(files[name]) > room:
                left_out = f"{name} has {len(files[name])} bytes, and there is room for {max(room, 0)}"
                continue
            room -= len(files[name])
            kept[file_key(gate, name)] = base64.b64encode(files[name]).decode()
        if left_out:
            raise NotKeptError(f"{left_out}: name a place in spec.gateReports that has more")
        jobs = {**kept_jobs(live), gate: seen.record.uid}
        manifest = reports(identity, seen.job.revision, kept, jobs)
        self.cache.put(kinds.CONFIG_MAP, await self.client.apply(kinds.CONFIG_MAP, manifest))

    async def _live(self, identity: DeploymentIdentity, name: str) -> Manifest:
        """Return the ConfigMap with its files, which the cache has not; an empty one if there is none."""
        try:
            found = await self.client.request("GET", kinds.CONFIG_MAP.path(identity.namespace, name))
        except ApiError as error:
            if error.status == NOT_FOUND:
                return {}
            raise
        owners = found["metadata"].get("ownerReferences") or ()
        if not any(owner["uid"] == identity.uid for owner in owners):
            raise NotKeptError(f"ConfigMap {name} was not made for this deployment: delete or rename it")
        return found


def printed(text: str) -> dict[str, bytes]:
    """Return the files that a gate has printed, as gzip.

    Raises:
        NotKeptError: one is not there, or not whole.
    """
    found = {}
    for name in FILES:
        _, begun, rest = text.partition(names.LOG_FILE_BEGIN.format(name))
        encoded, ended, _ = rest.partition(names.LOG_FILE_END.format(name))
        if not begun or not ended:
            raise NotKeptError(f"its log has no {name}, or not all of it")
        try:
            packed = base64.b64decode("".join(encoded.split()), validate=True)
            gzip.decompress(packed)
        except (binascii.Error, gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise NotKeptError(f"the {name} in its log is damaged: {error}") from error
        found[name] = packed
    return found


def _is_of_reports(record: Record) -> bool:
    labels = record.manifest()["metadata"].get("labels") or {}
    return labels.get(names.LABEL_COMPONENT) == COMPONENT
