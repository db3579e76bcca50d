"""Collects the body of a feedback request on a client connection and has it answered."""

import asyncio
from collections.abc import Callable
from typing import Final

import httptools

from modelward.monitor import feedback
from modelward.monitor.answers import CONTINUE, JSON, error_body
from modelward.monitor.bodies import Body
from modelward.monitor.heads import RequestHead
from modelward.monitor.state import MonitorState

_FRAMING_ALLOWANCE: Final = 2
"""A chunked body may take so many times its content on the wire."""


class FeedbackIntake:
    """One feedback request."""

    def __init__(
        self,
        state: MonitorState,
        head: RequestHead,
        answered: Callable[[int, str, bytes], None],
        send: Callable[[bytes], None],
    ) -> None:
        self._state = state
        self._head = head
        self._answered = answered
        self._wire: list[bytes] = []
        self._wire_bytes = 0
        self._task: asyncio.Task[None] | None = None
        if (head.get(b"expect") or b"").lower() == b"100-continue":
            send(CONTINUE)

    def take(self, data: bytes, body: Body) -> None:
        """Take bytes of the body; answers once `body` is complete, or too long."""
        self._wire.append(data)
        self._wire_bytes += len(data)
        limit = feedback.MAX_BODY_BYTES * (_FRAMING_ALLOWANCE if self._head.is_chunked else 1)
        if (self._head.content_length or 0) > limit or self._wire_bytes > limit:
            message = f"feedback of more than {feedback.MAX_BODY_BYTES} bytes; send it in smaller batches"
            self._answered(413, JSON, error_body(message))
        elif body.complete:
            self._task = asyncio.get_running_loop().create_task(self._answer())

    def cancel(self) -> None:
        """The client is gone; labels that were taken stay taken."""
        if self._task is not None:
            self._task.cancel()

    async def _answer(self) -> None:
        content = _content(self._head, b"".join(self._wire))
        if len(content) > feedback.MAX_BODY_BYTES:
            message = f"feedback of more than {feedback.MAX_BODY_BYTES} bytes; send it in smaller batches"
            self._answered(413, JSON, error_body(message))
            return
        given = await feedback.answer(
            self._state,
            content,
            (self._head.get(b"content-type") or b"").decode("latin-1"),
            (self._head.get(b"content-encoding") or b"").decode("latin-1").strip(),
        )
        self._answered(given.status, given.content_type, given.body)


class _Content:
    __slots__ = ("pieces",)

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def on_body(self, data: bytes) -> None:
        self.pieces.append(data)


def _content(head: RequestHead, wire: bytes) -> bytes:
    """The body without its chunk framing."""
    if not head.is_chunked:
        return wire
    content = _Content()
    parser = httptools.HttpRequestParser(content)
    parser.feed_data(head.raw + wire)
    return b"".join(content.pieces)
