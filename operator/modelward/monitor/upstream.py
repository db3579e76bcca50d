"""A server connection, paired with one client connection: finds where its answers begin and end."""

import asyncio
import time
from abc import ABC, abstractmethod
from typing import Final, cast

from modelward.monitor.bodies import Body, FramingError, LengthBody, UntilCloseBody
from modelward.monitor.heads import MAX_HEAD_BYTES, MOST_REMEMBERED_BYTES, ResponseHead, parse_response
from modelward.monitor.traffic import Target
from modelward.monitor.unsent import Unsent

MAX_IDLE_SECONDS: Final = 1.0
"""Servers close idle connections, the shortest common default being 2 s; one that is reused only
before that can't be closed at the very moment of the next request."""
MAX_BUFFERED_BYTES: Final = 512 * 1024
"""More waits in the client's socket. Two of the event loop's reads: with less it stops and starts at each."""
_FIRST_FINAL_STATUS: Final = 200


class Client(ABC):
    """What the paired client connection is told."""

    __slots__ = ()

    @abstractmethod
    def interim_answer(self, raw: bytes) -> None:
        """A 1xx came."""

    @abstractmethod
    def answer_begins(self, head: ResponseHead, *, until_close: bool) -> None:
        """The final answer's head came; `until_close`: only the connection's end will end its body."""

    @abstractmethod
    def whole_answer(self, head: ResponseHead, data: bytes) -> None:
        """A final answer came in one piece: `data`, which begins with its head and ends with its body."""

    @abstractmethod
    def answer_data(self, data: bytes) -> None:
        """A piece of the answer's body came, framing included."""

    @abstractmethod
    def answer_complete(self) -> None:
        """The answer has ended."""

    @abstractmethod
    def answer_lost(self, reason: str) -> None:
        """The answer will not come, or not whole."""

    @abstractmethod
    def upstream_closed(self) -> None:
        """The connection ended while no answer was due."""

    @abstractmethod
    def upstream_full(self) -> None:
        """The server does not take more for now."""

    @abstractmethod
    def upstream_drained(self) -> None:
        """The server takes more again."""


class Upstream:
    """One connection to a server, an asyncio.Protocol; one answer is awaited at a time."""

    __slots__ = (
        "_awaiting",
        "_body",
        "_buffer",
        "_client",
        "_ended_here",
        "_idle_since_s",
        "_last_head",
        "_method",
        "_reading_paused",
        "_reusable",
        "_transport",
        "_unsent",
        "target",
    )

    def __init__(self, client: Client, target: Target) -> None:
        self.target = target
        self._client = client
        self._transport: asyncio.Transport | None = None
        self._awaiting = False
        self._ended_here = False
        self._method = ""
        self._buffer = b""
        self._body: Body | None = None
        self._last_head: ResponseHead | None = None
        """Of the answer before: the same bytes say the same."""
        self._reusable = True
        self._idle_since_s = time.perf_counter()
        self._reading_paused = False
        self._unsent = Unsent()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=MAX_BUFFERED_BYTES)

    @property
    def is_open(self) -> bool:
        """Whether bytes can still be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def is_usable(self, target: Target) -> bool:
        """Whether the next request to `target` can go here."""
        if not self._reusable or self._awaiting or target != self.target or not self.is_open:
            return False
        return time.perf_counter() - self._idle_since_s <= MAX_IDLE_SECONDS

    def is_stale(self) -> bool:
        """Whether it has been idle for so long that it won't be used again."""
        return not self._awaiting and time.perf_counter() - self._idle_since_s > MAX_IDLE_SECONDS

    def is_stalled(self, now_s: float) -> bool:
        """Whether it has taken nothing of what waits for too long at `now_s` (performance counter)."""
        return self._transport is not None and self._unsent.is_stalled(self._transport, now_s)

    def await_answer(self, method: str) -> None:
        """The next bytes answer a `method` request."""
        self._awaiting = True
        self._method = method
        self._buffer = b""
        self._body = None

    def write(self, data: bytes) -> None:
        """Send bytes of the request."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def write_eof(self) -> None:
        """Pass on that the client will send no more; the connection is not used again."""
        self._reusable = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def close(self) -> None:
        """End the connection, at once and without a further word to the client."""
        self._awaiting = False
        self._reusable = False
        self._ended_here = True
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        """The client does not take more for now."""
        if self._transport is not None and not self._reading_paused and not self._transport.is_closing():
            self._reading_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """The client takes more again."""
        if self._transport is not None and self._reading_paused and not self._transport.is_closing():
            self._reading_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """Called by the event loop."""
        self._unsent.full(time.perf_counter())
        self._client.upstream_full()

    def resume_writing(self) -> None:
        """Called by the event loop."""
        self._unsent.drained()
        self._client.upstream_drained()

    def eof_received(self) -> bool:
        """Called by the event loop: there is nothing more to send to a server that has ended its side."""
        return False

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        if not self._awaiting:
            self._reusable = False  # bytes that nobody asked for
            return
        try:
            self._follow(data)
        except FramingError as error:
            self.close()
            self._client.answer_lost(f"the model server's answer is not HTTP/1.1: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._reusable = False
        if self._ended_here:
            return
        if not self._awaiting:
            self._client.upstream_closed()
            return
        self._awaiting = False
        if exc is None and isinstance(self._body, UntilCloseBody):
            self._client.answer_complete()
            return
        self._client.answer_lost("the model server closed the connection before its answer was complete")

    def _head_of(self, data: bytes, end: int) -> ResponseHead:
        """An answer's head; the same bytes as of the one before say the same. Raises FramingError."""
        last = self._last_head
        if last is not None and data.startswith(last.raw):
            return last
        head = parse_response(data[:end])
        if end <= MOST_REMEMBERED_BYTES:
            self._last_head = head
        return head

    def _follow(self, data: bytes) -> None:
        while self._body is None:
            if self._buffer:
                data = self._buffer + data
            end = data.find(b"\r\n\r\n") + 4
            if end < len(b"\r\n\r\n") or end > MAX_HEAD_BYTES:
                if len(data) > MAX_HEAD_BYTES:
                    message = f"its head is longer than {MAX_HEAD_BYTES} bytes"
                    raise FramingError(message)
                self._buffer = data
                return
            head = self._head_of(data, end)
            self._buffer = b""
            whole, data = data, data[end:]
            if head.status < _FIRST_FINAL_STATUS:
                self._client.interim_answer(head.raw)
                if not data:
                    return
                continue
            self._body = head.body(self._method)
            if isinstance(self._body, LengthBody) and self._body.remaining == len(data):
                self._end(is_reusable=head.keeps_alive)
                self._client.whole_answer(head, whole)
                return
            until_close = isinstance(self._body, UntilCloseBody)
            if until_close or not head.keeps_alive:
                self._reusable = False
            self._client.answer_begins(head, until_close=until_close)
        self._follow_body(self._body, data)

    def _follow_body(self, body: Body, data: bytes) -> None:
        end = body.take(data, 0)
        if end:
            self._client.answer_data(data if end == len(data) else data[:end])
        if not body.complete:
            return
        self._end(is_reusable=end == len(data))
        self._client.answer_complete()

    def _end(self, *, is_reusable: bool) -> None:
        """The answer has ended."""
        self._awaiting = False
        self._idle_since_s = time.perf_counter()
        if not (is_reusable and self._reusable):
            self._reusable = False
            self.close()
