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
