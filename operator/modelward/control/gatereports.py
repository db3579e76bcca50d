"""Keeps verdicts and reports that gates have printed on their logs, in ConfigMaps NAME-gates-REVISION.

A log is read when its gate has ended, and again if the API server does not answer then. What cannot be kept
is said and changes no verdict.
"""

import asyncio
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
from modelward.control.refusals import Refusals, RefusedError, Retries
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
MOST_TRIES: Final = 10
"""At a report that the API server does not give or take for the moment; some 50 seconds."""
MOST_SECONDS: Final = 5.0
"""For each: what serves is not judged meanwhile."""
_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERROR: Final = 500
FILES: Final = (names.FILE_REPORT_VERDICT, names.FILE_REPORT)


class NotKeptError(Exception):
    """A report cannot be kept; the message says why."""


@dataclass(slots=True)
class GateReports:
    """Keeps reports; remembers which cannot be kept, so that they are tried no more."""

    client: Client
    cache: Cache
    _problems: dict[Key, dict[str, str]] = field(default_factory=dict)
    """Why the report of a Job is not kept, by its uid; empty for one that was kept."""
    _tries: dict[Key, dict[str, int]] = field(default_factory=dict)
    """How often that of a Job was tried, by its uid, until it is kept or cannot be."""
    _retries: Retries = field(default_factory=Retries)

    def place(self, key: Key, seen: Seen) -> str:
        """Return where the report of a Job is; empty if it is not kept."""
        name = reports_name(key.name, seen.job.revision)
        found = self.cache.get(key, kinds.CONFIG_MAP, name)
        jobs = kept_jobs(found.manifest() if found else None)
        is_kept = jobs.get(seen.job.name) == seen.record.uid
        return reports_place(key.name, seen.job.revision) if is_kept else ""

    async def keep(self, key: Key, identity: DeploymentIdentity, seen: Seen, refusals: Refusals) -> str:
        """Keep what a gate that has ended printed, unless that was done; return why it is not kept, if so.

        Where that may be for a moment only, it is noted, so that it is tried again soon.
        """
        problems, tries = self._problems.setdefault(key, {}), self._tries.setdefault(key, {})
        uid = seen.record.uid
        if self.place(key, seen) or uid in problems:
            return problems.get(uid, "")
        what = f"{reports_name(key.name, seen.job.revision)}, for gate {seen.job.name}"
        try:
            with self._retries.of(key, kinds.CONFIG_MAP, what, uid):
                tries[uid] = tries.get(uid, 0) + 1
                await self._fetch(key, identity, seen)
        except RefusedError as error:
            if _may_pass(error) and tries[uid] < MOST_TRIES:
                refusals.note(f"ConfigMap {what}", error)
                return f"{error.message}; it is tried again"
            problem = error.message
        except NotKeptError as error:
            problem = str(error)
        else:
            problem = ""
        problems[uid] = problem
        tries.pop(uid)
        if problem:
            about = {"deployment": str(key), "job": seen.record.name}
            log.warning("the report of gate %s is not kept: %s", seen.job.name, problem, extra=about)
        return problem

    def forget(self, key: Key) -> None:
        """Forget a deployment that is gone."""
        self._problems.pop(key, None)
        self._tries.pop(key, None)
        self._retries.forget(key)

    def superfluous(self, key: Key) -> list[Record]:
        """Return the oldest ConfigMaps, beyond those that are kept."""
        own = [record for record in self.cache.of(key, kinds.CONFIG_MAP) if _is_of_reports(record)]
        newest_first = sorted(own, key=lambda record: record.resource_version, reverse=True)
        return newest_first[KEPT_REVISIONS:]

    async def _fetch(self, key: Key, identity: DeploymentIdentity, seen: Seen) -> None:
        """Read a report from its log and write it where it is kept.

        Raises:
            NotKeptError: there is none, or no room for it.
            ApiError: the API server refused it, did not answer in time, or could not be reached.
        """
        try:
            async with asyncio.timeout(MOST_SECONDS):
                await self._write(key, identity, seen, printed(await self._log(seen)))
        except TimeoutError as error:
            raise ApiError(0, "Timeout", f"not read and written within {MOST_SECONDS:g} s") from error

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


def _may_pass(error: ApiError) -> bool:
    """Return whether the same may succeed soon, without anybody doing anything about it."""
    return error.status in {0, _TOO_MANY_REQUESTS} or error.status >= _SERVER_ERROR


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
