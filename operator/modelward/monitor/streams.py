"""Watches a stream of events (text/event-stream) pass: when its first token came, and how many there were.

A token has come with the first event that has content: an OpenAI-compatible server's first event of a chat
names the role only, and its last is `[DONE]`. Source: the HTML standard, 9.2.6 ("Interpreting an event
stream"). Bytes are watched as they pass, chunk framing included: servers send one event a chunk, and an
event that a chunk's frame cuts through counts as content. Compressed streams are not read.

Tokens are counted by the server's own word where it gives it: the last `completion_tokens`, or
`output_tokens` of the Responses API, in the stream's end (clients ask for it by
stream_options.include_usage). Else they are the events with content, as servers send one token in each.
"""

import re
from collections import deque
from typing import Final

import orjson

_DONE: Final = b"[DONE]"
_EVENT: Final = b"data:"
_MAX_REST_BYTES: Final = 64 * 1024
_ROLE: Final = "role"
_END_PIECES: Final = 8
_END_BYTES: Final = 4096
"""As much of each of the last reads is kept: events without content end a stream, its usage among them."""
_USAGE: Final = re.compile(rb'"(?:completion_tokens|output_tokens)"\s*:\s*(\d{1,9})(?!\d)')


class EventStream:
    """One answer's events."""

    __slots__ = ("_end", "_rest", "_since_first", "events", "first_token_s")

    def __init__(self) -> None:
        self.first_token_s: float | None = None
        """Moment of the first event with content; None: there was none yet."""
        self.events = 0
        """Events with data so far, `[DONE]` included."""
        self._rest = b""
        self._since_first = 0
        """Events with data since the first with content."""
        self._end: deque[bytes] = deque(maxlen=_END_PIECES)

    @property
    def tokens(self) -> int:
        """How many tokens have come."""
        if self.first_token_s is None:
            return 0
        end = b"".join(self._end)
        if told := _USAGE.findall(end):
            return int(told[-1])
        return 1 + self._since_first - _events_without_content(end, self._since_first)

    def take(self, data: bytes, now_s: float) -> None:
        """Watch bytes that pass at `now_s`."""
        if self._rest:
            data = self._rest + data
        end = data.rfind(b"\n") + 1
        self._rest = data[end:][:_MAX_REST_BYTES]
        lines = data[:end]
        if lines:
            self._end.append(lines[-_END_BYTES:])
        if self.first_token_s is not None:
            number = lines.count(b"\n" + _EVENT) + lines.startswith(_EVENT)
            self.events += number
            self._since_first += number
            return
        for line in lines.splitlines():
            if line.startswith(_EVENT):
                self.events += 1
                if self.first_token_s is not None:
                    self._since_first += 1
                elif _has_content(line[len(_EVENT) :].strip()):
                    self.first_token_s = now_s


def _events_without_content(end: bytes, most: int) -> int:
    """How many of a stream's last events, of `most` at most, have no content."""
    number = 0
    for line in reversed(end.splitlines()):
        if line.startswith(_EVENT):
            if number == most or _has_content(line[len(_EVENT) :].strip()):
                break
            number += 1
    return number


def _has_content(data: bytes) -> bool:
    """Whether an event's data holds some of the generated text."""
    if not data or data == _DONE:
        return False
    try:
        event = orjson.loads(data)
    except orjson.JSONDecodeError:
        return True
    if not isinstance(event, dict):
        return True
    choices = event.get("choices")
    if isinstance(choices, list):
        return any(isinstance(choice, dict) and _chosen(choice) for choice in choices)
    kind = event.get("type")
    if isinstance(kind, str):  # of the Responses API: response.output_text.delta and others
        return kind.endswith(".delta") and bool(event.get("delta"))
    return bool(event.get("text_output", True))  # of v2's generate_stream


def _chosen(choice: dict[str, object]) -> bool:
    delta = choice.get("delta")
    if isinstance(delta, dict):
        return any(value for key, value in delta.items() if key != _ROLE)
    return bool(choice.get("text"))
