"""Reads the model's store every now and then, in a process of its own, and counts how long it took.

Every second while bad events are seen, else twice a minute (store_watch.py says what the reads are for).
The reading itself is done by `python -m modelward.storage.probe` as the fetch would, with the fetch's
own credentials: this process only tells it when, over a pipe. A model in a claim (pvc://) is not read: the
pod has a copy, and the claim is not mounted where requests are served.
"""

import asyncio
import math
import random
import sys
import time
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import orjson

from modelward.conventions import STORAGE_SOURCE_PROBE
from modelward.monitor.counters import STORE_NOT_PROBED, STORE_REFUSED, STORE_TIMEOUT
from modelward.monitor.log import LOGGER
from modelward.monitor.state import MonitorState

ATTENTIVE_PAUSE_SECONDS: Final = (0.9, 1.0)
"""Between the beginnings of two reads, at random, so that the pods of a deployment don't read in step."""
AT_REST_PAUSE_SECONDS: Final = (25.0, 30.0)
IDLE_POLL_SECONDS: Final = 1.0
"""How often it is asked whether there is anything to read, where there is nothing."""
START_SECONDS: Final = 120.0
"""A process that has not started by then is ended. On a busy machine it takes long, and that says nothing of
the store."""
STUCK_SECONDS: Final = 20.0
"""A process that has not answered for so long is ended; the store's own time-outs come before."""
_PROBED_SCHEMES: Final = ("s3://", "gs://", "abfs://", "http://", "https://")
_COMMAND: Final = (sys.executable, "-m", "modelward.storage.probe")


class ProbeError(Exception):
    """The probe's process ended, or said something else than it should."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one read came to."""

    read_ms: float | None
    """None when it failed."""
    failure: str = ""
    message: str = ""


class _Reader:
    """The probe's process for one URI; it ends with this one, for then its input ends."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._process: Process | None = None

    async def start(self) -> None:
        """Have the process run, and ready to read. Raises ProbeError, OSError."""
        if self._process is not None:
            return
        self._process = await asyncio.create_subprocess_exec(*_COMMAND, self.uri, stdin=PIPE, stdout=PIPE)
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await self._process.stdout.readline()
        except TimeoutError as error:
            raise ProbeError(f"the probe's process did not start in {START_SECONDS:g} s") from error
        if not line:
            raise ProbeError("the probe's process ended at its start")

    async def read(self) -> _Answer:
        """Have it read once. Raises ProbeError; TimeoutError when it is stuck."""
        assert self._process is not None  # noqa: S101 - started before
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 - both are pipes
        assert stdout is not None  # noqa: S101 - both are pipes
        try:
            async with asyncio.timeout(STUCK_SECONDS):
                stdin.write(b"read\n")
                await stdin.drain()
                line = await stdout.readline()
        except (ConnectionError, RuntimeError) as error:
            # uvloop raises the latter for a pipe whose other end is gone.
            raise ProbeError("the probe's process has ended") from error
        return _parse(line)

    async def end(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class StoreProbe:
    """Keeps a StoreWatch up to date."""

    def __init__(self, state: MonitorState) -> None:
        self._state = state
        self._reader: _Reader | None = None
        self._said = ""

    async def run(self) -> None:
        """Read for ever."""
        try:
            while True:
                began_s = time.perf_counter()
                uri = self._uri()
                await self._use(uri)
                if self._reader is None:
                    await asyncio.sleep(IDLE_POLL_SECONDS)
                    continue
                await self._read(self._reader)
                await self._pause(began_s)
        finally:
            await self._use(None)

    def _uri(self) -> str | None:
        """What is to be read; None when nothing is."""
        config = self._state.config
        if config is None or self._state.store.objective is None:
            return None
        return config.model if config.model.startswith(_PROBED_SCHEMES) else None

    async def _use(self, uri: str | None) -> None:
        """Have a process for `uri`, and none for any other."""
        known = self._reader
        if known is not None and known.uri != uri:
            self._reader = None
            self._state.store.end_read(time.perf_counter(), None)
            await known.end()
        if uri is not None and self._reader is None:
            self._reader = _Reader(uri)

    async def _read(self, reader: _Reader) -> None:
        try:
            await reader.start()
            self._state.store.begin_read(time.perf_counter())
            answer = await reader.read()
        except TimeoutError:
            answer = _Answer(None, STORE_TIMEOUT, f"{reader.uri}: no answer in {STUCK_SECONDS:g} s")
            await reader.end()
        except (ProbeError, OSError) as error:
            answer = _Answer(None, STORE_NOT_PROBED, f"{reader.uri} is not probed: {error}")
            await reader.end()
        self._take(answer)

    def _take(self, answer: _Answer) -> None:
        """Count a read's end and class what follows by it."""
        now_s, store = time.perf_counter(), self._state.store
        says_nothing = answer.failure in {STORE_REFUSED, STORE_NOT_PROBED}
        read_ms = math.inf if answer.read_ms is None else answer.read_ms
        store.end_read(now_s, None if says_nothing else read_ms)
        if answer.failure:
            self._state.counts.store_failures[answer.failure] += 1
        if not says_nothing:
            self._state.count_store_read(STORAGE_SOURCE_PROBE, read_ms, now_s)
        self._say(answer)

    def _say(self, answer: _Answer) -> None:
        """Log a failure once, however often it repeats, and its end."""
        said, self._said = self._said, answer.failure
        if answer.failure and answer.failure != said:
            LOGGER.warning(
                "the store could not be read: %s",
                answer.message,
                extra={"fields": {"reason": answer.failure}},
            )
        elif said and not answer.failure:
            LOGGER.info("the store is read again")

    async def _pause(self, began_s: float) -> None:
        """Wait for the next read's turn; attention shortens the wait, unless there is no process to read."""
        store = self._state.store
        if self._said == STORE_NOT_PROBED:
            await asyncio.sleep(_between(AT_REST_PAUSE_SECONDS))
            return
        await asyncio.sleep(max(0.0, began_s + _between(ATTENTIVE_PAUSE_SECONDS) - time.perf_counter()))
        if store.is_attentive(time.perf_counter()):
            return
        store.woken.clear()
        left_s = began_s + _between(AT_REST_PAUSE_SECONDS) - time.perf_counter()
        try:
            async with asyncio.timeout(max(0.0, left_s)):
                await store.woken.wait()
        except TimeoutError:
            return


def _between(bounds_s: tuple[float, float]) -> float:
    return random.uniform(*bounds_s)  # noqa: S311 - spreads load, hides nothing


def _parse(line: bytes) -> _Answer:
    try:
        answer = orjson.loads(line)
        if "seconds" in answer:
            return _Answer(float(answer["seconds"]) * 1000)
        return _Answer(None, str(answer["failure"]), str(answer["message"]))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        said = line[:80].decode(errors="replace").strip() or "nothing"
        raise ProbeError(f"the probe's process said {said}") from error
