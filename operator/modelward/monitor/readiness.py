"""Whether the pod should get traffic: the monitor has what it needs and does not end; the server is ready."""

import asyncio
from contextlib import suppress
from typing import Final

from modelward.api.monitorconfig import ServerProtocol
from modelward.monitor.state import MonitorState
from modelward.monitor.traffic import Target

CHECK_SECONDS: Final = 1.0
_PATHS: Final = {ServerProtocol.V2: "/v2/health/ready", ServerProtocol.OPENAI: "/v1/models"}
"""Answered with 200 by a server that is ready. OpenAI's API has no path for it; its list of models serves."""
_READY: Final = {ServerProtocol.V2: {b"200"}, ServerProtocol.OPENAI: {b"200", b"401", b"403"}}
"""A server that asks for a key, which the monitor does not have, is there to ask for it."""
_MAX_STATUS_LINE_BYTES: Final = 1024


async def not_ready_because(state: MonitorState) -> str | None:
    """Why the pod is not ready; None when it is."""
    if state.config is None:
        return "the monitor has no valid configuration"
    if state.keys is None:
        return "the monitor has no valid keys"
    if state.is_draining:
        return "the pod is ending"
    target = state.server
    assert target is not None  # noqa: S101 - there is a configuration
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            reason = await _server_not_ready_because(target, state.config.server.protocol)
            if reason is None and state.grpc_server is not None:
                target = state.grpc_server
                await _connect(target)
            return reason
    except (OSError, TimeoutError, asyncio.LimitOverrunError, ValueError) as error:
        return (
            f"the model server on port {target.port}: {str(error) or f'no answer within {CHECK_SECONDS:g} s'}"
        )


async def _connect(target: Target) -> None:
    """Raises OSError when nobody listens there."""
    _, writer = await asyncio.open_connection(target.host, target.port)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def _server_not_ready_because(target: Target, protocol: ServerProtocol) -> str | None:
    reader, writer = await asyncio.open_connection(target.host, target.port, limit=_MAX_STATUS_LINE_BYTES)
    try:
        path = _PATHS.get(protocol)
        if path is None:
            return None
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        line = await reader.readline()
        words = line.split(None, 2)
        if len(words) > 1 and words[0].startswith(b"HTTP/1.") and words[1] in _READY[protocol]:
            return None
        answer = line.decode("latin-1").strip() or "nothing"
        return f"GET {path} on port {target.port} answered {answer}"
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
