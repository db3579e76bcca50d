"""Inputs of the past by bin, from a CSV file, and what each window of them says of drift.

The CSV has a header and the columns `time`, `feature` and `counts`: how many events of the feature fell
into each of its bins, separated by spaces. Lines with the time `reference` come first, one for each
feature: what its inputs were like when the model was trained. Then come blocks in order of time (their end:
unix seconds or ISO 8601); a block that has no line for a feature had no events of it.
"""

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from modelward.cli.failure import CommandError
from modelward.cli.history import ENCODING, later_time, number_of
from modelward.evidence.drift import Drift, DriftPolicy, assess, psi

COLUMNS: Final = ("time", "feature", "counts")
REFERENCE: Final = "reference"
ALERTS_PER_YEAR: Final = 1.0
"""False alarms that chance alone may make, shared over features and windows."""

Counts: TypeAlias = tuple[float, ...]
"""Events in each bin of one feature."""


@dataclass(frozen=True, slots=True)
class DriftWindow:
    """What a window says, by feature; a feature without a word is Unknown.

    Args:
        end: unix seconds.
        found: by feature.
    """

    end: int
    found: Mapping[str, Drift]


def read_windows(path: Path, window_seconds: int, threshold: float) -> list[DriftWindow]:
    """Return the windows of a file in order of time; after one that has no follower comes an empty one.

    Args:
        path: of the CSV.
        window_seconds: windows end at multiples of it.
        threshold: PSI that matters.

    Raises:
        CommandError: the file cannot be read, or a line is not as described above.
    """
    inputs = _Inputs(window_seconds)
    try:
        with path.open(newline="", encoding=ENCODING) as file:
            _read(csv.reader(file), path, inputs)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CommandError(f"cannot read {path}: {error}") from error
    if not inputs.windows:
        raise CommandError(f"{path} has no block; after the lines of the time {REFERENCE} write blocks")
    try:
        policy = DriftPolicy(threshold, ALERTS_PER_YEAR, len(inputs.reference), window_seconds)
    except ValueError as error:
        raise CommandError(f"{path}: {error}") from error
    return list(_assessed(policy, inputs))


@dataclass(slots=True)
class _Inputs:
    """What was read so far: the reference, and counts by end of window and feature."""

    window_seconds: int
    reference: dict[str, Counts] = field(default_factory=dict)
    windows: dict[int, dict[str, Counts]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    """Features of the block that is being read."""

    def add_reference(self, feature: str, counts: Counts) -> None:
        if self.windows:
            raise ValueError("a reference after the first block; write the references first")
        if feature in self.reference:
            raise ValueError(f"{feature} has two references; write one")
        psi(counts, counts)  # refuses counts that nothing can be held against
        self.reference[feature] = counts

    def add(self, time: int, feature: str, counts: Counts) -> None:
        if feature not in self.reference:
            known = ", ".join(sorted(self.reference)) or "none"
            raise ValueError(f"no reference for {feature!r}, known are: {known}; write one at the top")
        if feature in self.seen:
            raise ValueError(f"{feature} is there twice at one time")
        psi(counts, self.reference[feature])
        self.seen.add(feature)
        window = self.windows.setdefault(math.ceil(time / self.window_seconds) * self.window_seconds, {})
        before = window.get(feature, (0.0,) * len(counts))
        window[feature] = tuple(map(float.__add__, before, counts))


def _read(rows: Iterator[list[str]], path: Path, inputs: _Inputs) -> None:
    header = next(rows, [])
    if sorted(header) != sorted(COLUMNS):
        raise CommandError(
            f"{path} has the columns {', '.join(header) or 'none'}; write these: {','.join(COLUMNS)}"
        )
    at, feature, counts = (header.index(name) for name in COLUMNS)
    text, time = "", None
    for number, row in enumerate(rows, start=2):
        try:
            found = tuple(number_of(each, "counts") for each in row[counts].split())
            if row[at] == REFERENCE:
                inputs.add_reference(row[feature], found)
                continue
            if row[at] != text or time is None:
                text, time = row[at], later_time(row[at], time, 1)
                inputs.seen.clear()
            inputs.add(time, row[feature], found)
        except IndexError as error:
            message = f"{len(row)} columns; write {','.join(COLUMNS)}"
            raise CommandError(f"{path}, line {number}: {message}") from error
        except ValueError as error:
            raise CommandError(f"{path}, line {number}: {error}") from error


def _assessed(policy: DriftPolicy, inputs: _Inputs) -> Iterator[DriftWindow]:
    for end, counts in inputs.windows.items():
        found = {name: assess(policy, counted, inputs.reference[name]) for name, counted in counts.items()}
        yield DriftWindow(end, found)
        if (following := end + inputs.window_seconds) not in inputs.windows:
            yield DriftWindow(following, {})
