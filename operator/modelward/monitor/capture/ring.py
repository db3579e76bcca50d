"""A ring of shared memory for messages too large for the socket: one process writes, another reads.

Pieces are given out in order and freed in that order, each contiguous. The writer alone keeps the books; the
reader is told where a piece lies and says when it has read one. A piece that finds no room is refused, and
nothing waits for any.
"""

import mmap
import os
from collections import deque
from collections.abc import Sequence
from typing import Final

RING_BYTES: Final = (2 * 1024 + 64) * 1024
"""Room for one exchange whose request and answer are as long as may be."""


class Ring:
    """The shared memory and who has which part of it."""

    def __init__(self, size_bytes: int = RING_BYTES) -> None:
        descriptor = os.memfd_create("modelward-capture", os.MFD_CLOEXEC)
        try:
            os.ftruncate(descriptor, size_bytes)
            self._memory = mmap.mmap(descriptor, size_bytes)
        finally:
            os.close(descriptor)
        self._size = size_bytes
        self._taken: deque[tuple[int, int]] = deque()  # begin and end of each piece, the oldest first

    def write(self, pieces: Sequence[bytes], size_bytes: int) -> int | None:
        """Put `pieces`, of `size_bytes` together, into the ring; returns where, or None: there is no room."""
        begin = self._room_for(size_bytes)
        if begin is None:
            return None
        position = begin
        for piece in pieces:
            self._memory[position : position + len(piece)] = piece
            position += len(piece)
        self._taken.append((begin, position))
        return begin

    def read(self, begin: int, size_bytes: int) -> bytes:
        """A copy of one piece."""
        return self._memory[begin : begin + size_bytes]

    def give_back(self, begin: int, size_bytes: int) -> None:
        """Return the memory of a piece that has been read and is not freed yet; its place stays."""
        page = mmap.PAGESIZE
        first, last = -(-begin // page) * page, (begin + size_bytes) // page * page
        if last > first:
            self._memory.madvise(mmap.MADV_REMOVE, first, last - first)

    def free_oldest(self) -> None:
        """The oldest piece has been read."""
        if self._taken:
            self._taken.popleft()

    def take_back_newest(self) -> None:
        """The newest piece will not be read: its message could not be sent."""
        self._taken.pop()

    def clear(self) -> None:
        """Nothing in it will be read any more."""
        self._taken.clear()

    def _room_for(self, size_bytes: int) -> int | None:
        if not self._taken:
            return 0 if size_bytes <= self._size else None
        oldest, newest = self._taken[0][0], self._taken[-1][1]
        if newest > oldest:
            if size_bytes <= self._size - newest:
                return newest
            return 0 if size_bytes < oldest else None
        return newest if size_bytes < oldest - newest else None
