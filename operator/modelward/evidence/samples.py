"""A ledger as samples of gauges, and back: how evidence outlives a restart of the operator.

Every number is one sample `(labels, value)` of the metric `conventions.METRIC_EVIDENCE_STATE`. Prometheus
keeps doubles as they are, so the way there and back is exact. Labels: `revision`, `objective`, `config` and
`terms` say what the state belongs to (an empty label is the same as none), `test` and `component` which
number it is. One sample more, with test `ledger`, is the end of the last block taken in. A state of which a
number is missing or impossible is left out and starts anew. What is known by storage is written only where
there is something to know: where none of it is there, it starts anew by itself.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from modelward.evidence import storage, target, versus
from modelward.evidence.baseline import Baseline
from modelward.evidence.contest import Contest
from modelward.evidence.not_worse import NotWorseState
from modelward.evidence.storage import Episode, StorageState
from modelward.evidence.target import TargetState
from modelward.evidence.versus import VersusState
from modelward.evidence.watch import Watch

Key: TypeAlias = tuple[str, str]
"""(revision, objective)."""
Sample: TypeAlias = tuple[dict[str, str], float]
"""Labels and value."""
Numbers: TypeAlias = dict[tuple[str, str], float]
"""Value by (test, component)."""
Owner: TypeAlias = tuple[str, str, str, str]
"""Values of the labels of `_OWNER`."""


class Parts(NamedTuple):
    """What a ledger is made of."""

    time: int | None
    watches: dict[Key, Watch]
    contests: dict[str, Contest]


_OWNER: Final = ("revision", "objective", "config", "terms")
_LEDGER: Final = "ledger"
_BLOCK_TIME: Final = "block_time"
_TARGET_LEVELS: Final = tuple(f"log_m_{share}" for share in target.BET_SHARES)
_BOUNDED_BETS: Final = tuple(f"log_bounded_{share}" for share in versus.BET_SHARES)
_VERSUS_FIELDS: Final = (
    "log_likelihood",
    "blocks",
    "bad_blocks",
    "candidate_total",
    "candidate_bad",
    "stable_total",
    "stable_bad",
    "window_total",
    "window_bad",
)
_BASELINE_FIELDS: Final = ("total", "bad", "excess", "pairs")
_STORAGE_FIELDS: Final = ("held_good", "held_bad", "was_slow")
_SLOW_BETS: Final = tuple(f"log_slow_{share}" for share in target.BET_SHARES)
_EPISODE_FIELDS: Final = (
    "slow_bets",
    "log_fast",
    "fast_bets",
    "fast_good",
    "fast_bad",
    "slow_good",
    "slow_bad",
    "bad",
)
_NOT_WORSE_FIELDS: Final = ("log_likelihood", "log_bounded", "total", "bad")
_CONTEST_FIELDS: Final = ("candidate_good", "candidate_bad", "stable_good", "stable_bad")


def write(time: int | None, watches: Mapping[Key, Watch], contests: Mapping[str, Contest]) -> list[Sample]:
    """The samples of a ledger's parts; none before the first block."""
    if time is None:
        return []
    samples: list[Sample] = [({"test": _LEDGER, "component": _BLOCK_TIME}, float(time))]
    for (revision, objective), watch in watches.items():
        owner = (revision, objective, watch.config, repr(watch.allowed_bad))
        samples.extend(_owned(owner, _watch_numbers(watch)))
    for objective, contest in contests.items():
        samples.extend(_owned(("", objective, "", contest.terms), _contest_numbers(contest)))
    return samples


def read(samples: Iterable[tuple[Mapping[str, str], float]]) -> Parts:
    """The parts that these are the samples of; none without the block time."""
    time: int | None = None
    owned: dict[Owner, Numbers] = {}
    for labels, value in samples:
        name = labels.get("test", ""), labels.get("component", "")
        if name == (_LEDGER, _BLOCK_TIME):
            time = int(value) if math.isfinite(value) else None
        else:
            revision, objective, config, terms = (labels.get(label, "") for label in _OWNER)
            owned.setdefault((revision, objective, config, terms), {})[name] = value
    watches: dict[Key, Watch] = {}
    contests: dict[str, Contest] = {}
    for owner, numbers in owned.items() if time is not None else ():
        revision, objective, _, terms = owner
        if any(math.isnan(value) or value == math.inf for value in numbers.values()):
            continue
        try:
            if revision:
                watches[revision, objective] = _watch(owner, numbers)
            else:
                contests[objective] = _contest(terms, numbers)
        except (KeyError, ValueError, OverflowError):
            continue
    return Parts(time, watches, contests)


def _owned(owner: Owner, numbers: Numbers) -> Iterator[Sample]:
    whose = {label: value for label, value in zip(_OWNER, owner, strict=True) if value}
    for (test, component), value in numbers.items():
        yield {**whose, "test": test, "component": component}, float(value)


def _named(test: str, names: Iterable[str], values: Iterable[float]) -> Numbers:
    return {(test, name): value for name, value in zip(names, values, strict=True)}


def _fields(test: str, names: tuple[str, ...], state: object) -> Numbers:
    return _named(test, names, (getattr(state, name) for name in names))


def _taken(numbers: Numbers, test: str, names: tuple[str, ...]) -> dict[str, float]:
    return {name: numbers[test, name] for name in names}


def _watch_numbers(watch: Watch) -> Numbers:
    return {
        **_named("target", _TARGET_LEVELS, watch.target.log_m),
        **_fields("target", ("blocks",), watch.target),
        **_fields("baseline", _BASELINE_FIELDS, watch.baseline),
        **_fields("events", ("good", "bad", "unknown"), watch),
        **_storage_numbers(watch.storage),
    }


def _storage_numbers(state: StorageState) -> Numbers:
    if state == storage.start():
        return {}
    numbers = {
        **_fields("storage", _STORAGE_FIELDS, state),
        **_fields("storage_usual", _BASELINE_FIELDS, state.usual),
    }
    if state.episode:
        numbers |= _named("storage_episode", _SLOW_BETS, state.episode.log_slow)
        numbers |= _fields("storage_episode", _EPISODE_FIELDS, state.episode)
    return numbers


def _watch(owner: Owner, numbers: Numbers) -> Watch:
    _, _, config, allowed_bad = owner
    events = _taken(numbers, "events", ("good", "bad", "unknown"))
    return Watch(
        config,
        float(allowed_bad),
        TargetState(
            tuple(_taken(numbers, "target", _TARGET_LEVELS).values()), int(numbers["target", "blocks"])
        ),
        Baseline(**_taken(numbers, "baseline", _BASELINE_FIELDS)),
        events["good"],
        events["bad"],
        int(events["unknown"]),
        _storage(numbers),
    )


def _storage(numbers: Numbers) -> StorageState:
    tests = {test for test, _ in numbers}
    if "storage" not in tests:
        return storage.start()
    held = _taken(numbers, "storage", _STORAGE_FIELDS)
    return StorageState(
        _episode(numbers) if "storage_episode" in tests else None,
        Baseline(**_taken(numbers, "storage_usual", _BASELINE_FIELDS)),
        held["held_good"],
        held["held_bad"],
        int(held["was_slow"]),
    )


def _episode(numbers: Numbers) -> Episode:
    state = _taken(numbers, "storage_episode", _EPISODE_FIELDS)
    return Episode(
        tuple(_taken(numbers, "storage_episode", _SLOW_BETS).values()),
        int(state.pop("slow_bets")),
        state.pop("log_fast"),
        int(state.pop("fast_bets")),
        **state,
    )


def _contest_numbers(contest: Contest) -> Numbers:
    return {
        **_named("versus", _BOUNDED_BETS, contest.versus.log_bounded),
        **_fields("versus", _VERSUS_FIELDS, contest.versus),
        **_fields("not_worse", _NOT_WORSE_FIELDS, contest.not_worse),
        **_fields("events", _CONTEST_FIELDS, contest),
    }


def _contest(terms: str, numbers: Numbers) -> Contest:
    state = _taken(numbers, "versus", _VERSUS_FIELDS)
    return Contest(
        terms,
        VersusState(
            tuple(_taken(numbers, "versus", _BOUNDED_BETS).values()),
            state.pop("log_likelihood"),
            int(state.pop("blocks")),
            int(state.pop("bad_blocks")),
            **state,
        ),
        NotWorseState(**_taken(numbers, "not_worse", _NOT_WORSE_FIELDS)),
        **_taken(numbers, "events", _CONTEST_FIELDS),
    )
