"""A small HTTP/1.1 server for the ports beside the request path, on the proxy's own parser.

Short requests and answers of known length, one after the other on a connection. A framework would take as
much memory as all the rest of the monitor does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Final, NamedTuple

from modelward.monitor.answers import JSON, error_body, response
from modelward.monitor.bodies import FramingError
from modelward.monitor.heads import MAX_HEAD_BYTES, RequestHead, parse_request

MAX_BODY_BYTES: Final = 16 * 1024
IDLE_SECONDS: Final = 120.0
"""Longest pause of a client, longer than the pause between two scrapes."""


class Answer(NamedTuple):
    """What is answered."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[RequestHead, bytes], Awaitable[Answer]]
Routes = Mapping[str, Mapping[str, Handler]]
"""By path and method."""


class SidePort:
    """One listening port."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def listen(self, port: int) -> None:
        """Open the port. Raises OSError when it is taken."""
        self._server = await asyncio.start_server(self._connected, None, port, limit=MAX_HEAD_BYTES)

    async def close(self) -> None:
        """Close the port and its connections."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this as a task
        self._connections.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client is gone, or has paused for too long, or the monitor ends
        finally:
            self._connections.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stays = True
        while stays:
            method = "GET"
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    head = parse_request(await reader.readuntil(b"\r\n\r\n"))
                    method = head.method
                    body = await _body(head, reader)
            except asyncio.LimitOverrunError:
                answer, stays = _refusal(431, f"the head is longer than {MAX_HEAD_BYTES} bytes"), False
            except FramingError as error:
                answer, stays = _refusal(error.status, str(error)), False
            else:
                answer, stays = await self._answer(head, body), head.keeps_alive
            writer.write(
                response(
                    answer.status,
                    answer.body,
                    content_type=answer.content_type,
                    headers=answer.headers,
                    closes=not stays,
                    method=method,
                )
            )
            await writer.drain()

    async def _answer(self, head: RequestHead, body: bytes) -> Answer:
        path = head.path.decode("latin-1")
        methods = self._routes.get(path)
        if methods is None:
            return _refusal(404, f"no {path} here; there are {', '.join(self._routes)}")
        handler = methods.get("GET" if head.method == "HEAD" else head.method)
        if handler is None:
            return _refusal(405, f"{path} takes {', '.join(methods)}", (("Allow", ", ".join(methods)),))
        return await handler(head, body)


async def _body(head: RequestHead, reader: asyncio.StreamReader) -> bytes:
    """The request's body. Raises FramingError for one that is not taken."""
    if head.is_chunked:
        raise FramingError("send a Content-Length, chunks are not taken here", HTTPStatus.LENGTH_REQUIRED)
    length = head.content_length or 0
    if length > MAX_BODY_BYTES:
        message = f"more than {MAX_BODY_BYTES} bytes"
        raise FramingError(message, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return await reader.readexactly(length)


def _refusal(status: int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(status, error_body(message), headers=headers)
