"""Watches a stream of events (text/event-stream) pass: when its first token came, and how many events.

A token has come with the first event that has content: an OpenAI-compatible server's first event of a chat
names the role only, and its last is `[DONE]`. Source: the HTML standard, 9.2.6 ("Interpreting an event
stream"). Bytes are watched as they pass, chunk framing included: servers send one event a chunk, and an
event that a chunk's frame cuts through counts as content. Compressed streams are not read.
"""

from typing import Final

import orjson

_DONE: Final = b"[DONE]"
_EVENT: Final = b"data:"
_MAX_REST_BYTES: Final = 64 * 1024
_ROLE: Final = "role"


class EventStream:
    """One answer's events."""

    __slots__ = ("_rest", "events", "first_token_s")

    def __init__(self) -> None:
        self.first_token_s: float | None = None
        """Moment of the first event with content; None: there was none yet."""
        self.events = 0
        """Events with data so far, `[DONE]` included."""
        self._rest = b""

    def take(self, data: bytes, now_s: float) -> None:
        """Watch bytes that pass at `now_s`."""
        if self._rest:
            data = self._rest + data
        end = data.rfind(b"\n") + 1
        self._rest = data[end:][:_MAX_REST_BYTES]
        lines = data[:end]
        if self.first_token_s is not None:
            self.events += lines.count(b"\n" + _EVENT) + lines.startswith(_EVENT)
            return
        for line in lines.splitlines():
            if line.startswith(_EVENT):
                self.events += 1
                if self.first_token_s is None and _has_content(line[len(_EVENT) :].strip()):
                    self.first_token_s = now_s


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
