"""Watches a stream of events (text/event-stream) pass: when its first token came, and how many there were.

A token has come with the first event that has content: an OpenAI-compatible server's first event of a chat
names the role only, and its last is `[DONE]`. Source: the HTML standard, 9.2.6 ("Interpreting an event
stream"). Bytes are watched as they pass, chunk framing included: servers send one event a chunk, and an
event that a chunk's frame cuts through counts as content. Compressed streams are not read.

Tokens are counted by the server's own word where it gives it: the last `completion_tokens`, or
`output_tokens` of the Responses API (clients ask for it by stream_options.include_usage). Else they are the
events with content, as servers send one token in each.

The time per token is that of OpenTelemetry's gen_ai.server.time_per_output_token: from the first token to the
answer's end, over the tokens after the first.

- Several choices (`n`, or several prompts) are generated side by side, each with a first token of its own:
  the times of all, each to its reason to finish, are summed, and divided by all tokens but the first ones.
  vLLM's time per output token is of each choice by itself, too.
- Reasoning that is not streamed was generated before the first token: its tokens (`reasoning_tokens`) are
  none of those after it. It is taken for such where the first content is none of it, no content marks it, and
  there are no more events with content than other tokens. Where these contradict each other, or a summary is
  streamed in place of the reasoning, the time is not known.
"""

import re
from collections import deque
from typing import Final, NamedTuple

from modelward.monitor.stream_content import (
    FIELD,
    Choices,
    data_of,
    has_another_choice,
    has_content,
    has_finished,
    is_reasoning,
    marks_reasoning,
)

_MAX_REST_BYTES: Final = 64 * 1024
_KEPT_HEAD_BYTES: Final = 16
_KEPT_TAIL_BYTES: Final = 128
"""Of a line that is longer than is kept: its field's name, and more than the text of a number of tokens."""
_END_PIECES: Final = 8
_END_BYTES: Final = 4096
"""As much of each of the last reads is kept: events without content end a stream."""
_USAGE_HINT: Final = b'_tokens"'
_USAGE: Final = re.compile(rb'"(completion_tokens|output_tokens|reasoning_tokens)"\s*:\s*(\d{1,9})(?!\d)')
_REASONING: Final = b"reasoning_tokens"
_OTHER_CHOICE: Final = re.compile(rb'"index"\s*:\s*[1-9]')
"""Of another choice than the first, perhaps: tool calls and other servers' tokens are numbered, too."""


class Generated(NamedTuple):
    """What a streamed answer held."""

    tokens: int
    """By the server's word, reasoning included, or as events with content."""
    per_token_s: float | None
    """Mean time of each token after its choice's first; None: there are none, or it is not known."""
    is_timed: bool = True
    """Whether the time is known, if there are such tokens."""


NOTHING: Final = Generated(0, None)


class EventStream:
    """One answer's events."""

    __slots__ = (
        "_choices",
        "_end",
        "_last_s",
        "_reasons",
        "_rest",
        "_since_first",
        "_told",
        "_told_reasoning",
        "events",
        "first_token_s",
    )

    def __init__(self) -> None:
        self.first_token_s: float | None = None
        """Moment of the first event with content; None: there was none yet."""
        self.events = 0
        """Events with data so far, `[DONE]` included."""
        self._rest = b""
        self._since_first = 0
        """Events with data since the first with content."""
        self._end: deque[bytes] = deque(maxlen=_END_PIECES)
        self._last_s = 0.0
        """Moment of the last read."""
        self._told: int | None = None
        """Tokens by the server's word, reasoning included."""
        self._told_reasoning = 0
        self._reasons: bool | None = False
        """Reasoning is streamed: the first content is, or some marks it; None: a summary of it."""
        self._choices: Choices | None = None
        """None: there has been one only."""

    def generated(self, end_s: float) -> Generated:
        """What has come, of an answer that ended at `end_s`."""
        first_s = self.first_token_s
        if first_s is None:
            return NOTHING
        choices, with_content = self._choices, self._with_content()
        tokens = with_content if self._told is None else self._told
        if choices is not None:  # some servers tell of one choice at a time
            tokens = max(tokens, with_content)
        streamed = self._streamed(tokens, with_content)
        if streamed is None or (choices is not None and choices.are_too_many):
            return Generated(tokens, None, is_timed=False)
        generating_s, number = end_s - first_s, 1
        if choices is not None and len(choices) > 1:
            generating_s, number = choices.generating_s(end_s), len(choices)
        return Generated(tokens, generating_s / (streamed - number) if streamed > number else None)

    def take(self, data: bytes, now_s: float) -> None:
        """Watch bytes that pass at `now_s`."""
        if self._rest:
            data = self._rest + data
        end = data.rfind(b"\n") + 1
        self._rest = data[end:]
        if len(self._rest) > _MAX_REST_BYTES:
            self._shorten_rest()
        if not end:
            return
        lines = data[:end]
        if _USAGE_HINT in lines:
            self._read_usage(lines)
        if self._choices is None and _OTHER_CHOICE.search(lines) and has_another_choice(lines):
            self._tell_choices_apart()
        if self._choices is not None:
            self._choices.take(lines, now_s)
        if self.first_token_s is not None:
            number = lines.count(b"\n" + FIELD) + lines.startswith(FIELD)
            self.events += number
            self._since_first += number
        else:
            self._find_first(lines, now_s)
        if self._reasons is False and marks_reasoning(lines):
            self._reasons = True
        self._end.append(lines[-_END_BYTES:])
        self._last_s = now_s

    def _find_first(self, lines: bytes, now_s: float) -> None:
        for data in data_of(lines):
            self.events += 1
            if self.first_token_s is not None:
                self._since_first += 1
            elif has_content(data):
                self.first_token_s = now_s
                self._reasons = is_reasoning(data)

    def _tell_choices_apart(self) -> None:
        """From now on; what has come before was of the first one alone, and perhaps its end."""
        choices = Choices()
        if self.first_token_s is not None:
            ended_s = self._last_s if has_finished(b"".join(self._end)) else None
            choices.begin(self.first_token_s, self._with_content(), ended_s)
        self._choices = choices

    def _shorten_rest(self) -> None:
        """Keep little of a line that has grown too long; a number of tokens may still go on after it."""
        self._read_usage(self._rest)
        self._rest = self._rest[:_KEPT_HEAD_BYTES] + self._rest[-_KEPT_TAIL_BYTES:]

    def _read_usage(self, text: bytes) -> None:
        for name, number in _USAGE.findall(text):
            if name == _REASONING:
                self._told_reasoning = int(number)
            else:
                self._told = int(number)

    def _streamed(self, tokens: int, with_content: int) -> int | None:
        """How many of the tokens have come as events with content; None: it is not known."""
        hidden = self._told_reasoning
        if not hidden or self._reasons:
            return tokens
        if self._reasons is None or with_content > tokens - hidden:
            return None
        return tokens - hidden

    def _with_content(self) -> int:
        """Events with content."""
        if self._choices is not None:
            return self._choices.with_content
        number = 0
        for data in reversed(list(data_of(b"".join(self._end)))):
            if number == self._since_first or has_content(data):
                break
            number += 1
        return 1 + self._since_first - number
