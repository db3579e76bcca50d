"""The bodies of sampled exchanges, kept until their answers have ended."""

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False, weakref_slot=True)
class Sample:
    """The bodies of a sampled exchange, in pieces as they came."""

    max_bytes: int
    """Longest body that is kept."""
    request: list[bytes] = field(default_factory=list)
    answer: list[bytes] = field(default_factory=list)
    is_too_large: bool = False

    def take(self, pieces: list[bytes], data: bytes, size_bytes: int) -> None:
        """Keep `data` as the next of the request's or the answer's `pieces`, of so many bytes by now."""
        if size_bytes > self.max_bytes:
            self.is_too_large = True
            self.request.clear()
            self.answer.clear()
        elif not self.is_too_large:
            pieces.append(data)
