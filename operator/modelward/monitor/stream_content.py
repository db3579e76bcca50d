"""What an event of a stream holds of the generated text: any of it, whose choice it is of, and its reasoning.

Read are events of OpenAI-compatible servers (chat completions, completions, the Responses API) and of v2's
generate_stream. What is no JSON is content, as servers of other protocols have it.
"""

import re
from collections.abc import Iterator
from typing import Final

import orjson

DONE: Final = b"[DONE]"
FIELD: Final = b"data:"
MAX_CHOICES: Final = 1024
"""Choices of one answer that are told apart; OpenAI lets a request ask for 128."""
_ROLE: Final = "role"
_REASONING: Final = frozenset({"reasoning", "reasoning_content", "thinking"})
"""Keys of a delta under which servers stream the reasoning itself."""
_REASONING_TYPE: Final = "response.reasoning_text.delta"
_MARK: Final = re.compile(rb"(?:<|\\u003[cC])\\?/?think(?:>|\\u003[eE])|\[/?THINK\]")
"""What models put around reasoning where a server streams it as content; as JSON has it, escaped or not."""
_SUMMARY_TYPES: Final = "response.reasoning_summary"


def data_of(lines: bytes) -> Iterator[bytes]:
    """The data of each event among whole lines."""
    for line in lines.splitlines():
        if line.startswith(FIELD):
            yield line[len(FIELD) :].strip()


def has_content(data: bytes) -> bool:
    """Whether an event's data holds some of the generated text."""
    if not data or data == DONE:
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
    return bool(event.get("text_output", True))


def _chosen(choice: dict[str, object]) -> bool:
    delta = choice.get("delta")
    if isinstance(delta, dict):
        return any(value for key, value in delta.items() if key != _ROLE)
    return bool(choice.get("text"))


def is_reasoning(data: bytes) -> bool | None:
    """Whether an event's data holds reasoning as it was generated; None: a summary of it."""
    event = _loaded(data)
    kind = event.get("type")
    if isinstance(kind, str):
        return None if kind.startswith(_SUMMARY_TYPES) else kind == _REASONING_TYPE
    deltas = (choice.get("delta") for choice in _choices(event))
    return any(isinstance(delta, dict) and any(delta.get(key) for key in _REASONING) for delta in deltas)


def marks_reasoning(lines: bytes) -> bool:
    """Whether whole lines hold a mark of where reasoning begins or ends within the content."""
    return (b"think" in lines or b"THINK]" in lines) and _MARK.search(lines) is not None


def has_another_choice(lines: bytes) -> bool:
    """Whether an event among whole lines is of another choice than the first."""
    return any(choice.get("index") for data in data_of(lines) for choice in _choices(_loaded(data)))


def has_finished(lines: bytes) -> bool:
    """Whether an event among whole lines gives a choice's reason to finish."""
    return any(choice.get("finish_reason") for data in data_of(lines) for choice in _choices(_loaded(data)))


class Choices:
    """The choices of an answer with several (`n`, or several prompts): they are generated side by side."""

    __slots__ = ("_ended_s", "_first_s", "are_too_many", "with_content")

    def __init__(self) -> None:
        self._first_s: dict[int, float] = {}
        """Moment of each choice's first content."""
        self._ended_s: dict[int, float] = {}
        """Moment at which a choice's reason to finish came."""
        self.are_too_many = False
        self.with_content = 0
        """Events with content, one for each choice that it has content of."""

    def __len__(self) -> int:
        """How many have content."""
        return len(self._first_s)

    def begin(self, first_s: float, with_content: int, ended_s: float | None) -> None:
        """There was one choice so far: its first content, and the events with such; None: it goes on."""
        self._first_s[0] = first_s
        self.with_content = with_content
        if ended_s is not None:
            self._ended_s[0] = ended_s

    def take(self, lines: bytes, now_s: float) -> None:
        """Watch events that came whole at `now_s`."""
        for data in data_of(lines):
            for choice in _choices(_loaded(data)):
                number = choice.get("index", 0)
                if isinstance(number, int):
                    self._take(number, choice, now_s)

    def _take(self, number: int, choice: dict[str, object], now_s: float) -> None:
        if _chosen(choice):
            self.with_content += 1
            if number not in self._first_s:
                if len(self._first_s) == MAX_CHOICES:
                    self.are_too_many = True
                    return
                self._first_s[number] = now_s
        if choice.get("finish_reason") and number in self._first_s:
            self._ended_s.setdefault(number, now_s)

    def generating_s(self, end_s: float) -> float:
        """Sum over choices of the time from its first content to its end, or to that of the answer."""
        return sum(self._ended_s.get(number, end_s) - first_s for number, first_s in self._first_s.items())


def _choices(event: dict[str, object]) -> list[dict[str, object]]:
    choices = event.get("choices")
    return [each for each in choices if isinstance(each, dict)] if isinstance(choices, list) else []


def _loaded(data: bytes) -> dict[str, object]:
    """An event's data; empty for what is no object."""
    try:
        event = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return event if isinstance(event, dict) else {}
