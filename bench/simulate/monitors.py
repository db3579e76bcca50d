"""What the monitors of one revision count: the shipping `StoreWatch` gives each event its storage class."""

import math
from dataclasses import dataclass, field
from typing import Final

from bench.simulate.incident import RESTING_SECONDS
from modelward.api.monitorconfig import StorageObjectiveConfig
from modelward.conventions import STORAGE_FAST, STORAGE_SLOW
from modelward.evidence.counts import Count, StorageSplit
from modelward.monitor.store_watch import StoreWatch

STORAGE: Final = "storage"
WITHIN_MS: Final = 300
FAST_MS, SLOW_MS = 20.0, 600.0
"""How long a read of the store takes."""


@dataclass(slots=True)
class Monitors:
    """The monitors of one revision, seen as one.

    Args:
        phase: when their first read of the store is due, in seconds.
    """

    phase: int
    _watch: StoreWatch = field(init=False)
    _next_read_s: float = field(init=False)
    _read: tuple[float, float] | None = field(init=False, default=None)
    """End and duration (ms) of the read under way."""
    _tallies: dict[str, dict[str, list[float]]] = field(init=False, default_factory=dict)
    """By objective and storage class, good and bad events of the block."""

    def __post_init__(self) -> None:
        """Watch the store from now on."""
        self._watch = StoreWatch(StorageObjectiveConfig(name=STORAGE, config="c", within_ms=WITHIN_MS))
        self._next_read_s = float(self.phase)

    def second(self, now_s: int, slow: bool, events: dict[str, tuple[int, int]]) -> None:  # noqa: FBT001 - a fact
        """Live through one second, in whose middle the events come: good and bad ones by objective."""
        if self._read is None and (now_s >= self._next_read_s or self._watch.is_attentive(now_s)):
            read_ms = SLOW_MS if slow else FAST_MS
            self._watch.begin_read(now_s)
            self._read = (now_s + read_ms / 1000, read_ms)
            self._next_read_s = now_s + RESTING_SECONDS
        middle_s = now_s + 0.5
        self._finish_read(middle_s)
        storage_class = self._watch.storage_class(middle_s)
        for objective, (good, bad) in events.items():
            self._count(objective, storage_class, good, bad)
        # Labels come later than the requests they are of, and call no attention.
        if any(bad for objective, (_, bad) in events.items() if objective != "accuracy"):
            self._watch.attend(middle_s)
        self._finish_read(now_s + 1)

    def report(self, now_s: int, storage_class: str, events: dict[str, tuple[int, int]]) -> None:
        """Count good and bad events by objective, of requests whose answers say how storage was."""
        for objective, (good, bad) in events.items():
            self._count(objective, storage_class, good, bad)
        requests = sum(events["availability"])
        self._count(
            STORAGE, storage_class, *((0, requests) if storage_class == STORAGE_SLOW else (requests, 0))
        )
        if storage_class == STORAGE_SLOW and requests:
            self._watch.attend(now_s + 0.5)

    def take(self) -> dict[str, Count]:
        """The block's counts by objective; the next block begins."""
        taken = {objective: _count_of(tally) for objective, tally in self._tallies.items()}
        self._tallies = {}
        return taken

    def _finish_read(self, now_s: float) -> None:
        if self._read is None or now_s < self._read[0]:
            return
        ended_s, read_ms = self._read
        self._watch.end_read(ended_s, read_ms)
        storage_class = self._watch.class_of(read_ms)
        is_slow = storage_class == STORAGE_SLOW
        self._count(STORAGE, storage_class, int(not is_slow), int(is_slow))
        if is_slow:
            self._watch.attend(now_s)
        self._read = None

    def _count(self, objective: str, storage_class: str, good: float, bad: float) -> None:
        tally = self._tallies.setdefault(objective, {}).setdefault(storage_class, [0.0, 0.0])
        tally[0] += good
        tally[1] += bad


def _count_of(tally: dict[str, list[float]]) -> Count:
    fast, slow = tally.get(STORAGE_FAST, [0.0, 0.0]), tally.get(STORAGE_SLOW, [0.0, 0.0])
    good, bad = (math.fsum(each[column] for each in tally.values()) for column in (0, 1))
    return Count(good, bad, StorageSplit(*fast, *slow) if any((*fast, *slow)) else None)
