"""Requests at a steady rate, from a few kept-alive connections; each waits for its answer."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from bench.monitor import payloads

CONNECTIONS: Final = 8
_HEAD_END: Final = b"\r\n\r\n"


@dataclass(slots=True)
class Sent:
    """What was asked and answered so far."""

    answered: int = 0
    failed: int = 0


async def send(port: int, requests_per_second: int, seconds: float) -> Sent:
    """Send requests for that long; one that would be late waits for the one before on its connection."""
    sent = Sent()
    if requests_per_second:
        pause_s = CONNECTIONS / requests_per_second
        begin_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(CONNECTIONS):
                first_s = begin_s + number * pause_s / CONNECTIONS
                group.create_task(_connection(port, first_s, pause_s, begin_s + seconds, sent))
    else:
        await asyncio.sleep(seconds)
    return sent


async def _connection(port: int, first_s: float, pause_s: float, end_s: float, sent: Sent) -> None:
    wire = payloads.request(payloads.request_body(payloads.SMALL_BYTES))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    due_s = first_s
    while due_s < end_s:
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        due_s += pause_s
        writer.write(wire)
        head = await reader.readuntil(_HEAD_END)
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        if head.startswith(b"HTTP/1.1 200"):
            sent.answered += 1
        else:
            sent.failed += 1
    writer.close()
