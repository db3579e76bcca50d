"""A client's connection: finds where its requests begin and end and has each answered, one after the other.

Requests that a client pipelines wait, unread beyond a bound, until the answer before them has ended;
so an answer always belongs to the one request that is out, and a change of traffic holds from the
next request on. A client that ends its side of the connection (nothing tells a half-close from one
that is gone) has that passed on to the server at once; what the server still answers is sent.
"""

import asyncio
import random
import re
import socket
import struct
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

from modelward.api.monitorconfig import TrafficMode
from modelward.conventions import PATH_FEEDBACK
from modelward.monitor import exchange as exchanges
from modelward.monitor.answers import error_body, response
from modelward.monitor.bodies import FramingError
from modelward.monitor.counters import Failure
from modelward.monitor.exchange import Exchange, Port
from modelward.monitor.feedback import RETRY_AFTER_SECONDS
from modelward.monitor.heads import MAX_HEAD_BYTES, MOST_REMEMBERED_BYTES, RequestHead, parse_request
from modelward.monitor.intake import FeedbackIntake
from modelward.monitor.relay import Front, Relay
from modelward.monitor.timeouts import (
    BODY_SECONDS,
    HEAD_SECONDS,
    IDLE_SECONDS,
    MAX_AGE_JITTER,
    UNREAD_SECONDS,
)
from modelward.monitor.upstream import MAX_BUFFERED_BYTES

if TYPE_CHECKING:
    from modelward.monitor.proxy import Proxy

MAX_PIPELINED_BYTES: Final = 64 * 1024
LINGER_SECONDS: Final = 2.0
"""How long a connection that is closed still reads, so that no reset overtakes its last answer."""
_NO_LINGER: Final = struct.pack("ii", 1, 0)
"""As SO_LINGER: closing sends a reset, where the end of the stream could pass for the end of a body."""
_TCP_CLOSE: Final = 7
"""State of a connection that is no more, as TCP_INFO begins with it (tcp(7), linux/tcp.h)."""
_HTTP2_PREFACE: Final = re.compile(
    rb"PRI \* HTTP/2\.0\r\n(%s: [^\r\n]*\r\n)?\r\n" % exchanges.HEADER_FORWARDED
)
"""As much of HTTP/2's preface as looks like a head (RFC 9113 3.4), marked where another monitor forwards."""
_FEEDBACK_PATH: Final = PATH_FEEDBACK.encode()


class ClientConnection(Front):
    """One client connection, an asyncio.Protocol."""

    __slots__ = (
        "_age_factor",
        "_at_eof",
        "_ending",
        "_exchange",
        "_first_byte_s",
        "_intake",
        "_last_head",
        "_last_read_s",
        "_opened_s",
        "_pending",
        "_port",
        "_proxy",
        "_reading_paused",
        "_relay",
        "_transport",
        "_writing_paused_s",
    )

    _transport: asyncio.Transport

    def __init__(self, proxy: "Proxy", port: Port) -> None:
        self._proxy = proxy
        self._port = port
        self._relay = Relay(proxy.state, proxy.tracer, self)
        self._exchange: Exchange | None = None
        self._intake: FeedbackIntake | None = None
        self._last_head: RequestHead | None = None
        self._pending = b""
        self._opened_s = self._first_byte_s = self._last_read_s = time.perf_counter()
        self._age_factor = 1 + random.uniform(-MAX_AGE_JITTER, MAX_AGE_JITTER)  # noqa: S311 - spreads load
        self._at_eof = False
        self._ending = False
        self._reading_paused = False
        self._writing_paused_s: float | None = None
        """Since when more waits to be sent than may; None: it does not."""

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=MAX_BUFFERED_BYTES)
        self._proxy.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop: whatever is under way for this client ends now."""
        _ = exc
        self._ending = True
        self._proxy.closed(self)
        if self._intake is not None:
            self._intake.cancel()
        self._leave_exchange()
        self._relay.client_gone()

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        if self._ending:
            return
        self._last_read_s = time.perf_counter()
        exchange = self._exchange
        if exchange is None and not self._pending and not self._reading_paused:
            # A request at rest: nothing to join and nothing to take up again.
            self._first_byte_s = self._last_read_s
            self._pending = data
            self._take_requests()
            if self._pending or self._relay.is_blocked:
                self.adjust_reading()
            return
        if exchange is not None and not exchange.request_complete:
            try:
                end = exchange.body.take(data, 0)
            except FramingError as error:
                self._break_off(exchange, str(error), error.status)
                return
            self._pass_body(exchange, data if end == len(data) else data[:end])
            data = data[end:]
        if data:
            if not self._pending:
                self._first_byte_s = self._last_read_s
            self._pending = self._pending + data if self._pending else data
        if self._exchange is not None and self._exchange.is_over:
            self.answered(self._exchange)
        else:
            self._take_requests()
        self.adjust_reading()

    def eof_received(self) -> bool:
        """Called by the event loop; True keeps the connection open for the answer."""
        exchange = self._exchange
        if self._ending or exchange is None or not exchange.request_complete:
            return False
        self._at_eof = True
        if not self._pending:
            self._relay.pass_on_eof()
        return True

    def pause_writing(self) -> None:
        """Called by the event loop: the client does not take more for now."""
        self._writing_paused_s = time.perf_counter()
        self._relay.pause_answer()

    def resume_writing(self) -> None:
        """Called by the event loop: the client takes more again."""
        self._writing_paused_s = None
        self._relay.resume_answer()

    # Called by the relay and the proxy.

    def send(self, data: bytes) -> None:
        """Send bytes of an answer."""
        self._transport.write(data)

    def wants_to_close(self) -> bool:
        """Whether the answer that begins now is to be this connection's last."""
        if self._at_eof:
            return not self._pending
        if self._pending:
            return False  # a request that is here already is answered here
        state = self._proxy.state
        if state.is_draining:
            return True
        if self._port is Port.SYNTHETIC or state.mode is TrafficMode.SERVE:
            return False
        if state.mode is TrafficMode.WITHDRAW:
            return True
        limit_s = state.traffic.current.connection_max_age_seconds * self._age_factor
        return time.perf_counter() - self._opened_s > limit_s

    def answered(self, exchange: Exchange) -> None:
        """The answer to `exchange` has ended; go on with the next request once this one is all here."""
        if exchange is not self._exchange or not exchange.is_over:
            if exchange.closes and not self._relay.is_open:
                self.end()  # the server answered early and hung up: it won't have the rest
            return
        self._leave_exchange()
        if exchange.closes:
            self.end()
            return
        if self._pending:
            self._first_byte_s = time.perf_counter()
            self._take_requests()
        if self._at_eof and self._exchange is None:
            self.end()
        if self._pending or self._reading_paused:
            self.adjust_reading()

    def end(self) -> None:
        """Close, once what was sent has arrived."""
        if self._ending:
            return
        self._ending = True
        self._leave_exchange()
        self._relay.client_gone()
        if self._transport.is_closing():
            return
        if self._at_eof:
            self._transport.close()
            return
        self._transport.write_eof()
        if self._reading_paused:
            self._transport.resume_reading()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.close)

    def abort(self) -> None:
        """Reset the connection, so that the client does not take half an answer for a whole one."""
        self._leave_exchange()
        connection = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()

    def adjust_reading(self) -> None:
        """Read from the client only what can be passed on or kept."""
        if self._ending or self._transport.is_closing():
            return
        pause = len(self._pending) > MAX_PIPELINED_BYTES or self._relay.is_blocked
        if pause and not self._reading_paused:
            self._transport.pause_reading()
        elif self._reading_paused and not pause:
            self._transport.resume_reading()
            self._last_read_s = time.perf_counter()  # the pause was not the client's
        self._reading_paused = pause

    def sweep(self, now_s: float) -> None:
        """End what has paused for too long at `now_s` (performance counter), on either side."""
        exchange = self._exchange
        if self._writing_paused_s is not None and now_s - self._writing_paused_s > UNREAD_SECONDS:
            self._proxy.state.counts.unread += 1
            self.abort()
            return
        if self._ending:
            return
        if exchange is None:
            self._sweep_at_rest(now_s)
        elif self._reading_paused:
            if self._is_reset():
                self.abort()
            elif self._relay.is_stalled(now_s):
                self._relay.give_up()
        elif not exchange.request_complete and now_s - self._last_read_s > BODY_SECONDS:
            self._break_off(exchange, f"no more of the request came for {BODY_SECONDS:g} s", 408)

    def _sweep_at_rest(self, now_s: float) -> None:
        self._relay.drop_idle()
        if self._reading_paused:
            self.adjust_reading()
        elif self._pending and now_s - self._first_byte_s > HEAD_SECONDS:
            self._refuse(408, f"the request's head has not ended within {HEAD_SECONDS:g} s")
        elif now_s - self._last_read_s > IDLE_SECONDS:
            self.end()

    def _is_reset(self) -> bool:
        """Whether a client that is not read from has reset the connection.

        The event loop tells nothing of a connection that it does not read, but the kernel knows of a reset.
        Of a client that left in an orderly way even that can't tell: what it had sent before is still to be
        read, and may well be the whole of its request.
        """
        connection = self._transport.get_extra_info("socket")
        state: int = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        return state == _TCP_CLOSE

    def end_if_idle(self) -> None:
        """Close when no request is under way."""
        if self._exchange is None and not self._pending:
            self.end()

    # Requests.

    def _take_requests(self) -> None:
        while self._exchange is None and self._pending and not self._ending:
            data = self._pending
            start = 0
            while data.startswith(b"\r\n", start):  # RFC 9112 2.2: empty lines before a request
                start += 2
            end = data.find(b"\r\n\r\n", start) + 4
            head_is_whole = end >= len(b"\r\n\r\n")
            if (end if head_is_whole else len(data)) - start > MAX_HEAD_BYTES:
                self._refuse(431, f"the request's head is longer than {MAX_HEAD_BYTES} bytes")
            elif head_is_whole:
                self._take_request(data, start, end)
            else:
                self._pending = data[start:]
                return

    def _take_request(self, data: bytes, start: int, end: int) -> None:
        """Begin the request whose head is data[start:end]; its body and further requests may follow."""
        state = self._proxy.state
        try:
            head = self._head_of(data[start:end])
            is_feedback = self._port is Port.SERVING and head.method == "POST" and head.path == _FEEDBACK_PATH
            # Feedback, which no server gets, has a limit of its own.
            body = head.body(None if is_feedback else state.max_request_body_bytes)
            body_end = body.take(data, end)
        except FramingError as error:
            if preface := _HTTP2_PREFACE.fullmatch(data, start, end):
                self._hand_over(data[end:], was_forwarded=preface[1] is not None)
                return
            self._refuse(error.status, str(error))
            return
        if state.config is None:
            self._refuse(503, "the monitor has no configuration yet")
            return
        self._pending = data[body_end:] if body_end < len(data) else b""
        exchange = exchanges.begin(state, head, body, self._port, self._first_byte_s)
        self._exchange = exchange
        state.counts.requests_in_flight += 1
        if is_feedback:
            # Also of a withdrawn revision: its counters are scraped for some blocks yet, and nothing has
            # to be reached for it.
            self._intake = FeedbackIntake(state, head, self._feedback_answered, self.send)
            self._intake.take(data[end:body_end], body)
        else:
            is_forwarded = self._port is Port.SERVING and head.get(exchanges.HEADER_FORWARDED) is None
            forward_to = state.traffic.forward_target() if is_forwarded else None
            self._relay.begin(exchange, data[end:body_end], forward_to)
        if self._at_eof and not self._pending:
            self._relay.pass_on_eof()

    def _head_of(self, raw: bytes) -> RequestHead:
        """A request's head; the same bytes as of the one before say the same. Raises FramingError."""
        last = self._last_head
        if last is not None and last.raw == raw:
            return last
        head = parse_request(raw)
        if len(raw) <= MOST_REMEMBERED_BYTES:
            self._last_head = head
        return head

    def _hand_over(self, rest: bytes, *, was_forwarded: bool) -> None:
        """The client speaks HTTP/2: the connection is gRPC's from here on, if the server speaks that."""
        from modelward.monitor.grpc.connection import GrpcConnection  # noqa: PLC0415 - memory, where none does

        target = self._proxy.state.grpc_server
        if self._proxy.state.config is None:
            self._refuse(503, "the monitor has no configuration yet")
            return
        if target is None:
            message = "this model server speaks no gRPC: use HTTP/1.1, or write server.grpcPort"
            self._refuse(400, message, Failure.NO_GRPC)
            return
        self._relay.client_gone()
        self._ending, self._pending = True, b""
        if self._reading_paused:
            self._transport.resume_reading()
        connection = GrpcConnection(self._proxy, self._port, self._transport, target)
        self._proxy.replaced(self, connection)
        self._transport.set_protocol(connection)
        connection.begin(rest, was_forwarded=was_forwarded)

    def _pass_body(self, exchange: Exchange, data: bytes) -> None:
        if self._intake is not None:
            self._intake.take(data, exchange.body)
        elif data:
            self._relay.pass_body(exchange, data)

    def _feedback_answered(self, status: int, content_type: str, body: bytes) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        self._intake = None
        exchange.closes = (
            not exchange.head.keeps_alive or self.wants_to_close() or not exchange.request_complete
        )
        exchange.answered = True
        later = (("Retry-After", str(RETRY_AFTER_SECONDS)),) if status == HTTPStatus.TOO_MANY_REQUESTS else ()
        self.send(response(status, body, content_type=content_type, headers=later, closes=exchange.closes))
        if exchange.request_complete:
            self.answered(exchange)
        else:
            self.end()

    # Refusals.

    def _refuse(self, status: int, message: str, reason: Failure | None = None) -> None:
        """Answer with an error and close; it is counted under `reason`, or that of its status."""
        self._proxy.state.counts.count_refusal(status, reason)
        self._pending = b""
        self.send(response(status, error_body(message), closes=True))
        self.end()

    def _break_off(self, exchange: Exchange, message: str, status: int) -> None:
        """The rest of a body can't be followed, or is too much: no more of it reaches the server."""
        self._relay.refuse(None if exchange.answer_begun else status)
        if exchange.answer_begun:
            self._proxy.state.counts.count_refusal(status)
            self.abort()
        else:
            self._refuse(status, message)

    def _leave_exchange(self) -> None:
        if self._exchange is not None:
            self._exchange = None
            self._proxy.state.counts.requests_in_flight -= 1
