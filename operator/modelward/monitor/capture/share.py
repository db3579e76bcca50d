"""Which requests' bodies are sampled: a share of them, and no more than so many in a second. Pure."""

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Share:
    """Decides for one request after the other. Times are of one monotonic clock, in seconds."""

    share: float
    per_second: int
    rng: random.Random = field(default_factory=random.Random)
    _second: int = -1
    _taken: int = 0

    def takes(self, now_s: float) -> bool:
        """Whether the request that comes now is sampled."""
        if self.rng.random() >= self.share:
            return False
        second = int(now_s)
        if second != self._second:
            self._second, self._taken = second, 0
        self._taken += 1
        return self._taken <= self.per_second
