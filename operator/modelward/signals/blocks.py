"""From the series of a counts query to blocks of evidence, per deployment.

Pure: answers in, blocks out. What cannot be read as a count is None (Unknown) and is counted, and it
spoils only the deployment that it belongs to, because the labels come from that team's own pods.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from modelward.evidence.counts import MAX_EVENTS, Block, Count, StorageSplit
from modelward.render.queries import NO_QUERIES, TeamQueries
from modelward.signals.answers import Series
from modelward.signals.key import Key


@dataclass(frozen=True, slots=True)
class Subject:
    """A deployment whose counts are wanted."""

    key: Key
    configs: Mapping[str, str]
    """The current event definition's hash by objective: counts of another definition are not read."""
    consumed: int | None
    """End of the last block that was consumed, unix seconds; None: only the newest is wanted."""
    queries: TeamQueries = NO_QUERIES
    """The team's own, asked for the same blocks."""


BlockOfRevisions: TypeAlias = Mapping[tuple[str, str], Block]
"""(revision, objective) -> count of one block. A pair that is absent had no series: Unknown."""
TimedBlock: TypeAlias = tuple[int, BlockOfRevisions]
"""End of the block in unix seconds, a multiple of the block's length, and what was counted in it."""

_RESULTS: Final = ("good", "bad")
_STORAGE: Final = ("fast", "slow")
"""Classes of the label `storage`; events of any other are counted, and were in neither."""
_ABSENT: Final = -1.0
_NOTHING: Final = (_ABSENT,) * (len(_RESULTS) * (len(_STORAGE) + 1))


@dataclass(frozen=True, slots=True)
class Counted:
    """The blocks of each subject in one answer."""

    blocks: Mapping[Key, tuple[TimedBlock, ...]]
    with_series: frozenset[Key]
    """Subjects of which there was any series, of whatever event definition."""
    unknown: int
    """Counts that are Unknown although there was a series."""
    nonsense: int
    """Values and label sets that no counter of ours can have."""


@dataclass(slots=True)
class _Tally:
    """One subject while its series are read."""

    subject: Subject
    cells: dict[tuple[int, str, str], list[float]] = field(default_factory=dict)
    """(time, revision, objective) -> good and bad while storage was fast, likewise slow, likewise neither;
    _ABSENT where no series was."""
    unknown: set[tuple[int, str, str]] = field(default_factory=set)
    seen: set[tuple[str | None, ...]] = field(default_factory=set)
    with_series: bool = False
    spoiled: bool = False


def count(
    subjects: Iterable[Subject], times: Sequence[int], counts: Iterable[Series], flags: Iterable[Series]
) -> Counted:
    """Sort the series of the counts query, and of the query that flags Unknown blocks, into blocks.

    Args:
        subjects: whom the queries were about; other deployments' series are passed over.
        times: ends of the blocks that were asked for, ascending.
        counts: events per block by namespace, deployment, revision, objective, config, result and storage.
        flags: present where a block of namespace, deployment, revision, objective cannot be told.
    """
    tallies = {subject.key: _Tally(subject) for subject in subjects}
    nonsense = 0
    for series in counts:
        tally = _tally_of(series, tallies)
        if tally is not None:
            nonsense += _add(tally, series)
    for series in flags:
        tally = _tally_of(series, tallies)
        if tally is not None:
            _flag(tally, series)
    blocks = {key: _blocks(tally, times) for key, tally in tallies.items()}
    return Counted(
        blocks=blocks,
        with_series=frozenset(key for key, tally in tallies.items() if tally.with_series),
        unknown=sum(
            value is None for timed in blocks.values() for _, block in timed for value in block.values()
        ),
        nonsense=nonsense,
    )


def _tally_of(series: Series, tallies: Mapping[Key, _Tally]) -> _Tally | None:
    labels = series.labels
    return tallies.get(Key(labels.get("namespace", ""), labels.get("deployment", "")))


def _add(tally: _Tally, series: Series) -> int:
    """Add one series to its cells; how many of its values are nonsense."""
    tally.with_series = True
    labels = series.labels
    revision, objective, result = labels.get("revision"), labels.get("objective"), labels.get("result")
    identity = (revision, objective, result, labels.get("config"), labels.get("storage"))
    if not revision or not objective or result not in _RESULTS or identity in tally.seen:
        tally.spoiled = True
        return len(series.points)
    tally.seen.add(identity)
    if labels.get("config") != tally.subject.configs.get(objective):
        return 0
    nonsense = 0
    storage = labels.get("storage")
    row = _STORAGE.index(storage) if storage in _STORAGE else len(_STORAGE)
    column = row * len(_RESULTS) + _RESULTS.index(result)
    for time, value in series.points:
        at = (round(time), revision, objective)
        if not 0 <= value <= MAX_EVENTS:  # also where it is not a number
            nonsense += 1
            tally.unknown.add(at)
            continue
        cell = tally.cells.get(at)
        if cell is None:
            cell = tally.cells[at] = list(_NOTHING)
        cell[column] = max(cell[column], 0.0) + value
    return nonsense


def _flag(tally: _Tally, series: Series) -> None:
    tally.with_series = True
    revision, objective = series.labels.get("revision"), series.labels.get("objective")
    if not revision or not objective:
        tally.spoiled = True
        return
    tally.unknown.update((round(time), revision, objective) for time, _ in series.points)


def _blocks(tally: _Tally, times: Sequence[int]) -> tuple[TimedBlock, ...]:
    first = times[-1] if tally.subject.consumed is None else tally.subject.consumed + 1
    blocks: dict[int, dict[tuple[str, str], Block]] = {time: {} for time in times if time >= first}
    for time, revision, objective in tally.cells.keys() | tally.unknown:
        if time in blocks:
            blocks[time][revision, objective] = _cell(tally, (time, revision, objective))
    return tuple(blocks.items())


def _cell(tally: _Tally, at: tuple[int, str, str]) -> Block:
    if tally.spoiled or at in tally.unknown:
        return None
    fast_good, fast_bad, slow_good, slow_bad, *neither = tally.cells[at]
    good, bad = _sum(fast_good, slow_good, neither[0]), _sum(fast_bad, slow_bad, neither[1])
    # A missing half is no half: without the bad events the good ones would look flawless.
    if _ABSENT in (good, bad):
        return None
    try:
        return Count(good, bad, _split(fast_good, fast_bad, slow_good, slow_bad))
    except ValueError:
        return None


def _sum(*parts: float) -> float:
    """Sum what is there; _ABSENT if nothing is."""
    there = [part for part in parts if part != _ABSENT]
    return sum(there) if there else _ABSENT


def _split(fast_good: float, fast_bad: float, slow_good: float, slow_bad: float) -> StorageSplit | None:
    """None also where half of a class is missing, and where no event came in either class."""
    if _ABSENT in (fast_good, fast_bad) and fast_good != fast_bad:
        return None
    if _ABSENT in (slow_good, slow_bad) and slow_good != slow_bad:
        return None
    parts = [max(part, 0.0) for part in (fast_good, fast_bad, slow_good, slow_bad)]
    return StorageSplit(*parts) if any(parts) else None
