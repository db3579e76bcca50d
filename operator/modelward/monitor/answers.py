"""Responses that the monitor gives by itself: refusals, feedback, and 502 for a server that is not there."""

from http import HTTPStatus
from typing import Final

import orjson

JSON: Final = "application/json"
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


def response(
    status: int,
    body: bytes,
    *,
    content_type: str = JSON,
    headers: tuple[tuple[str, str], ...] = (),
    closes: bool = False,
    method: str = "GET",
) -> bytes:
    """A whole HTTP/1.1 response; to HEAD without its body."""
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    if closes:
        lines.append("Connection: close")
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    return head if method == "HEAD" else head + body


def error_body(message: str) -> bytes:
    """A JSON body that says what went wrong, in the v2 protocol's form {"error": ...}."""
    return orjson.dumps({"error": message}) + b"\n"
