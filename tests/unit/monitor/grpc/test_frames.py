"""What is read of HTTP/2 frames, however their bytes are cut."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hpack import Encoder, HPACKError
from hyperframe.exceptions import HyperframeError
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import given
from hypothesis import strategies as st

from modelward.monitor.grpc.frames import MAX_READ_BYTES, Frames, Headers, NotFollowedError


@dataclass
class Heard:
    """Writes down what it is told."""

    said: list[tuple[object, ...]] = field(default_factory=list)

    def headers(self, stream: int, headers: Headers) -> None:
        """Write it down."""
        self.said.append(("headers", stream, headers))

    def ended(self, stream: int) -> None:
        """Write it down."""
        self.said.append(("ended", stream))

    def reset(self, stream: int, error: int) -> None:
        """Write it down."""
        self.said.append(("reset", stream, error))

    def going_away(self, last_stream: int) -> None:
        """Write it down."""
        self.said.append(("going away", last_stream))

    def table_size(self, size_bytes: int) -> None:
        """Write it down."""
        self.said.append(("table", size_bytes))


def headers(encoder: Encoder, stream: int, fields: dict[bytes | str, bytes | str], *flags: str) -> bytes:
    """One header block in one frame."""
    frame = HeadersFrame(stream, encoder.encode(fields), flags=["END_HEADERS", *flags])
    return bytes(frame.serialize())


def conversation() -> tuple[list[bytes], list[tuple[object, ...]]]:
    """Frames of every kind that a side of a call sends, and what is to be heard of them."""
    encoder = Encoder()
    long: dict[bytes | str, bytes | str] = {":path": "/x", "grpc-message": "m" * 20_000}
    block = encoder.encode(long)
    frames = [
        SettingsFrame(settings={SettingsFrame.HEADER_TABLE_SIZE: 8192}).serialize(),
        SettingsFrame(flags=["ACK"]).serialize(),
        HeadersFrame(1, block[:9000], flags=[]).serialize(),
        ContinuationFrame(1, block[9000:], flags=["END_HEADERS"]).serialize(),
        DataFrame(1, b"d" * 30_000).serialize(),
        WindowUpdateFrame(0, 77).serialize(),
        headers(encoder, 3, {":path": "/y"}, "END_STREAM"),
        DataFrame(1, b"", flags=["END_STREAM"]).serialize(),
        PingFrame(0, b"12345678").serialize(),
        RstStreamFrame(5, 8).serialize(),
        HeadersFrame(
            7, encoder.encode([(":path", "/y")]), flags=["END_HEADERS", "PADDED"], pad_length=9
        ).serialize(),
        DataFrame(7, b"e" * 500, flags=["END_STREAM"]).serialize(),
        GoAwayFrame(0, last_stream_id=7, error_code=11, additional_data=b"too_many_pings").serialize(),
    ]
    said: list[tuple[object, ...]] = [
        ("table", 8192),
        ("headers", 1, {b":path": b"/x", b"grpc-message": b"m" * 20_000}),
        ("headers", 3, {b":path": b"/y"}),
        ("ended", 3),
        ("ended", 1),
        ("reset", 5, 8),
        ("headers", 7, {b":path": b"/y"}),
        ("ended", 7),
        ("going away", 7),
    ]
    return frames, said


FRAMES, SAID = conversation()
WIRE = b"".join(FRAMES)
GOAWAY = GoAwayFrame(last_stream_id=1).serialize()


@given(st.lists(st.integers(0, len(WIRE)), max_size=8))
def test_bytes_may_be_cut_anywhere(cuts: list[int]) -> None:
    """The same is heard, and what could be put in between never falls within a frame or a header block."""
    heard = Heard()
    frames = Frames(heard, preface_bytes=6)
    assert frames.take(b"SM\r\n\r\n") is None
    passed = b""
    for start, end in pairwise([0, *sorted(cuts), len(WIRE)]):
        piece = WIRE[start:end]
        gap = frames.take(piece)
        assert frames.is_between == (gap == len(piece))
        passed += piece if gap is None else piece[:gap] + GOAWAY + piece[gap:]
    assert heard.said == SAID
    assert frames.is_between
    again = Heard()
    Frames(again).take(passed)
    assert [said for said in again.said if said != ("going away", 1)] == SAID
    assert without_goaways(passed) == FRAMES


def without_goaways(wire: bytes) -> list[bytes]:
    """The frames on the wire, apart from those that were put in between."""
    frames = []
    while wire:
        _, length = Frame.parse_frame_header(memoryview(wire[:9]))
        frames.append(wire[: 9 + length])
        wire = wire[9 + length :]
    return [frame for frame in frames if frame != GOAWAY]


BEGUN = SettingsFrame().serialize()


@pytest.mark.parametrize(
    "wire",
    [
        PingFrame(0, b"12345678").serialize(),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        BEGUN + ContinuationFrame(1, b"").serialize(),
        BEGUN + HeadersFrame(1, b"").serialize() + PingFrame(0, b"12345678").serialize(),
        BEGUN + HeadersFrame(1, b"").serialize() + ContinuationFrame(3, b"").serialize(),
        BEGUN + PushPromiseFrame(1, 2).serialize(),
        BEGUN + HeadersFrame(1, b"x" * (MAX_READ_BYTES + 1)).serialize(),
        BEGUN + HeadersFrame(1, b"").serialize() + ContinuationFrame(1, b"").serialize() * 16,
        BEGUN + HeadersFrame(1, b"x" * 40_000).serialize() + ContinuationFrame(1, b"x" * 40_000).serialize(),
    ],
    ids=[
        "no settings first",
        "HTTP/1.1",
        "continues nothing",
        "not continued",
        "continued elsewhere",
        "push",
        "long frame",
        "many frames",
        "long block",
    ],
)
def test_what_is_not_followed(wire: bytes) -> None:
    """It is said as soon as it is seen, before it takes memory."""
    with pytest.raises(NotFollowedError):
        Frames(Heard()).take(wire)


def test_a_table_as_large_as_was_agreed_on() -> None:
    """A sender may use a larger table of headers once the other side lets it, and no larger one."""
    encoder = Encoder()
    encoder.header_table_size = 16_384
    wire = BEGUN + headers(encoder, 1, {"a": "b" * 9000}) + headers(encoder, 3, {"a": "b" * 9000})
    heard = Heard()
    frames = Frames(heard)
    frames.allow_table(16_384)
    frames.allow_table(100)  # takes effect with the sender's next word alone
    frames.take(wire)
    assert [said[1] for said in heard.said] == [1, 3]
    with pytest.raises(HPACKError):
        Frames(Heard()).take(wire)


def follow(data: bytes) -> None:
    """Watch anything."""
    try:
        Frames(Heard()).take(data)
    except (NotFollowedError, HyperframeError, HPACKError):
        return


@given(st.binary(max_size=200), st.integers(0, len(WIRE)))
def test_anything_is_followed_or_refused(data: bytes, place: int) -> None:
    """Nothing else is raised, wherever the bytes begin to be nonsense."""
    follow(data)
    follow(BEGUN + data)
    follow(WIRE[:place] + data + WIRE[place:])


def test_a_list_that_comes_in_several() -> None:
    """A tracestate is one list, in however many headers it comes; of others the first counts."""
    heard = Heard()
    sent = [("tracestate", "a=b"), ("x", "1"), ("tracestate", "c=d"), ("x", "2")]
    frame = HeadersFrame(1, Encoder().encode(sent), flags=["END_HEADERS"])
    Frames(heard).take(SettingsFrame().serialize() + frame.serialize())
    assert heard.said == [("headers", 1, {b"tracestate": b"a=b,c=d", b"x": b"1"})]
