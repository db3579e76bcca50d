"""Streams of events: the first with content, and how many."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.monitor.streams import EventStream


def event(data: Any) -> bytes:
    """One event with JSON."""
    return b"data: " + json.dumps(data).encode() + b"\n\n"


ROLE = event({"choices": [{"delta": {"role": "assistant", "content": ""}}]})
TOKEN = event({"choices": [{"delta": {"content": "Hi"}}]})
DONE = b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    "token",
    [
        TOKEN,
        event({"choices": [{"text": "Hi"}]}),
        event({"choices": [{"delta": {"tool_calls": [{"index": 0}]}}]}),
        event({"choices": [{"delta": {"reasoning_content": "hm"}}]}),
        event({"type": "response.output_text.delta", "delta": "Hi"}),
        event({"text_output": "Hi"}),
        event({"answer": 1}),
        event("Hi"),
        b"data:Hi\n\n",
        b"event: token\ndata: Hi\n\n",
    ],
)
def test_first_token_is_the_first_content(token: bytes) -> None:
    """An event with a role, a comment, or nothing is no token; the first with content is."""
    stream = EventStream()
    for second, data in enumerate((b": comment\n\n", ROLE, b"data:\n\n", token, token, DONE)):
        stream.take(data, second)
    assert stream.first_token_s == 3
    assert stream.events == 5


@pytest.mark.parametrize(
    "nothing",
    [
        ROLE,
        DONE,
        event({"choices": []}),
        event({"choices": [{"text": ""}]}),
        event({"type": "response.created"}),
        event({"text_output": ""}),
        b"data: half an event",
        b"",
    ],
)
def test_what_is_no_token(nothing: bytes) -> None:
    """A stream without content has no first token."""
    stream = EventStream()
    stream.take(nothing, 1.0)
    assert stream.first_token_s is None


@given(cuts=st.lists(st.integers(0, len(ROLE + TOKEN * 3 + DONE)), max_size=6))
def test_reads_may_cut_anywhere(cuts: list[int]) -> None:
    """However a stream is cut into reads, the same events are counted and the token is found."""
    whole = ROLE + TOKEN * 3 + DONE
    places = [0, *sorted(cuts), len(whole)]
    stream = EventStream()
    for moment, (begin, end) in enumerate(itertools.pairwise(places)):
        stream.take(whole[begin:end], moment)
    assert stream.events == 5
    assert stream.first_token_s is not None


FINISH = event({"choices": [{"delta": {}, "finish_reason": "stop"}]})
USAGE = event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 41, "total_tokens": 50}})


@pytest.mark.parametrize(
    ("whole", "tokens"),
    [
        (ROLE + TOKEN * 3 + FINISH + DONE, 3),
        (ROLE + TOKEN * 3 + FINISH + USAGE + DONE, 41),
        (ROLE + TOKEN + FINISH + DONE, 1),
        (ROLE + FINISH + DONE, 0),
        (ROLE + USAGE + DONE, 0),
        (TOKEN * 500 + DONE, 500),
        (event({"choices": [{"text": "a"}], "usage": {"completion_tokens": 1}}) + USAGE, 41),
        (event({"choices": [{"text": '"completion_tokens": 7'}]}) * 2, 2),
        (
            TOKEN * 2
            + event({"type": "response.completed", "x": "y" * 9000, "usage": {"output_tokens": 12}}),
            12,
        ),
        (TOKEN * 2 + event({"usage": {"completion_tokens": 10**12}, "choices": []}), 2),
        (event({"text_output": "Hi"}) * 4, 4),
        (b"", 0),
    ],
)
@given(cuts=st.lists(st.integers(0, 3000), max_size=6))
def test_tokens_are_counted(whole: bytes, tokens: int, cuts: list[int]) -> None:
    """By the server's own word, else by the events with content; however the stream is cut into reads."""
    stream = EventStream()
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    for moment, (begin, end) in enumerate(itertools.pairwise(places)):
        stream.take(whole[begin:end], moment)
    assert stream.tokens == tokens


def test_a_long_stream_is_not_kept() -> None:
    """What is kept of a stream does not grow with it."""
    stream = EventStream()
    for _ in range(100):
        stream.take(TOKEN * 2000, 1.0)
    assert stream.tokens == 200_000
    assert sum(map(len, stream._end)) < 64 * 1024
