"""Random ids as text, some hundred of one draw, since each draw is a system call."""

import os
from collections.abc import Callable
from typing import Final

_IDS_OF_A_DRAW: Final = 256


class Ids:
    """Ids of the same length, one after the other.

    Args:
        size_bytes: randomness of each.
        encode: makes text of bytes, each id's by itself where the bytes of several follow one another.
    """

    __slots__ = ("_drawn", "_encode", "_length", "_position", "_size_bytes")

    def __init__(self, size_bytes: int, encode: Callable[[bytes], bytes]) -> None:
        self._size_bytes = size_bytes
        self._encode = encode
        self._length = len(encode(bytes(size_bytes)))
        self._drawn = b""
        self._position = 0

    def take(self) -> bytes:
        """The next one."""
        begin = self._position
        if begin == len(self._drawn):
            self._drawn = self._encode(os.urandom(_IDS_OF_A_DRAW * self._size_bytes))
            begin = 0
        self._position = begin + self._length
        return self._drawn[begin : self._position]
