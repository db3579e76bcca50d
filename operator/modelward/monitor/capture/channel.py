"""The forwarding process's end: sends samples without ever waiting, and has /metrics rendered.

Whatever goes wrong at the other end shows here as counts: samples dropped because it does not keep up
(`busy`), samples too large, workers begun. One that says nothing for STALLED_SECONDS after a scrape is
killed, for a stalled process would be silent for ever; the guard then starts the next.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from typing import Final

import orjson

from modelward.api.monitorconfig import MonitorConfig
from modelward.monitor.capture.guard import Second
from modelward.monitor.capture.messages import (
    DROPPED_BUSY,
    HEAD_BYTES,
    MAX_PACKET_BYTES,
    NOT_IN_RING,
    Facts,
    Kind,
    Message,
    head,
    parse,
)
from modelward.monitor.log import LOGGER

RENDER_SECONDS: Final = 5.0
"""Longest time that a scrape waits; Prometheus itself waits 10 s unless it is told otherwise."""
STALLED_SECONDS: Final = 15.0
"""More than a few scrapes in a row on a busy node, where a process of nice 19 is slow but not stalled."""
_RETRY_SECONDS: Final = 0.05


class RenderError(Exception):
    """The worker did not render; the text says why."""


class Channel:
    """The worker as the forwarding process sees it.

    Args:
        second: the process as it was begun.
    """

    def __init__(self, second: Second) -> None:
        self.sampled = 0
        self.dropped: Counter[str] = Counter()
        self.workers_begun = 0
        self.gone: Final = asyncio.Event()
        """Set when the guard has died too: no worker follows, and only a new monitor has one again."""
        self._config: MonitorConfig | None = None
        self._worker_pid: int | None = None
        self._numbers = count(1)
        self._asked_at_s: float | None = None
        """When a scrape was asked for that no word has come since; None: there is none such."""
        self._rendering: dict[int, tuple[asyncio.Future[bytes], list[bytes]]] = {}
        self._socket = second.end
        self._ring = second.ring
        self._guard_pid = second.guard_pid

    def listen(self) -> None:
        """Take the worker's messages from now on, on the running event loop."""
        asyncio.get_running_loop().add_reader(self._socket, self._receive)

    def close(self) -> None:
        """Let the worker end."""
        with suppress(RuntimeError):
            asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        _kill(self._guard_pid)  # and with it its worker, which may be stalled, or behind
        with suppress(ChildProcessError):
            os.waitpid(self._guard_pid, 0)

    def configure(self, config: MonitorConfig) -> None:
        """Put a configuration in force; a worker that begins later is told by itself."""
        self._config = config
        self._send_config()

    def sample(self, facts: Facts, request: Sequence[bytes], answer: Sequence[bytes]) -> None:
        """Send the bodies of one exchange, in pieces as they came; drop them if that would mean to wait."""
        sent = self._send(Kind.SAMPLE, 0, (orjson.dumps(facts),), request, answer)
        if sent:
            self.sampled += 1
        else:
            self.dropped[DROPPED_BUSY] += 1

    async def render(self, counts: bytes, accept: str) -> bytes:
        """What the worker makes of `counts` (exposition.py) and its own. Raises RenderError."""
        number = next(self._numbers) & 0xFFFF_FFFF
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._rendering[number] = (future, [])
        self._asked_at_s = self._asked_at_s or time.monotonic()
        try:
            async with asyncio.timeout(RENDER_SECONDS):
                while not self._send(  # noqa: ASYNC110 - no event tells of room in the socket
                    Kind.RENDER, number, (counts,), (accept.encode(),), ()
                ):
                    await asyncio.sleep(_RETRY_SECONDS)
                return await future
        except TimeoutError as error:
            self._end_stalled()
            raise RenderError(f"the second process has not answered for {RENDER_SECONDS:g} s") from error
        finally:
            del self._rendering[number]

    def _end_stalled(self) -> None:
        """Kill the worker if it has not said a word for too long; the guard starts another."""
        asked_at_s, pid = self._asked_at_s, self._worker_pid
        if pid is None or asked_at_s is None or time.monotonic() - asked_at_s < STALLED_SECONDS:
            return
        LOGGER.error("the second process has said nothing for %g s and is begun anew", STALLED_SECONDS)
        _kill(pid)
        self._worker_pid = None

    def _send_config(self) -> None:
        if self._config is not None and self._worker_pid is not None:
            self._send(Kind.CONFIG, 0, (self._config.model_dump_json().encode(),), (), ())

    def _send(
        self,
        kind: Kind,
        number: int,
        first: Sequence[bytes],
        second: Sequence[bytes],
        third: Sequence[bytes],
    ) -> bool:
        """Send one message, whole or not at all; False when there is no room for it now."""
        if self._worker_pid is None:
            return False
        lengths = sum(map(len, first)), sum(map(len, second)), sum(map(len, third))
        size_bytes = sum(lengths)
        place = NOT_IN_RING
        inside = [*first, *second, *third]
        if size_bytes + HEAD_BYTES > MAX_PACKET_BYTES:
            written = self._ring.write(inside, size_bytes)
            if written is None:
                return False
            place, inside = written, []
        try:
            begins = head(Message(kind, self._worker_pid, number, place, lengths))
            self._socket.send(b"".join((begins, *inside)))
        except OSError:
            if place != NOT_IN_RING:
                self._ring.take_back_newest()
            return False
        return True

    def _receive(self) -> None:
        try:
            while packet := self._socket.recv(MAX_PACKET_BYTES):
                self._asked_at_s = None
                self._take(parse(packet), packet[HEAD_BYTES:])
        except BlockingIOError:
            return
        except OSError as error:
            LOGGER.error("the second process's socket: %s", error)
        asyncio.get_running_loop().remove_reader(self._socket)
        LOGGER.error("the second process is gone for good: no bodies are sampled, /metrics is not rendered")
        self._worker_pid = None
        self.gone.set()

    def _take(self, message: Message, parts: bytes) -> None:
        if message.kind is Kind.READ:
            self._ring.free_oldest()
        elif message.kind is Kind.RENDERED:
            self._take_rendered(message.number, parts)
        elif message.kind is Kind.READY:
            self.workers_begun += 1
            self._worker_pid = message.worker
            self._ring.clear()
            self._send_config()

    def _take_rendered(self, number: int, parts: bytes) -> None:
        known = self._rendering.get(number)
        if known is None:
            return
        future, received = known
        if parts:
            received.append(parts)
        elif not future.done():
            future.set_result(b"".join(received))


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
