"""A client's gRPC connection, joined to one of its own to a server.

It is asked to leave where a connection of HTTP/1.1 would be: when the revision is withdrawn or the pod ends,
and, while traffic is split, at its age. What connects to a withdrawn revision is joined to the stable one, or
to the pod's own server where that can't be reached. A client that has been asked to leave is given time to
hear it; then its connection ends with its last call.
"""

import asyncio
import random
import time
from typing import TYPE_CHECKING, Final

from hyperframe.frame import GoAwayFrame

from modelward.api.monitorconfig import TrafficMode
from modelward.monitor.counters import Failure
from modelward.monitor.events import Ending
from modelward.monitor.exchange import HEADER_FORWARDED, Port
from modelward.monitor.grpc.calls import Calls
from modelward.monitor.grpc.server import ServerConnection
from modelward.monitor.grpc.watch import Watch
from modelward.monitor.relay import CONNECT_SECONDS, FORWARD_CONNECT_SECONDS, MAX_UNSENT_BYTES
from modelward.monitor.timeouts import IDLE_SECONDS, MAX_AGE_JITTER, UNREAD_SECONDS
from modelward.monitor.traffic import Target

if TYPE_CHECKING:
    from modelward.monitor.proxy import Proxy

GRACE_SECONDS: Final = 1.0
"""From asking a client to leave until its connection may end: what it had sent before it heard arrives."""
UNWATCHED_SECONDS: Final = 10.0
"""Longest time for which a connection that can't be followed stays after it should have left."""
_LAST_STREAM: Final = 2**31 - 1
_BEGINS: Final = b"PRI * HTTP/2.0\r\n"
_HTTP1_BEGINS: Final = b"H"
"""Of an answer in HTTP/1.1; HTTP/2's begins with the length of SETTINGS, which is short."""


class GrpcConnection(asyncio.Protocol):
    """One client connection; takes over the transport of one whose client began with HTTP/2's preface."""

    __slots__ = (
        "_calls",
        "_connecting",
        "_goaway_s",
        "_is_over",
        "_kept",
        "_kept_bytes",
        "_last_byte_s",
        "_leaves_at_s",
        "_leaving_s",
        "_own",
        "_port",
        "_proxy",
        "_reading_paused",
        "_server",
        "_server_is_full",
        "_transport",
        "_watch",
        "_writing_paused_s",
    )

    def __init__(self, proxy: "Proxy", port: Port, transport: asyncio.Transport, own: Target) -> None:
        """Begin nothing yet; `own` is the pod's own server."""
        self._proxy = proxy
        self._port = port
        self._transport = transport
        self._own = own
        self._calls = Calls(proxy.state, port, proxy.tracer, is_forwarded=False)
        self._watch = Watch(proxy.state, self._calls)
        self._server: ServerConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._kept: list[bytes] | None = []
        """What the client has sent, until the server has it for good; None: it is not needed any more."""
        self._kept_bytes = 0
        self._last_byte_s = time.perf_counter()
        age_s = proxy.state.traffic.current.connection_max_age_seconds
        spread = 1 + random.uniform(-MAX_AGE_JITTER, MAX_AGE_JITTER)  # noqa: S311 - spreads load
        self._leaves_at_s = self._last_byte_s + age_s * spread
        self._leaving_s: float | None = None
        """Since when it is to leave."""
        self._goaway_s: float | None = None
        """When the client was asked to."""
        self._is_over = False
        self._reading_paused = False
        self._server_is_full = False
        self._writing_paused_s: float | None = None

    def begin(self, rest: bytes, *, was_forwarded: bool) -> None:
        """Join it to a server; `rest` came after the empty line of its preface."""
        forward_to = None
        if self._port is Port.SERVING and not was_forwarded:
            forward_to = self._proxy.state.traffic.forward_target()
        self._calls.is_forwarded = forward_to is not None
        self._connect_to(forward_to or self._own)
        if rest:
            self.data_received(rest)

    # Called by the event loop.

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        if self._is_over:
            return
        self._last_byte_s = time.perf_counter()
        self._watch.from_client(data)
        if self._kept is not None:
            self._kept.append(data)
            self._kept_bytes += len(data)
            if self._server is not None and self._kept_bytes > MAX_UNSENT_BYTES:
                self._kept = None
        if self._server is not None:
            self._server.write(data)
        else:
            self._adjust_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop: whatever is under way for this client ends now."""
        _ = exc
        self._finish(Ending.CLIENT_GONE)
        self._proxy.closed(self)

    def pause_writing(self) -> None:
        """Called by the event loop: the client does not take more for now."""
        self._writing_paused_s = time.perf_counter()
        if self._server is not None:
            self._server.pause_reading()

    def resume_writing(self) -> None:
        """Called by the event loop: the client takes more again."""
        self._writing_paused_s = None
        if self._server is not None:
            self._server.resume_reading()

    # Called by the proxy.

    def sweep(self, now_s: float) -> None:
        """Ask the client to leave when it has to, and end the connection when it has, at `now_s`.

        It ends as well where one side has taken nothing for too long of what waits for it.
        """
        if self._writing_paused_s is not None and now_s - self._writing_paused_s > UNREAD_SECONDS:
            self._proxy.state.counts.unread += 1
            self._transport.abort()
        elif self._is_over:
            return
        elif self._server is not None and self._server.is_stalled(now_s):
            self._finish(Ending.CUT)
            self._transport.close()
        elif self._leaving_s is not None:
            if self._has_left(now_s, self._leaving_s):
                self._end()
        elif self._has_to_leave(now_s):
            self._ask_to_leave(now_s)

    def end_if_idle(self) -> None:
        """Ask the client to leave; it ends with the last call."""
        if self._leaving_s is None and not self._is_over:
            self._ask_to_leave(time.perf_counter())

    # Called by the connection to the server.

    def server_sent(self, data: bytes) -> None:
        """Pass it on, with a word of the monitor's own where that is due."""
        if self._kept is not None and self._server is not None:  # else it speaks before it was spoken to
            if self._calls.is_forwarded and data.startswith(_HTTP1_BEGINS):
                self._drop_server()
                self._fall_back()  # a monitor of a revision without gRPC
                return
            self._kept = None
        self._last_byte_s = time.perf_counter()
        gap = self._watch.from_server(data)
        if gap is not None and self._leaving_s is not None and self._goaway_s is None:
            self._goaway_s = self._last_byte_s
            data = b"".join((data[:gap], _goaway(_LAST_STREAM), data[gap:]))
        self._transport.write(data)

    def server_lost(self, server: ServerConnection) -> None:
        """The server has ended the connection."""
        if server is not self._server:
            return  # it had never been joined
        self._server = None
        if self._calls.is_forwarded and self._kept is not None:
            self._fall_back()
            return
        self._finish(Ending.CUT)
        self._transport.close()

    def server_full(self) -> None:
        """The server does not take more for now."""
        self._server_is_full = True
        self._adjust_reading()

    def server_drained(self) -> None:
        """The server takes more again."""
        self._server_is_full = False
        self._adjust_reading()

    # Joining.

    def _connect_to(self, target: Target) -> None:
        self._connecting = asyncio.get_running_loop().create_task(self._connect(target))

    async def _connect(self, target: Target) -> None:
        is_forwarded = self._calls.is_forwarded
        server = ServerConnection(self)
        try:
            async with asyncio.timeout(FORWARD_CONNECT_SECONDS if is_forwarded else CONNECT_SECONDS):
                await asyncio.get_running_loop().create_connection(lambda: server, target.host, target.port)
        except asyncio.CancelledError:
            server.drop()
            raise
        except (OSError, TimeoutError):
            self._connecting = None
            self._not_reached()
            return
        self._connecting = None
        if not server.is_open:
            self._not_reached()
            return
        self._server = server
        server.write(b"".join((self._preface(), *(self._kept or ()))))
        if not is_forwarded:
            self._kept = None
        if self._writing_paused_s is not None:
            server.pause_reading()
        self._adjust_reading()

    def _preface(self) -> bytes:
        """As much of the preface as is not among what was kept; another monitor is told that it forwards."""
        config = self._proxy.state.config
        if not self._calls.is_forwarded or config is None:
            return _BEGINS + b"\r\n"
        return b"".join((_BEGINS, HEADER_FORWARDED, b": ", config.revision.encode(), b"\r\n\r\n"))

    def _not_reached(self) -> None:
        if self._calls.is_forwarded:
            self._fall_back()
            return
        if not self._calls:
            self._proxy.state.counts.failures[Failure.UNREACHABLE] += 1
        self._finish(Ending.CUT)
        self._transport.close()

    def _fall_back(self) -> None:
        """The stable revision can't be reached: this pod's own server answers after all."""
        self._calls.fall_back()
        self._connect_to(self._own)

    def _adjust_reading(self) -> None:
        """Read from the client only what can be passed on or kept."""
        if self._is_over or self._transport.is_closing():
            return
        waits = self._server is None and self._kept_bytes > MAX_UNSENT_BYTES
        pause = self._server_is_full or waits
        if pause and not self._reading_paused:
            self._transport.pause_reading()
        elif self._reading_paused and not pause:
            self._transport.resume_reading()
        self._reading_paused = pause

    # Leaving.

    def _has_to_leave(self, now_s: float) -> bool:
        state = self._proxy.state
        if state.is_draining or self._calls.is_forwarded:
            return True
        if not self._calls and now_s - self._last_byte_s > IDLE_SECONDS:
            return True
        if self._port is Port.SYNTHETIC or state.mode is TrafficMode.SERVE:
            return False
        return state.mode is TrafficMode.WITHDRAW or now_s > self._leaves_at_s

    def _ask_to_leave(self, now_s: float) -> None:
        self._leaving_s = now_s
        if self._watch.is_between:
            self._goaway_s = now_s
            self._transport.write(_goaway(_LAST_STREAM))

    def _has_left(self, now_s: float, leaving_s: float) -> bool:
        """Whether nothing more is to come on a connection that leaves."""
        quiet_s = now_s - self._last_byte_s
        if not self._watch.is_watching:
            return quiet_s > GRACE_SECONDS or now_s - leaving_s > UNWATCHED_SECONDS
        asked_s = leaving_s if self._goaway_s is None else self._goaway_s
        return not self._calls and now_s - asked_s > GRACE_SECONDS

    def _end(self) -> None:
        if self._watch.is_between:
            self._transport.write(_goaway(self._calls.last_stream))
        self._finish(Ending.CLIENT_GONE)
        self._transport.close()

    def _finish(self, ending: Ending) -> None:
        """Count what is under way as ended, and let go of the server."""
        if self._is_over:
            return
        self._is_over = True
        self._calls.end_all(ending)
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        self._drop_server()

    def _drop_server(self) -> None:
        self._server_is_full = False
        if self._server is not None:
            server, self._server = self._server, None
            server.drop()


def _goaway(last_stream: int) -> bytes:
    """Ask for no further calls; those up to `last_stream` are answered."""
    return GoAwayFrame(last_stream_id=last_stream).serialize()
