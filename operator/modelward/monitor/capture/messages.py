"""What the two processes say to one another, as bytes. Pure.

A message is one packet: a head with the lengths of its parts; then the parts themselves, or, when
they are too large for a packet, where they lie in the ring. Both ends are the same program, so the form has
no version.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

MAX_PACKET_BYTES: Final = 64 * 1024
"""Longest message with its parts inside; the socket's buffer holds some of these."""
NOT_IN_RING: Final = -1
DROPPED_BUSY: Final = "busy"
DROPPED_TOO_LARGE: Final = "too_large"
DROPS: Final = (DROPPED_BUSY, DROPPED_TOO_LARGE)
"""Why a sample is not sent."""
_HEAD: Final = struct.Struct("<BIIqIII")
HEAD_BYTES: Final = _HEAD.size


class Kind(IntEnum):
    """What a message is about."""

    CONFIG = 1
    """To the worker: the configuration in force, as JSON."""
    SAMPLE = 2
    """To the worker: facts of an exchange as JSON, the request's body, the answer's body."""
    RENDER = 3
    """To the worker: counts to be rendered with its own, and what the scraper accepts."""
    READY = 4
    """From a worker: it has begun."""
    READ = 5
    """From the worker: it has read the oldest piece of the ring."""
    RENDERED = 6
    """From the worker: a part of what was asked for under this number; an empty one ends it."""


class Message(NamedTuple):
    """One message without the bytes of its parts."""

    kind: Kind
    worker: int
    """Process id of the worker that is meant, or that speaks; what one that died was sent is not read."""
    number: int
    """Of a scrape, to tell answers apart; else 0."""
    place: int
    """Where the parts lie in the ring, or NOT_IN_RING."""
    lengths: tuple[int, int, int]

    @property
    def size_bytes(self) -> int:
        """Length of all parts."""
        return sum(self.lengths)


def head(message: Message) -> bytes:
    """The head of a message as bytes."""
    return _HEAD.pack(message.kind, message.worker, message.number, message.place, *message.lengths)


def parse(packet: bytes) -> Message:
    """The head of a packet. Raises struct.error or ValueError for what is no message."""
    kind, worker, number, place, *lengths = _HEAD.unpack_from(packet)
    return Message(Kind(kind), worker, number, place, (lengths[0], lengths[1], lengths[2]))


def split(parts: bytes, lengths: tuple[int, int, int]) -> tuple[bytes, bytes, bytes]:
    """The three parts that follow one another in `parts`."""
    first, second, third = lengths
    return parts[:first], parts[first : first + second], parts[first + second : first + second + third]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a sampled exchange besides its bodies."""

    request_encoding: str = ""
    """Content-Encoding, and so on."""
    answer_encoding: str = ""
    request_is_chunked: bool = False
    answer_is_chunked: bool = False
    request_json_bytes: int | None = None
    """Inference-Header-Content-Length: so much of the body is JSON, the rest binary tensors."""
    answer_json_bytes: int | None = None
