"""Whether the store was fast or slow when an event happened, from the newest read of it.

With a storage objective every event carries a storage class; without one all are `unknown`.

- An answer that names the time of its own reads (server_timing.py) is classed by that.
- Any other event is classed by the monitor's newest own read (store_probe.py): `slow` when it took longer
  than the objective's `within` or failed, or when the one under way has taken that long already.
- At rest a read every half minute is enough, and it classes events for AT_REST_VALID_SECONDS. From a bad
  event of any objective on, and for ATTENTION_SECONDS after the last, there is a read every second, and one
  older than ATTENTIVE_VALID_SECONDS classes events `unknown`.

Good events and bad ones of the same moment get the same class, whatever the class is: a rule that kept only
good events of an old reading would make a fast store look better than it is. The event that calls attention
is itself classed by the reading at rest. So at the onset of slowness the events of one read's duration, a
few hundred milliseconds, are classed by what was known: one as `fast`, the rest as `unknown`.
"""

import asyncio
import math
from dataclasses import dataclass, field
from typing import Final

from modelward.api.monitorconfig import StorageObjectiveConfig
from modelward.conventions import STORAGE_FAST, STORAGE_SLOW, STORAGE_UNKNOWN

AT_REST_VALID_SECONDS: Final = 35.0
"""The longest pause between reads at rest (30 s), and a read that takes as long as one may."""
ATTENTIVE_VALID_SECONDS: Final = 5.0
ATTENTION_SECONDS: Final = 30.0


@dataclass(slots=True)
class StoreWatch:
    """What is known of the store. Times are of one monotonic clock, in seconds."""

    objective: StorageObjectiveConfig | None = None
    """In force; None: the store is not watched."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when attention begins."""
    _read_ms: float | None = None
    """How long the newest read took, infinite if it failed; None: nothing is known."""
    _read_at_s: float = -math.inf
    _under_way_since_s: float | None = None
    _attentive_until_s: float = -math.inf

    def watch(self, objective: StorageObjectiveConfig | None) -> None:
        """Put an objective in force."""
        self.objective = objective

    def is_attentive(self, now_s: float) -> bool:
        """Whether bad events were seen of late."""
        return now_s < self._attentive_until_s

    def attend(self, now_s: float) -> None:
        """A bad event was seen."""
        if not self.is_attentive(now_s):
            self.woken.set()
        self._attentive_until_s = now_s + ATTENTION_SECONDS

    def begin_read(self, now_s: float) -> None:
        """A read of the store begins."""
        self._under_way_since_s = now_s

    def end_read(self, now_s: float, read_ms: float | None) -> None:
        """It has ended: its time, infinite if it failed, or None if it says nothing of the store's."""
        self._under_way_since_s = None
        self._read_ms, self._read_at_s = read_ms, now_s

    def storage_class(self, now_s: float) -> str:
        """The class of an event that happens now and does not say itself how long its reads took."""
        if self.objective is None:
            return STORAGE_UNKNOWN
        since_s = self._under_way_since_s
        if since_s is not None and (now_s - since_s) * 1000 > self.objective.within_ms:
            return STORAGE_SLOW
        valid_s = ATTENTIVE_VALID_SECONDS if self.is_attentive(now_s) else AT_REST_VALID_SECONDS
        if self._read_ms is None or now_s - self._read_at_s > valid_s:
            return STORAGE_UNKNOWN
        return self.class_of(self._read_ms)

    def class_of(self, read_ms: float) -> str:
        """The class of a read that took this long; infinite: it failed."""
        if self.objective is None:
            return STORAGE_UNKNOWN
        return STORAGE_FAST if read_ms <= self.objective.within_ms else STORAGE_SLOW
