"""Passes a client's requests to a server and the answers back; decides what follows when a server fails.

- No connection, or one that ends before an answer began: 502, unless the request may be sent again:
  what a withdrawn revision forwards falls back to the pod's own server (a bad prediction beats none),
  and a harmless request on a kept-alive connection is tried once on a new one.
- A server that takes no more of a request is given up: 504.
- An answer that breaks off is passed on as that: the client's connection is reset, so that it is
  never taken for a whole one.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from typing import Final, cast

from modelward.monitor import account
from modelward.monitor import exchange as exchanges
from modelward.monitor.answers import error_body, response
from modelward.monitor.events import Ending
from modelward.monitor.exchange import Exchange
from modelward.monitor.heads import ResponseHead
from modelward.monitor.spans import Tracer
from modelward.monitor.state import MonitorState
from modelward.monitor.timeouts import UNTAKEN_SECONDS
from modelward.monitor.traffic import Target
from modelward.monitor.upstream import Client, Upstream

MAX_UNSENT_BYTES: Final = 256 * 1024
"""Bytes of a request that wait for the connection to the server."""
CONNECT_SECONDS: Final = 5.0
FORWARD_CONNECT_SECONDS: Final = 1.0
BAD_GATEWAY: Final = 502
GATEWAY_TIMEOUT: Final = 504


class Front(ABC):
    """The client's connection, as the relay sees it."""

    __slots__ = ()

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Send bytes of an answer."""

    @abstractmethod
    def wants_to_close(self) -> bool:
        """Whether the answer that begins now is to be the connection's last."""

    @abstractmethod
    def answered(self, exchange: Exchange) -> None:
        """The answer has ended."""

    @abstractmethod
    def abort(self) -> None:
        """Reset the connection."""

    @abstractmethod
    def adjust_reading(self) -> None:
        """Whether the relay takes more of the request may have changed."""


class Relay(Client):
    """The server's side of one client connection."""

    __slots__ = (
        "_at_eof",
        "_connecting",
        "_exchange",
        "_front",
        "_is_full",
        "_state",
        "_tracer",
        "_upstream",
    )

    def __init__(self, state: MonitorState, tracer: Tracer | None, front: Front) -> None:
        self._state = state
        self._tracer = tracer
        self._front = front
        self._upstream: Upstream | None = None
        self._exchange: Exchange | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._is_full = False
        self._at_eof = False

    @property
    def is_open(self) -> bool:
        """Whether the server still takes bytes of the request."""
        return self._connecting is not None or (self._upstream is not None and self._upstream.is_open)

    @property
    def is_blocked(self) -> bool:
        """Whether the client should send no more of its request for now."""
        exchange = self._exchange
        waiting = (
            self._connecting is not None
            and exchange is not None
            and exchange.request_bytes > MAX_UNSENT_BYTES
        )
        return self._is_full or waiting

    # Called by the client's connection.

    def begin(self, exchange: Exchange, body: bytes, forward_to: Target | None) -> None:
        """Send a request, as far as it has come, to `forward_to` or to the pod's own server."""
        self._exchange = exchange
        if body:
            exchange.take_body(body, self._state)
        if forward_to is None:
            self._send_to_own_server(exchange)
            return
        exchange.is_forwarded = True
        self._state.counts.forwarded += 1
        self._send(exchange, forward_to)

    def pass_body(self, exchange: Exchange, data: bytes) -> None:
        """Send further bytes of the request's body."""
        exchange.take_body(data, self._state)
        if self._connecting is None and self._upstream is not None:
            self._upstream.write(data)
            exchange.sent(self._state)

    def pass_on_eof(self) -> None:
        """The client has ended its side: end ours, so that the server knows."""
        self._at_eof = True
        if self._connecting is None and self._upstream is not None:
            self._upstream.write_eof()

    def client_gone(self) -> None:
        """The client is gone: so is its request, at once."""
        self._stop(Ending.CLIENT_GONE, None)

    def refuse(self, status: int | None) -> None:
        """No more of the request is taken: the server gets none, and the client this status, or a reset."""
        self._stop(Ending.REFUSED, status)

    def _stop(self, ending: Ending, status: int | None) -> None:
        exchange, self._exchange = self._exchange, None
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        self._drop_upstream()
        if exchange is None:
            return
        exchange.forget(self._state)
        if not exchange.answered:
            exchange.sent_status = status
            account.record(exchange, ending, self._state, self._tracer)

    def pause_answer(self) -> None:
        """The client does not take more of the answer for now."""
        if self._upstream is not None:
            self._upstream.pause_reading()

    def resume_answer(self) -> None:
        """The client takes more of the answer again."""
        if self._upstream is not None:
            self._upstream.resume_reading()

    def drop_idle(self) -> None:
        """Close a connection that has been idle for too long to be used again."""
        if self._upstream is not None and self._upstream.is_stale():
            self._drop_upstream()

    def is_stalled(self, now_s: float) -> bool:
        """Whether the server has taken no more of a request for too long at `now_s` (performance counter)."""
        return self._upstream is not None and self._upstream.is_stalled(now_s)

    def give_up(self) -> None:
        """The server has stalled: it gets no more, and the client no more of the answer."""
        exchange = self._exchange
        self._drop_upstream()
        if exchange is None:
            return
        if exchange.answered:
            self.upstream_closed()
        elif exchange.answer_begun:
            self._break_off(exchange)
        else:
            reason = f"the model server has taken no more of the request for {UNTAKEN_SECONDS:g} s"
            self._answer_failure(exchange, GATEWAY_TIMEOUT, reason)

    # Called by the connection to the server.

    def interim_answer(self, raw: bytes) -> None:
        """Pass a 1xx on."""
        self._front.send(raw)

    def answer_begins(self, head: ResponseHead, *, until_close: bool) -> None:
        """Pass the answer's head on, or hold it when it is to carry the predictions."""
        exchange = self._exchange
        if exchange is None:
            return
        exchange.until_close = until_close
        exchanges.take_answer(exchange, head, self._state)
        if exchanges.wants_receipt(exchange, head.status, self._state):
            if exchanges.is_readable(exchange, head, self._state):
                exchange.held = []
                return
            receipt = exchanges.make_receipt(exchange, None, self._state)
        else:
            receipt = None
        self._front.send(self._head(exchange, head, receipt))

    def whole_answer(self, head: ResponseHead, data: bytes) -> None:
        """Pass on an answer that came in one piece."""
        exchange = self._exchange
        if exchange is None:
            return
        exchanges.take_answer(exchange, head, self._state)
        body = data[len(head.raw) :]
        exchange.response_bytes = len(body)
        if exchange.sample is not None:
            exchange.sample.take(exchange.sample.answer, body, exchange.response_bytes)
        if exchange.stream is not None:
            exchange.stream.take(body, time.perf_counter())
        receipt = None
        if exchanges.wants_receipt(exchange, head.status, self._state):
            readable = body if exchanges.is_readable(exchange, head, self._state) else None
            receipt = exchanges.make_receipt(exchange, readable, self._state)
        sent = self._head(exchange, head, receipt)
        self._front.send(data if sent is head.raw else sent + body)
        self._answered(exchange)

    def answer_data(self, data: bytes) -> None:
        """Pass a piece of the answer on."""
        exchange = self._exchange
        if exchange is None:
            return
        exchange.response_bytes += len(data)
        if exchange.sample is not None:
            exchange.sample.take(exchange.sample.answer, data, exchange.response_bytes)
        if exchange.stream is not None:
            exchange.stream.take(data, time.perf_counter())
        if exchange.held is None:
            self._front.send(data)
        else:
            exchange.held.append(data)

    def answer_complete(self) -> None:
        """The answer has ended: count it and let the client's connection go on."""
        exchange = self._exchange
        if exchange is None or exchange.answer is None:
            return
        if exchange.held is not None:
            held = exchange.held
            body = held[0] if len(held) == 1 else b"".join(held)
            receipt = exchanges.make_receipt(exchange, body, self._state)
            self._front.send(self._head(exchange, exchange.answer, receipt) + body)
        self._answered(exchange)

    def answer_lost(self, reason: str) -> None:
        """The server's connection ended, or spoke no HTTP, before the answer was complete."""
        exchange = self._exchange
        self._upstream = None
        if exchange is None:
            return
        if exchange.is_forwarded and exchange.can_send_again:
            self._fall_back(exchange)
        elif exchange.may_repeat:
            exchange.is_repeated = True
            self._send(exchange, self._own_server())
        elif exchange.answer_begun:
            self._break_off(exchange)
        else:
            self._answer_failure(exchange, BAD_GATEWAY, reason)

    def upstream_closed(self) -> None:
        """The connection ended between answers, or after one that came before the request's end."""
        self._upstream = None
        exchange = self._exchange
        if exchange is not None and exchange.answered and not exchange.request_complete:
            exchange.closes = True
            self._finish(exchange)

    def upstream_full(self) -> None:
        """The server does not take more for now."""
        self._is_full = True
        self._front.adjust_reading()

    def upstream_drained(self) -> None:
        """The server takes more again."""
        self._is_full = False
        self._front.adjust_reading()

    # Sending.

    def _send_to_own_server(self, exchange: Exchange) -> None:
        if exchange.on_serving_port:
            self._state.counts.requests += 1
        self._send(exchange, self._own_server())

    def _own_server(self) -> Target:
        target = self._state.server
        assert target is not None  # noqa: S101 - no exchange begins without a configuration
        return target

    def _send(self, exchange: Exchange, target: Target) -> None:
        """Send all that there is of the request to `target`, on a connection that is open or a new one."""
        head = exchanges.request_head(exchange, self._state)
        upstream = self._upstream
        if upstream is not None and not exchange.is_repeated and upstream.is_usable(target):
            exchange.on_reused_connection = True
            self._write_request(upstream, exchange, head)
            return
        self._drop_upstream()
        exchange.on_reused_connection = False
        self._connecting = asyncio.get_running_loop().create_task(self._connect(exchange, target, head))

    def _write_request(self, upstream: Upstream, exchange: Exchange, head: bytes) -> None:
        upstream.await_answer(exchange.head.method)
        kept = exchange.kept
        upstream.write(b"".join((head, *kept)) if kept else head)
        exchange.sent(self._state)
        if self._at_eof:
            upstream.write_eof()

    async def _connect(self, exchange: Exchange, target: Target, head: bytes) -> None:
        limit_s = FORWARD_CONNECT_SECONDS if exchange.is_forwarded else CONNECT_SECONDS
        upstream = Upstream(self, target)
        try:
            async with asyncio.timeout(limit_s):
                await asyncio.get_running_loop().create_connection(
                    lambda: cast("asyncio.Protocol", upstream), target.host, target.port
                )
        except asyncio.CancelledError:
            upstream.close()
            raise
        except (OSError, TimeoutError) as error:
            self._connecting = None
            if exchange.is_forwarded:
                self._fall_back(exchange)
            else:
                reason = str(error) or f"no answer to a connection within {limit_s:g} s"
                reason = f"the model server can't be reached: {reason}"
                self._answer_failure(exchange, BAD_GATEWAY, reason)
            return
        self._connecting = None
        if not upstream.is_open:
            self.answer_lost("the model server closed the connection at once")
            return
        self._upstream = upstream
        self._write_request(upstream, exchange, head)
        self._front.adjust_reading()

    def _fall_back(self, exchange: Exchange) -> None:
        """The stable revision can't be reached: this pod's own server answers after all."""
        exchange.is_forwarded = False
        self._state.counts.forward_fallbacks += 1
        self._send_to_own_server(exchange)

    # Answering.

    def _head(self, exchange: Exchange, head: ResponseHead, receipt: bytes | None) -> bytes:
        """The head of the answer that begins now, as the client gets it."""
        stays = head.keeps_alive and exchange.head.keeps_alive and not exchange.until_close
        exchange.closes = not stays or self._front.wants_to_close()
        exchange.answer_begun = True
        return exchanges.response_head(exchange, head, receipt)

    def _answered(self, exchange: Exchange) -> None:
        exchange.answered = True
        account.record(exchange, Ending.ANSWERED, self._state, self._tracer)
        self._finish(exchange)

    def _break_off(self, exchange: Exchange) -> None:
        self._exchange = None
        exchange.answered = True
        account.record(exchange, self._ending(Ending.CUT), self._state, self._tracer)
        self._front.abort()

    def _answer_failure(self, exchange: Exchange, status: int, reason: str) -> None:
        self._drop_upstream()
        exchange.forget(self._state)
        exchange.sent_status = status
        exchange.answer_begun = True
        exchange.answered = True
        ending = Ending.UNREACHABLE
        if exchange.answer is not None:  # held, and broken off
            ending = Ending.CUT
        account.record(exchange, self._ending(ending), self._state, self._tracer)
        stays = exchange.head.keeps_alive and exchange.request_complete
        exchange.closes = self._front.wants_to_close() or not stays
        self._front.send(
            response(status, error_body(reason), closes=exchange.closes, method=exchange.head.method)
        )
        self._finish(exchange)

    def _finish(self, exchange: Exchange) -> None:
        if exchange.request_complete:
            self._exchange = None
        self._front.answered(exchange)

    def _ending(self, ending: Ending) -> Ending:
        return Ending.CLIENT_GONE if self._at_eof else ending

    def _drop_upstream(self) -> None:
        self._is_full = False
        if self._upstream is not None:
            upstream, self._upstream = self._upstream, None
            upstream.close()
