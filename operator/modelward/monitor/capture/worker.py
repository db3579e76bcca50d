"""The second process's work: one message after the other, for as long as the other end is open."""

import ctypes
import os
import socket
from contextlib import suppress
from typing import Final

import orjson

from modelward.api.monitorconfig import MonitorConfig
from modelward.monitor import operations
from modelward.monitor.capture import bodies
from modelward.monitor.capture.messages import (
    HEAD_BYTES,
    MAX_PACKET_BYTES,
    NOT_IN_RING,
    Facts,
    Kind,
    Message,
    head,
    parse,
    split,
)
from modelward.monitor.capture.ring import Ring
from modelward.monitor.drift.bins import Bins

_NO_PARTS: Final = (0, 0, 0)
_LARGE_BYTES: Final = 256 * 1024
_LIBC: Final = ctypes.CDLL(None)


def work(end: socket.socket, ring: Ring) -> None:
    """Work on what comes from `end` until it is closed."""
    Worker(end, ring).run()


class Worker:
    """One worker; `end` is its end of the socket."""

    def __init__(self, end: socket.socket, ring: Ring) -> None:
        self._end = end
        self._ring = ring
        self._config: MonitorConfig | None = None
        self._bins: Bins | None = None
        self._unreadable = 0

    def run(self) -> None:
        """Work until the other end is closed."""
        self._forget_what_was_queued()
        self._tell(Kind.READY)
        while packet := self._end.recv(MAX_PACKET_BYTES):
            message = parse(packet)
            if message.worker == os.getpid():
                self._take(message, *self._parts(message, packet))
                if message.size_bytes > _LARGE_BYTES:
                    _give_memory_back()  # now that nothing has the parts any more

    def _forget_what_was_queued(self) -> None:
        self._end.settimeout(0)
        try:
            while self._end.recv(1):
                pass
        except BlockingIOError:
            pass
        self._end.settimeout(None)

    def _parts(self, message: Message, packet: bytes) -> tuple[bytes, bytes, bytes]:
        if message.place == NOT_IN_RING:
            return split(packet[HEAD_BYTES:], message.lengths)
        parts = self._ring.read(message.place, message.size_bytes)
        self._ring.give_back(message.place, message.size_bytes)
        self._tell(Kind.READ)
        return split(parts, message.lengths)

    def _take(self, message: Message, first: bytes, second: bytes, third: bytes) -> None:
        if message.kind is Kind.SAMPLE:
            self._observe(Facts(**orjson.loads(first)), second, third)
        elif message.kind is Kind.RENDER:
            self._render(message.number, first, second.decode())
        elif message.kind is Kind.CONFIG:
            self._configure(MonitorConfig.model_validate_json(first))

    def _configure(self, config: MonitorConfig) -> None:
        self._config = config
        if config.drift is None:
            self._bins = None
        elif self._bins is None or self._bins.config != config.drift:
            self._bins = Bins(config.drift, config.deployment, config.revision)

    def _observe(self, facts: Facts, request: bytes, answer: bytes) -> None:
        if self._config is None or self._bins is None:
            return
        try:
            table = bodies.read(facts, request, answer, self._config)
        except bodies.UnreadableError:
            self._unreadable += 1
            return
        self._bins.observe(table.columns, table.predictions)

    def _render(self, number: int, counts: bytes, accept: str) -> None:
        families = () if self._bins is None else self._bins.families()
        text = operations.render(counts, families, self._unreadable, accept)
        for begin in range(0, len(text), MAX_PACKET_BYTES - HEAD_BYTES):
            self._tell(Kind.RENDERED, number, text[begin : begin + MAX_PACKET_BYTES - HEAD_BYTES])
        self._tell(Kind.RENDERED, number)

    def _tell(self, kind: Kind, number: int = 0, parts: bytes = b"") -> None:
        message = Message(kind, os.getpid(), number, NOT_IN_RING, (len(parts), 0, 0) if parts else _NO_PARTS)
        self._end.send(head(message) + parts)


def _give_memory_back() -> None:
    """Ask the C library for what a large body took (malloc_trim(3)); it would be kept for the next one."""
    with suppress(AttributeError):  # another C library
        _LIBC.malloc_trim(0)
