"""Streams of events: the first with content, and how many."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.monitor.stream_content import MAX_CHOICES
from modelward.monitor.streams import EventStream, Generated


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
        (TOKEN * 2 + event({"usage": {"completion_tokens": 31}, "choices": [], "x": "y" * 9000}) + DONE, 31),
        (TOKEN * 2 + event({"usage": {"output_tokens": 17}, "x": "y" * 200_000}), 17),
        (TOKEN * 2 + event({"x": "y" * 70_000, "usage": {"output_tokens": 23}, "z": "y" * 70_000}), 23),
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
@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, 3000) | st.integers(65_000, 150_000), max_size=6))
def test_tokens_are_counted(whole: bytes, tokens: int, cuts: list[int]) -> None:
    """By the server's own word, else by the events with content; however the stream is cut into reads."""
    stream = EventStream()
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    for moment, (begin, end) in enumerate(itertools.pairwise(places)):
        stream.take(whole[begin:end], moment)
    assert stream.generated(9.0).tokens == tokens


def test_a_long_stream_is_not_kept() -> None:
    """What is kept of a stream does not grow with it."""
    stream = EventStream()
    for _ in range(100):
        stream.take(TOKEN * 2000, 1.0)
    stream.take(b"data: " + b"x" * 1_000_000, 1.0)
    assert stream.generated(1.0).tokens == 200_000
    assert sum(map(len, (*stream._end, stream._rest))) < 64 * 1024


def played(*reads: tuple[float, bytes], end_s: float) -> Generated:
    """What was generated in a stream of reads, each at its moment."""
    stream = EventStream()
    for moment, data in reads:
        stream.take(data, moment)
    return stream.generated(end_s)


def test_time_per_token() -> None:
    """From the first token to the answer's end, over the tokens after the first."""
    assert played((1.0, ROLE), (2.0, TOKEN), (3.0, TOKEN * 3), (4.0, FINISH + DONE), end_s=5.0) == (
        4,
        1.0,
        True,
    )
    assert played((2.0, TOKEN), (4.0, FINISH + USAGE + DONE), end_s=6.0) == (41, 0.1, True)
    assert played((2.0, TOKEN), (4.0, FINISH + DONE), end_s=6.0) == (1, None, True)
    assert played((2.0, ROLE), (4.0, FINISH + DONE), end_s=6.0) == (0, None, True)


def of_choice(number: int, **delta: Any) -> bytes:
    """An event of one of several choices; without content its last."""
    reason = None if delta else "stop"
    return event({"choices": [{"index": number, "delta": delta, "finish_reason": reason}]})


def told(tokens: int, reasoning: int = 0) -> bytes:
    """The event that tells of tokens."""
    details = {"reasoning_tokens": reasoning}
    return event(
        {"choices": [], "usage": {"completion_tokens": tokens, "completion_tokens_details": details}}
    )


def test_choices_are_generated_side_by_side() -> None:
    """Two choices of a token a second each take a second a token, not half of one."""
    both = of_choice(0, content="a") + of_choice(1, content="b")
    ends = of_choice(0) + of_choice(1)
    reads = [(float(second), both) for second in range(1, 6)]
    assert played(*reads, (5.0, ends + DONE), end_s=5.0) == (10, 1.0, True)
    assert played(*reads, (5.0, ends + told(18) + DONE), end_s=5.0) == (18, 0.5, True)


def test_choices_of_unequal_length() -> None:
    """The times of all are summed, each to its own end: a short choice makes no long one slower."""
    short = (of_choice(1, content="b"), of_choice(1, content="b") + of_choice(1))
    reads = [(float(second), of_choice(0, content="a")) for second in range(1, 12)]
    reads[1:3] = [(moment, data + more) for (moment, data), more in zip(reads[1:3], short, strict=True)]
    assert played(*reads, (11.0, of_choice(0)), end_s=11.0) == (13, 1.0, True)


def test_choices_one_after_the_other() -> None:
    """A server that generates them in turn is not slow for it: the first ends before the second begins."""
    first = [(float(second), of_choice(0, content="a")) for second in range(1, 5)]
    second = [(float(second), of_choice(1, content="b")) for second in range(6, 10)]
    reads = [*first, (4.0, of_choice(0)), *second, (9.0, of_choice(1))]
    assert played(*reads, end_s=9.0) == (8, 1.0, True)


def test_choices_that_stop_before_their_end() -> None:
    """As long as a choice gives no reason to finish, the time goes on for it."""
    both = of_choice(0, content="a") + of_choice(1, content="b")
    assert played((1.0, both), (2.0, both), (2.0, of_choice(0)), end_s=12.0) == (4, 6.0, True)


def test_one_choice_with_several_tool_calls() -> None:
    """The calls of one choice have numbers, too: it is one all the same."""
    calls = [of_choice(0, tool_calls=[{"index": number}]) for number in range(3)]
    reads = zip((1.0, 2.0, 3.0), calls, strict=True)
    assert played(*reads, (3.0, of_choice(0)), end_s=5.0) == (3, 2.0, True)


def test_numbered_tokens_of_one_choice() -> None:
    """Servers without choices number their tokens: these count as they come."""
    tokens = [event({"index": number, "token": {"text": "a"}}) for number in range(4)]
    assert played(*zip((1.0, 2.0, 3.0, 4.0), tokens, strict=True), end_s=4.0) == (4, 1.0, True)


def test_a_choice_of_no_number() -> None:
    """Beside numbered ones it is nobody's, and passed over."""
    both = of_choice(0, content="a") + of_choice(1, content="b")
    odd = event({"choices": [{"index": "2", "text": "a"}]})
    assert played((1.0, both), (2.0, both + odd), end_s=2.0) == (4, 1.0, True)


def test_too_many_choices() -> None:
    """What would take too much memory is not known, which is not good."""
    many = b"".join(of_choice(number, content="a") for number in range(MAX_CHOICES + 1))
    assert played((1.0, many * 2), end_s=2.0) == (2 * MAX_CHOICES + 2, None, False)


def test_usage_of_one_choice_at_a_time() -> None:
    """Where a server tells of each choice by itself as it goes, fewer tokens than came are not believed."""
    both = [of_choice(0, content="a") + told(n) + of_choice(1, content="b") + told(n) for n in (1, 2, 3)]
    assert played(*zip((1.0, 2.0, 3.0), both, strict=True), end_s=3.0) == (6, 1.0, True)


@pytest.mark.parametrize(
    "mark",
    [
        event({"choices": [{"delta": {"content": "<think>"}}]}),
        event({"choices": [{"delta": {"content": "</think>"}}]}),
        event({"choices": [{"text": "so. [/THINK] Hi"}]}),
        rb'data: {"choices": [{"delta": {"content": "\u003c/think\u003e"}}]}' + b"\n\n",
        rb'data: {"choices": [{"delta": {"content": "<\/think>"}}]}' + b"\n\n",
    ],
)
@pytest.mark.parametrize("position", [0, 2])
def test_reasoning_that_is_streamed_as_content(mark: bytes, position: int) -> None:
    """Where the content marks it, its tokens came after the first as others did: it is not too slow."""
    events = [TOKEN] * 4
    events.insert(position, mark)
    reads = [(2.0 + number, data) for number, data in enumerate(events)]
    assert played(*reads, (6.0, FINISH + told(41, 30)), end_s=6.0) == (41, 4 / 40, True)


def test_a_model_that_is_named_after_thinking() -> None:
    """Its name, in every event, and thoughts about thinking mark no reasoning."""
    named = event({"model": "org/think-7b", "choices": [{"delta": {"content": "I think"}}]})
    assert played((2.0, named), (6.0, named + told(41, 30)), end_s=6.0) == (41, 4 / 10, True)


SUMMARY = event({"type": "response.reasoning_summary_text.delta", "delta": "It thinks."})


@pytest.mark.parametrize(
    ("first", "reasoning", "per_token_s"),
    [
        (TOKEN, 0, 4 / 40),
        (TOKEN, 30, 4 / 10),
        (TOKEN, 36, 4 / 4),
        (TOKEN, 37, None),
        (of_choice(0, reasoning_content="hm"), 30, 4 / 40),
        (of_choice(0, reasoning="hm"), 30, 4 / 40),
        (event({"type": "response.reasoning_text.delta", "delta": "hm"}), 30, 4 / 40),
        (event({"type": "response.output_text.delta", "delta": "Hi"}), 30, 4 / 10),
        (SUMMARY, 30, None),
        (SUMMARY, 0, 4 / 40),
    ],
)
def test_reasoning(first: bytes, reasoning: int, per_token_s: float | None) -> None:
    """What was not streamed came before the first token; where that can't be known, nothing is said."""
    generated = played((2.0, first), (3.0, TOKEN * 4), (4.0, FINISH + told(41, reasoning)), end_s=6.0)
    assert generated == (41, per_token_s, per_token_s is not None)
