"""Follows the frames of one direction of an HTTP/2 connection (RFC 9113) as its bytes pass.

Frames are read as far as calls are concerned: header blocks, the ends of streams, which of them are refused,
and the size of the table that the other direction's header blocks are packed with (RFC 7541). Contents of
DATA are skipped, not kept.
"""

from typing import Final, Protocol

from hpack import Decoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
)

from modelward.monitor.trace import TRACESTATE

Headers = dict[bytes, bytes]

_HEADER_BYTES: Final = 9
MAX_READ_BYTES: Final = 64 * 1024
"""Longest frame that is read, and longest header block: as much as heads of HTTP/1.1 have."""
MAX_BLOCK_FRAMES: Final = 16
"""Most frames of a header block: more, of next to nothing each, are an attack (CVE-2024-27316 and others)."""
MAX_TABLE_BYTES: Final = 64 * 1024
"""Largest table of headers that is kept for a direction; peers use 4 KiB unless they agree on another."""
_READ: Final = (HeadersFrame, ContinuationFrame, RstStreamFrame, GoAwayFrame, SettingsFrame, PushPromiseFrame)


class NotFollowedError(ValueError):
    """The bytes are not HTTP/2, or some that is not followed; the text says which."""


class Follower(Protocol):
    """Is told what a direction's frames say."""

    def headers(self, stream: int, headers: Headers) -> None:
        """A whole header block came."""

    def ended(self, stream: int) -> None:
        """The sender has ended its side of a stream."""

    def reset(self, stream: int, error: int) -> None:
        """The sender has given a stream up, with an error code of RFC 9113 7."""

    def going_away(self, last_stream: int) -> None:
        """The sender takes no streams beyond this one of the other side's."""

    def table_size(self, size_bytes: int) -> None:
        """The sender lets the other side use a table of headers of this size."""


class Frames:
    """One direction."""

    __slots__ = (
        "_begun",
        "_block",
        "_decoder",
        "_ends",
        "_follower",
        "_frames",
        "_is_first",
        "_rest",
        "_skip",
    )

    def __init__(self, follower: Follower, preface_bytes: int = 0) -> None:
        """Begin with the first frame, after `preface_bytes` that are none."""
        self._follower = follower
        self._decoder = Decoder(MAX_READ_BYTES)
        self._rest = b""
        self._skip = preface_bytes
        self._is_first = True
        self._begun: HeadersFrame | None = None
        """Begins a header block that goes on in further frames; None: there is none."""
        self._block = bytearray()
        self._frames = 0
        """In which the block has come so far."""
        self._ends: int | None = None
        """Stream that ends with the frame that is being skipped."""

    def allow_table(self, size_bytes: int) -> None:
        """The other side lets this one use a table of headers of this size.

        What is less than now takes effect with the sender's own word, in a header block, alone.
        """
        allowed = min(size_bytes, MAX_TABLE_BYTES)
        self._decoder.max_allowed_table_size = max(self._decoder.max_allowed_table_size, allowed)

    @property
    def is_between(self) -> bool:
        """Whether a frame of one's own could follow what has been taken."""
        return not (self._skip or self._rest or self._begun is not None or self._is_first)

    def take(self, data: bytes) -> int | None:
        """Follow the next bytes.

        Returns the last place in `data` where a frame of one's own could be put; None: there is none. Raises
        NotFollowedError, or an error of hyperframe's or hpack's.
        """
        carried = len(self._rest)
        gap = 0 if self.is_between else None
        if carried:
            data, self._rest = self._rest + data, b""
        position, view = 0, memoryview(data)
        while (end := self._step(view, position)) is not None:
            position = end
            gap = position if self.is_between else gap
        self._rest = data[position:]
        return None if gap is None else max(0, gap - carried)

    def _step(self, view: memoryview, position: int) -> int | None:
        """Take more of a frame that is skipped, or the next frame: where that ends, None if not here."""
        left = len(view) - position
        if self._skip and left:
            step = min(self._skip, left)
            self._skip -= step
            if not self._skip:
                self._skipped()
            return position + step
        if left < _HEADER_BYTES:
            return None
        body = position + _HEADER_BYTES
        frame, length = Frame.parse_frame_header(view[position:body])
        self._check_order(frame)
        if not isinstance(frame, _READ):
            if isinstance(frame, DataFrame) and "END_STREAM" in frame.flags:
                self._ends = frame.stream_id
            self._skip = length
            if not length:
                self._skipped()
            return body
        if length > MAX_READ_BYTES:
            raise NotFollowedError(f"a frame of {length} bytes")
        if left - _HEADER_BYTES < length:
            return None
        frame.parse_body(view[body : body + length])
        self._is_first = False
        self._read(frame)
        return body + length

    def _check_order(self, frame: Frame) -> None:
        if self._is_first and not isinstance(frame, SettingsFrame):
            raise NotFollowedError("it does not begin with SETTINGS")
        if self._begun is None:
            if isinstance(frame, ContinuationFrame):
                raise NotFollowedError("a CONTINUATION of nothing")
        elif not isinstance(frame, ContinuationFrame) or frame.stream_id != self._begun.stream_id:
            raise NotFollowedError("a header block that is not continued")

    def _skipped(self) -> None:
        """The frame that was skipped has ended."""
        if self._ends is not None:
            stream, self._ends = self._ends, None
            self._follower.ended(stream)

    def _read(self, frame: Frame) -> None:
        if isinstance(frame, HeadersFrame):
            self._continue(frame, frame)
        elif isinstance(frame, ContinuationFrame):
            assert self._begun is not None  # noqa: S101 - _check_order has seen to it
            self._continue(self._begun, frame)
        elif isinstance(frame, RstStreamFrame):
            self._follower.reset(frame.stream_id, frame.error_code)
        elif isinstance(frame, GoAwayFrame):
            self._follower.going_away(frame.last_stream_id)
        elif isinstance(frame, SettingsFrame):
            size = frame.settings.get(SettingsFrame.HEADER_TABLE_SIZE)
            if size is not None:
                self._follower.table_size(size)
        else:
            raise NotFollowedError("a PUSH_PROMISE, which gRPC has no use for")

    def _continue(self, begun: HeadersFrame, frame: HeadersFrame | ContinuationFrame) -> None:
        """A piece of the header block that `begun` begins came: read the block if it was the last."""
        self._block += frame.data
        self._begun = begun
        self._frames += 1
        if len(self._block) > MAX_READ_BYTES or self._frames > MAX_BLOCK_FRAMES:
            raise NotFollowedError(f"a header block of {self._frames} frames, {len(self._block)} bytes")
        if "END_HEADERS" not in frame.flags:
            return
        block, self._block, self._begun, self._frames = bytes(self._block), bytearray(), None, 0
        headers: Headers = {}
        for key, value in self._decoder.decode(block, raw=True):
            name = bytes(key)
            if name not in headers:
                headers[name] = bytes(value)
            elif name == TRACESTATE:  # a list, which may come in several
                headers[name] = b",".join((headers[name], value))
        self._follower.headers(begun.stream_id, headers)
        if "END_STREAM" in begun.flags:
            self._follower.ended(begun.stream_id)
