"""A small real gRPC server of the Open Inference Protocol's service, and its client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import grpc
import grpc.aio

SERVICE: Final = "inference.GRPCInferenceService"
INFER: Final = f"/{SERVICE}/ModelInfer"
READY: Final = f"/{SERVICE}/ServerReady"
STREAM: Final = f"/{SERVICE}/ModelStreamInfer"

Handler = Callable[[bytes, Any], Awaitable[bytes]]
Metadata = Sequence[tuple[str, str]]
"""Headers of a call, in lower case."""


async def echo(request: bytes, _context: Any) -> bytes:
    """Answer with the request."""
    return request


@dataclass(slots=True)
class GrpcServer:
    """Listens on loopback; requests and answers are bytes, as the wire has them."""

    port: int
    handler: Handler = echo
    calls: int = 0
    peers: list[str] = field(default_factory=list)
    """Address that each call came from, in order."""
    headers: list[dict[str, Any]] = field(default_factory=list)
    """Of each call, by name."""
    _server: Any = None

    async def __aenter__(self) -> Self:
        self._server = grpc.aio.server(options=_OPTIONS)
        one, many = grpc.unary_unary_rpc_method_handler, grpc.stream_stream_rpc_method_handler
        methods = {"ModelInfer": one(self._one), "ServerReady": one(echo), "ModelStreamInfer": many(_each)}
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, methods)])
        self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End at once, and every call under way with it."""
        await self._server.stop(None)

    async def _one(self, request: bytes, context: Any) -> bytes:
        self.calls += 1
        self.peers.append(context.peer())
        self.headers.append(dict(context.invocation_metadata()))
        return await self.handler(request, context)


async def _each(requests: AsyncIterator[bytes], _context: Any) -> AsyncIterator[bytes]:
    """Answer each request of a stream with itself."""
    async for request in requests:
        yield request


def channel(port: int) -> Any:
    """A client's channel, with a connection of its own."""
    return grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=_OPTIONS)


async def infer(
    open_channel: Any, request: bytes = b"features", path: str = INFER, metadata: Metadata = ()
) -> bytes:
    """Call a unary method; grpc.aio.AioRpcError when it fails."""
    call = open_channel.unary_unary(path)
    answer: bytes = await call(request, timeout=LIMIT_SECONDS, metadata=metadata)
    return answer


async def stream(open_channel: Any, requests: Iterable[bytes]) -> list[bytes]:
    """Send a stream of requests, each after the answer to the one before, and return the answers."""
    call = open_channel.stream_stream(STREAM)(timeout=LIMIT_SECONDS)
    answers = []
    for request in requests:
        await call.write(request)
        answers.append(await call.read())
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    return answers


def always(status: grpc.StatusCode) -> Handler:
    """A handler that ends every call with a status."""

    async def refuse(_request: bytes, context: Any) -> bytes:
        await context.abort(status, "as the test wants it")
        raise AssertionError("abort raises")

    return refuse


def held(go_on: asyncio.Event) -> Handler:
    """A handler that answers once it may."""

    async def wait(request: bytes, _context: Any) -> bytes:
        await go_on.wait()
        return request

    return wait


LIMIT_SECONDS: Final = 90
_OPTIONS: Final = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.so_reuseport", 0),
)
